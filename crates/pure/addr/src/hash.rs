//! A hash that is the same in every build and on every machine, which the standard library's is not: names of ports and
//! pins, Ethernet addresses and the marks of specs are made of it. It spreads; it keeps no secret.
//!
//! FNV-1a, 64 bits (RFC 9923).

/// The hash of nothing: where [`fnv1a`] begins.
pub const START: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// The hash of what gave `state`, with these bytes after it; from [`START`] that of the bytes alone.
pub fn fnv1a(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_standard() {
        for (text, hash) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            assert_eq!(fnv1a(START, text.as_bytes()), hash, "{text}");
        }
        assert_eq!(fnv1a(fnv1a(START, b"foo"), b"bar"), fnv1a(START, b"foobar"));
    }
}
