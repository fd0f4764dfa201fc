//! The API over HTTP on a Unix socket: a thin layer above the [`Registry`] and the [`Runtime`].
//!
//! Who can open the socket is as powerful as root: mode 0660, and every write is logged with who it came from (target
//! `madang::audit`), without its contents.

mod accept;
mod answer;
mod body;
mod delete;
mod discovery;
mod handle;
mod openapi;
mod patch;
mod query;
mod read;
mod route;
mod scale;
mod schemas;
mod sent;
mod socket;
mod strategic;
mod stream;
mod table;
mod write;
mod writer;

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::{Registry, Runtime};
use handle::Api;
use read::Pages;
use socket::Claim;

/// How much a client may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest body, in bytes.
    pub body: usize,
    /// How long a request's head may take to come.
    pub head_time: Duration,
    /// How long a request's body may take to come.
    pub body_time: Duration,
    /// How many connections may be open.
    pub connections: u32,
    /// How long requests may go on when the server stops. Watches, followed logs and exec end at once.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 16 << 20,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            connections: 2048,
            grace: Duration::from_secs(5),
        }
    }
}

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is a daemon already.
    #[error(
        "another daemon serves {socket}: stop it first (`madang down --all`, or the service that runs `madang serve`), or give this one a place of its own with --root"
    )]
    InUse {
        /// The socket.
        socket: PathBuf,
    },
    /// There is something else.
    #[error(
        "{path} is there and is no socket: it was left as it is. Move it away, or give the daemon another place with --root"
    )]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {operation} {path}")]
    Io {
        /// What was done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A socket that nobody else serves.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    claim: Claim,
    limits: Limits,
}

impl Server {
    /// Takes the socket, also from a daemon that died; refused if one answers there. Its directory is made if there is
    /// none. From here on clients can connect; they are answered once it is served.
    pub async fn bind(socket: &Path) -> Result<Self, ServeError> {
        Self::bind_with(socket, Limits::default()).await
    }

    /// The same, with other limits.
    pub async fn bind_with(socket: &Path, limits: Limits) -> Result<Self, ServeError> {
        let (listener, claim) = socket::claim(socket).await?;
        Ok(Self { listener, claim, limits })
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        self.claim.socket()
    }

    /// Answers until `stop` is done and the requests at hand are answered, then removes the socket.
    pub async fn serve(self, registry: Registry, runtime: Arc<dyn Runtime>, stop: impl Future<Output = ()>) {
        let (phase, phases) = watch::channel(Phase::Serving);
        let room = Arc::new(Semaphore::new(self.limits.connections as usize));
        let api =
            Arc::new(Api { registry, runtime, limits: self.limits, phase: phases, pages: Pages::default() });
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => start(&api, &room, stream),
                    Err(error) => {
                        // Out of descriptors, most likely: others have to end before a next one can begin.
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
        drop(self.listener);
        phase.send_replace(Phase::Stopping);
        let all = room.acquire_many(self.limits.connections);
        if timeout(self.limits.grace, all).await.is_err() {
            tracing::warn!("requests are cut off: they were not answered in time");
        }
        phase.send_replace(Phase::Stopped);
        drop(self.claim);
    }
}

/// How far the server's end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Phase {
    Serving,
    /// What goes on without end ends; requests are answered.
    Stopping,
    /// Everything ends.
    Stopped,
}

fn start(api: &Arc<Api>, room: &Arc<Semaphore>, stream: UnixStream) {
    match Arc::clone(room).try_acquire_owned() {
        Ok(permit) => drop(tokio::spawn(connection(Arc::clone(api), stream, Arc::new(permit)))),
        Err(_) => drop(tokio::spawn(answer::too_many(stream))),
    }
}

/// One connection, from its first to its last request. What it is upgraded to holds the permit too.
async fn connection(api: Arc<Api>, stream: UnixStream, permit: Arc<OwnedSemaphorePermit>) {
    let peer = stream.peer_cred().ok();
    let mut phase = api.phase.clone();
    let limits = api.limits;
    let service = service_fn(move |request| {
        let (api, permit) = (Arc::clone(&api), Arc::clone(&permit));
        async move { Ok::<_, std::convert::Infallible>(api.answer(request, peer, permit).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = phase.wait_for(|phase| *phase >= Phase::Stopping) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                _ = phase.wait_for(|phase| *phase >= Phase::Stopped) => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
    }
}
