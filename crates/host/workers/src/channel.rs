//! How the daemon speaks with a worker: a pair of sockets, of which the worker's is its standard input. First the worker's
//! sockets come, with one byte; then come lines of JSON; after the first one the worker says one byte: that it serves.

use std::io::{IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use madang_dns::Directory;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How long a worker may take to read what it is told.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many sockets a worker is given at most.
const SOCKETS: usize = 4;
/// What the worker says when it serves; the byte that comes with its sockets is the same.
pub(crate) const READY: &[u8] = b"\n";

/// What the name service must know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Briefing {
    /// Who may ask, and what there is.
    pub directory: Directory,
    /// Whom all else is asked, the first one first.
    pub resolvers: Vec<SocketAddr>,
}

/// The daemon's end.
#[derive(Debug)]
pub(crate) struct ToWorker(UnixStream);

impl ToWorker {
    /// Both ends.
    pub(crate) fn pair() -> Result<(Self, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair().map_err(Error::step("make a pair of sockets"))?;
        ours.set_write_timeout(Some(PATIENCE)).map_err(Error::step("limit the time of a socket"))?;
        Ok((Self(ours), theirs.into()))
    }

    pub(crate) fn give(&self, sockets: &[OwnedFd]) -> Result<()> {
        let sockets: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&sockets)) {
            return Err(Error::Channel("too many sockets"));
        }
        rustix::net::sendmsg(&self.0, &[IoSlice::new(READY)], &mut control, SendFlags::empty())
            .map(drop)
            .map_err(Error::step("hand over the sockets"))
    }

    pub(crate) fn tell(&mut self, briefing: &impl Serialize) -> Result<()> {
        let mut line =
            serde_json::to_vec(briefing).map_err(|_| Error::Channel("what it is told is no JSON"))?;
        line.push(b'\n');
        self.0.write_all(&line).map_err(Error::step("tell it what has changed"))
    }

    /// Whether the worker has said that it serves.
    pub(crate) fn is_ready(&self) -> bool {
        let mut byte = [0];
        matches!(rustix::net::recv(&self.0, &mut byte, RecvFlags::DONTWAIT | RecvFlags::PEEK), Ok((1, _)))
    }
}

/// The worker's end.
#[derive(Debug)]
pub(crate) struct Daemon(UnixStream);

impl Daemon {
    pub(crate) fn open() -> Result<Self> {
        let stdin = std::io::stdin().as_fd().try_clone_to_owned();
        Ok(Self(stdin.map_err(Error::step("keep the daemon's socket"))?.into()))
    }

    /// What it gives first. If it has ended before, there is nothing to do here.
    pub(crate) fn sockets(&self) -> Result<Vec<OwnedFd>> {
        let mut byte = [0];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        rustix::net::recvmsg(&self.0, &mut [IoSliceMut::new(&mut byte)], &mut control, flags)
            .map_err(Error::step("take the sockets"))?;
        let mut sockets = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(given) = message {
                sockets.extend(given);
            }
        }
        if sockets.is_empty() { Err(Error::Channel("no sockets came")) } else { Ok(sockets) }
    }

    /// What it is told comes here.
    pub(crate) fn stream(self) -> Result<UnixStream> {
        Ok(self.0)
    }
}
