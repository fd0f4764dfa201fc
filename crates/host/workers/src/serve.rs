//! What is the same in every worker.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use crate::channel::Daemon;
use crate::{Error, Result};

/// Runs the work, on one thread, until it fails or the worker is told to end.
pub(crate) fn until_told_to_end(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::step("start the runtime"))?;
    LocalSet::new().block_on(&runtime, async {
        let mut end = signal(SignalKind::terminate()).map_err(Error::step("wait for a signal"))?;
        tokio::select! {
            done = work => done,
            _ = end.recv() => Ok(()),
        }
    })
}

/// Tells the daemon that the worker serves, and takes what the daemon tells, as long as there is one.
pub(crate) async fn briefings<B: DeserializeOwned>(daemon: Daemon, mut take: impl FnMut(B)) {
    let Ok(daemon) = daemon.ready().and_then(|daemon| {
        daemon
            .set_nonblocking(true)
            .and_then(|()| UnixStream::from_std(daemon))
            .map_err(Error::step("take a socket"))
    }) else {
        return;
    };
    let mut lines = BufReader::new(daemon).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(briefing) => take(briefing),
            // The error of a parser quotes what it cannot read, which may be a secret.
            Err(_) => crate::say("what the daemon tells is not understood"),
        }
    }
}

/// The index of the port of who asks from this address: what the datapath made of it.
pub(crate) fn asker(peer: SocketAddr) -> Option<u32> {
    const SEEN: Ipv4Addr = Ipv4Addr::new(240, 0, 0, 0);
    match peer.ip() {
        IpAddr::V4(v4) if u32::from(v4) >= u32::from(SEEN) => Some(u32::from(v4) & !u32::from(SEEN)),
        _ => None,
    }
}
