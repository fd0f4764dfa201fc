//! What the daemon and `sandbox-exec` say to each other: one message, one packet, descriptors beside it.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use madang_kernel::process::ProcessId;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ExecRequest;

/// More than any command line that is typed; a socket's buffer holds it.
pub(super) const LONGEST: usize = 128 << 10;

/// From the daemon. Beside it, without a terminal: standard input, output and error.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Enter {
    /// The instance's directory.
    pub(super) dir: PathBuf,
    /// Whose namespaces.
    pub(super) shim: ProcessId,
    pub(super) request: ExecRequest,
}

/// From `sandbox-exec`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// Beside it: the terminal's other side.
    Terminal,
    /// The command runs.
    Began,
    /// It does not.
    Failed { reason: String, code: i32 },
}

/// Sends a message and descriptors.
pub(super) fn send(
    socket: impl AsFd,
    message: &impl Serialize,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    if text.len() > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command is longer than 128 KiB"));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)), "there is space for three");
    }
    sendmsg(socket, &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits for a message. An error of kind `UnexpectedEof` if the other end is gone.
pub(super) fn receive<T: DeserializeOwned>(socket: impl AsFd) -> io::Result<(T, Vec<OwnedFd>)> {
    let mut text = vec![0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let descriptors = control
        .drain()
        .filter_map(
            |message| if let RecvAncillaryMessage::ScmRights(fds) = message { Some(fds) } else { None },
        )
        .flatten()
        .collect();
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((serde_json::from_slice(&text[..received.bytes])?, descriptors))
}
