//! Many frames in one call (recvmmsg(2), sendmmsg(2)).

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How many frames one call takes or sends.
const FRAMES: usize = 64;
/// The longest frame that is taken. What is longer was not sent by Ethernet as it is.
const LONGEST: usize = 2048;
/// Room for what the kernel says beside a frame: a header and `tpacket_auxdata`, and some.
const BESIDE: usize = 64;
/// `TP_STATUS_CSUMNOTREADY` of linux/if_packet.h.
const CHECKSUM_NOT_READY: u32 = 1 << 3;

/// A frame that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// All of it.
    pub bytes: &'a [u8],
    /// Whether its checksum is not computed yet, because it comes from this machine: then it is wrong.
    pub checksum_pending: bool,
}

/// Room for frames, used again and again.
pub struct Batch {
    frames: Box<[[u8; LONGEST]]>,
    /// Of each frame that came: its length, and whether its checksum is pending.
    came: Vec<(usize, bool)>,
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Beside([u8; BESIDE]);

impl Batch {
    /// Room for some frames.
    pub fn new() -> Self {
        Self { frames: vec![[0; LONGEST]; FRAMES].into_boxed_slice(), came: Vec::with_capacity(FRAMES) }
    }

    /// The frames, in the order in which they came.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.frames
            .iter()
            .zip(&self.came)
            .filter(|(_, (length, _))| *length > 0)
            .map(|(bytes, (length, pending))| Frame { bytes: &bytes[..*length], checksum_pending: *pending })
    }

    /// Whether as many came as there is room for: there may be more.
    pub fn is_full(&self) -> bool {
        self.came.len() == FRAMES
    }

    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.came.clear();
        let mut beside = [Beside([0; BESIDE]); FRAMES];
        let place =
            |bytes: &mut [u8; LONGEST]| libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: LONGEST };
        let mut places: Vec<libc::iovec> = self.frames.iter_mut().map(place).collect();
        let mut messages: Vec<libc::mmsghdr> = places
            .iter_mut()
            .zip(&mut beside)
            .map(|(place, beside)| {
                let mut message = empty();
                message.msg_hdr.msg_iov = std::ptr::from_mut(place);
                message.msg_hdr.msg_iovlen = 1;
                message.msg_hdr.msg_control = beside.0.as_mut_ptr().cast();
                message.msg_hdr.msg_controllen = BESIDE;
                message
            })
            .collect();
        let count = libc::c_uint::try_from(FRAMES).expect("they are few");
        // SAFETY: each message points to room of the length that it says, which outlives the call.
        let came = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let Ok(came) = usize::try_from(came) else {
            let error = io::Error::last_os_error();
            let nothing = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
            return if nothing { Ok(()) } else { Err(error) };
        };
        self.came.extend(messages[..came].iter().map(|message| {
            let cut = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            let length = usize::try_from(message.msg_len).unwrap_or(0).min(LONGEST);
            (if cut { 0 } else { length }, checksum_pending(&message.msg_hdr))
        }));
        Ok(())
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("came", &self.came).finish_non_exhaustive()
    }
}

/// What the kernel says beside a frame.
fn checksum_pending(header: &libc::msghdr) -> bool {
    // SAFETY: the kernel has filled the control buffer that the header points to, and these walk within its length.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        if message.is_null()
            || (*message).cmsg_level != libc::SOL_PACKET
            || (*message).cmsg_type != libc::PACKET_AUXDATA
            || (*message).cmsg_len < libc::CMSG_LEN(4) as usize
        {
            return false;
        }
        let status = libc::CMSG_DATA(message).cast::<u32>().read_unaligned();
        status & CHECKSUM_NOT_READY != 0
    }
}

pub(super) fn send<'a>(
    socket: BorrowedFd<'_>,
    frames: impl IntoIterator<Item = &'a [u8]>,
) -> io::Result<usize> {
    let mut places: Vec<libc::iovec> = frames
        .into_iter()
        // The kernel does not write to what it sends.
        .map(|bytes| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() })
        .collect();
    let mut sent = 0;
    while sent < places.len() {
        let mut messages: Vec<libc::mmsghdr> = places[sent..]
            .iter_mut()
            .take(FRAMES)
            .map(|place| {
                let mut message = empty();
                message.msg_hdr.msg_iov = std::ptr::from_mut(place);
                message.msg_hdr.msg_iovlen = 1;
                message
            })
            .collect();
        let count = libc::c_uint::try_from(messages.len()).expect("they are few");
        // SAFETY: each message points to bytes of the length that it says, which outlive the call.
        let went = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
        match usize::try_from(went) {
            Ok(went) => {
                let all = went == messages.len();
                sent += went;
                if !all {
                    break;
                }
            }
            Err(_) if sent > 0 => break,
            Err(_) => return Err(io::Error::last_os_error()),
        }
    }
    Ok(sent)
}

fn empty() -> libc::mmsghdr {
    // SAFETY: all zeros is a message of nothing.
    unsafe { std::mem::zeroed() }
}

const _: () = assert!(BESIDE >= size_of::<libc::cmsghdr>() + size_of::<libc::tpacket_auxdata>());
