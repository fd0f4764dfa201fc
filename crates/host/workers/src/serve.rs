//! What is the same in every worker.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{LocalSet, spawn_local};

use crate::channel::{Daemon, READY};
use crate::{Error, Result};

/// Runs the work on one thread: all of it but what is to be done before it ends, for which it is told when.
pub(crate) fn run(work: impl AsyncFnOnce(&mut Signal) -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::step("start the runtime"))?;
    LocalSet::new().block_on(&runtime, async {
        let mut end = signal(SignalKind::terminate()).map_err(Error::step("wait for a signal"))?;
        work(&mut end).await
    })
}

/// The same that is given, unless the worker is told to end before it is there.
pub(crate) async fn unless_ended<T>(end: &mut Signal, it: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        it = it => Some(it),
        _ = end.recv() => None,
    }
}

/// Waits for the first thing that the daemon tells, says that the worker serves, and takes what follows as long as there is a
/// daemon. So nobody is answered by a worker that knows nothing, nor is one ended that knows something.
pub(crate) async fn briefings<B: DeserializeOwned + 'static>(
    daemon: Daemon,
    mut take: impl FnMut(B) + 'static,
) -> Result<()> {
    let daemon = daemon.stream()?;
    daemon.set_nonblocking(true).map_err(Error::step("take a socket"))?;
    let daemon = UnixStream::from_std(daemon).map_err(Error::step("take a socket"))?;
    let (read, mut write) = daemon.into_split();
    let mut lines = BufReader::new(read).lines();
    let first = lines.next_line().await.map_err(Error::step("read what the daemon tells"))?;
    let first = first.ok_or(Error::Channel("the daemon has told nothing"))?;
    take(serde_json::from_str(&first).map_err(|_| Error::Channel("what it tells is not understood"))?);
    write.write_all(READY).await.map_err(Error::step("tell the daemon"))?;
    spawn_local(async move {
        // The other half stays open as long as this is there.
        let _write = write;
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(briefing) => take(briefing),
                // The error of a parser quotes what it cannot read, which may be a secret.
                Err(_) => crate::say("what the daemon tells is not understood"),
            }
        }
    });
    Ok(())
}

/// The index of the port of who asks from this address: what the datapath made of it.
pub(crate) fn asker(peer: SocketAddr) -> Option<u32> {
    const SEEN: Ipv4Addr = Ipv4Addr::new(240, 0, 0, 0);
    match peer.ip() {
        IpAddr::V4(v4) if u32::from(v4) >= u32::from(SEEN) => Some(u32::from(v4) & !u32::from(SEEN)),
        _ => None,
    }
}
