//! Fixed fields at fixed places. The views have checked that their header is there.

use crate::Error;

/// Whether there are that many bytes.
pub(crate) fn need(format: &'static str, bytes: &[u8], needed: usize) -> Result<(), Error> {
    let present = bytes.len();
    if present < needed { Err(Error::Truncated { format, needed, present }) } else { Ok(()) }
}

/// The bytes from here on, as many as the type says.
pub(crate) fn take<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut taken = [0; N];
    taken.copy_from_slice(&bytes[at..at + N]);
    taken
}

/// Writes them there.
pub(crate) fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

/// A 16-bit number in network order.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(take(bytes, at))
}

/// A 32-bit number in network order.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(take(bytes, at))
}
