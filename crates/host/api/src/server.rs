//! The API over HTTP, on a Unix socket and over TLS: a thin layer above the [`Registry`] and the [`Runtime`].
//!
//! Who can open the socket is as powerful as root: mode 0660, of the group `madang` if there is one. Who comes over TLS is
//! let in by [`Access`]. Every write is logged with who it came from (target `madang::audit`), without its contents.

mod accept;
mod answer;
mod body;
mod delete;
mod discovery;
mod giver;
mod group;
mod guard;
mod handle;
mod openapi;
mod patch;
mod query;
mod read;
mod route;
mod scale;
mod sent;
mod socket;
mod strategic;
mod stream;
mod table;
mod tls;
mod write;
mod writer;

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1::{self, Parts};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use madang_access::Shares;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::UCred;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::{Access, Peer, Registry, Runtime};
pub use group::socket_group;
use guard::{Guard, Held};
use handle::Api;
use read::Pages;
use socket::Claim;
use tls::Arriving;
pub use tls::TlsListener;

/// How long it may take to tell a client that its connection ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// How much a client may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest body of a single resource or a patch, in bytes.
    pub body: usize,
    /// The longest body of a bundle.
    pub bundle: usize,
    /// How long all bodies together may be that are read or worked on at a time.
    pub bodies: usize,
    /// How long a connection may wait for a whole head of a request, the first one or the next.
    pub head_time: Duration,
    /// How long a request's body may take to come.
    pub body_time: Duration,
    /// How many connections to the socket may be open.
    pub connections: u32,
    /// How many connections over TLS may be open: others than those to the socket.
    pub tls_connections: u32,
    /// How long requests may go on when the server stops. Watches, followed logs and exec end at once.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 3 << 20,
            bundle: 16 << 20,
            bodies: 64 << 20,
            head_time: Duration::from_secs(30),
            body_time: Duration::from_secs(30),
            connections: 2048,
            tls_connections: 2048,
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
    access: Option<Arc<Access>>,
    tls: Option<TlsListener>,
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
        Ok(Self { listener, claim, limits, access: None, tls: None })
    }

    /// With users, an audit log, and over TLS too, if there is a listener.
    #[must_use]
    pub fn guarded(self, access: Arc<Access>, tls: Option<TlsListener>) -> Self {
        Self { access: Some(access), tls, ..self }
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        self.claim.socket()
    }

    /// Answers until `stop` is done and the requests at hand are answered, then removes the socket.
    pub async fn serve(self, registry: Registry, runtime: Arc<dyn Runtime>, stop: impl Future<Output = ()>) {
        let (phase, phases) = watch::channel(Phase::Serving);
        let limits = self.limits;
        let room = Arc::new(Semaphore::new(limits.connections as usize));
        let tls_room = Arc::new(Semaphore::new(limits.tls_connections as usize));
        // Nobody takes all of it: not from one address.
        let shares = Arc::new(Mutex::new(Shares::new(limits.tls_connections as usize / 2, usize::MAX)));
        let (access, pages) = (self.access.clone(), Pages::default());
        let bodies = Arc::new(Semaphore::new(limits.bodies));
        let api = Arc::new(Api { registry, runtime, access, limits, bodies, phase: phases, pages });
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => start(&api, self.access.as_ref(), &room, stream),
                    Err(error) => not_accepted(&error).await,
                },
                accepted = arriving(self.tls.as_ref()) => match (accepted, &self.access) {
                    (Ok(arriving), Some(access)) => start_tls(&api, access, &tls_room, &shares, arriving),
                    (Ok(_), None) => {}
                    (Err(error), _) => not_accepted(&error).await,
                },
            }
        }
        drop((self.listener, self.tls));
        phase.send_replace(Phase::Stopping);
        let all = async {
            let _ = tokio::join!(
                room.acquire_many(limits.connections),
                tls_room.acquire_many(limits.tls_connections)
            );
        };
        if timeout(limits.grace, all).await.is_err() {
            tracing::warn!("requests are cut off: they were not answered in time");
        }
        phase.send_replace(Phase::Stopped);
        drop(self.claim);
    }
}

/// The next connection over TLS; never, if there is no such listener.
async fn arriving(tls: Option<&TlsListener>) -> io::Result<Arriving> {
    match tls {
        Some(tls) => tls.accept().await,
        None => std::future::pending().await,
    }
}

async fn not_accepted(error: &io::Error) {
    // Out of descriptors, most likely: others have to end before a next one can begin.
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(50)).await;
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

fn start(api: &Arc<Api>, access: Option<&Arc<Access>>, room: &Arc<Semaphore>, stream: UnixStream) {
    let Ok(permit) = Arc::clone(room).try_acquire_owned() else {
        drop(tokio::spawn(answer::too_many(stream)));
        return;
    };
    let credentials = stream.peer_cred().ok();
    let peer = Peer::Socket {
        uid: credentials.map(|peer| peer.uid()),
        gid: credentials.map(|peer| peer.gid()),
        pid: credentials.and_then(|peer| peer.pid()),
    };
    let (api, peer) = (Arc::clone(api), Arc::new(peer));
    let guard =
        access.map(|access| Guard { api: Arc::clone(&api), access: Arc::clone(access), peer, credentials });
    tokio::spawn(connection(api, guard, credentials, stream, Arc::new(permit)));
}

/// A connection too many over TLS is closed: whoever it is, the handshake would cost more than the answer.
fn start_tls(
    api: &Arc<Api>,
    access: &Arc<Access>,
    room: &Arc<Semaphore>,
    shares: &Arc<Mutex<Shares>>,
    arriving: Arriving,
) {
    let share = Share::take(shares, arriving.network());
    let (Some(share), Ok(permit)) = (share, Arc::clone(room).try_acquire_owned()) else {
        tracing::warn!(from = arriving.network(), "a connection over TLS was closed: too many are open");
        return;
    };
    let (api, access) = (Arc::clone(api), Arc::clone(access));
    tokio::spawn(async move {
        let _share = share;
        let Some((stream, peer)) = arriving.shake().await else { return };
        let guard = Guard { api: Arc::clone(&api), access, peer: Arc::new(peer), credentials: None };
        connection(api, Some(guard), None, stream, Arc::new(permit)).await;
    });
}

/// One of the connections that an address may have.
struct Share {
    shares: Arc<Mutex<Shares>>,
    network: String,
}

impl Share {
    fn take(shares: &Arc<Mutex<Shares>>, network: String) -> Option<Self> {
        shares.lock().unwrap_or_else(PoisonError::into_inner).take(&network).ok()?;
        Some(Self { shares: Arc::clone(shares), network })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner).give(&self.network);
    }
}

/// One connection, from its first to its last request. What it is upgraded to holds the permit too.
async fn connection<S>(
    api: Arc<Api>,
    guard: Option<Guard>,
    credentials: Option<UCred>,
    stream: S,
    permit: Arc<OwnedSemaphorePermit>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut phase = api.phase.clone();
    let limits = api.limits;
    let service = service_fn(move |request| {
        let (api, guard, permit) = (Arc::clone(&api), guard.clone(), Arc::clone(&permit));
        async move {
            match guard {
                Some(guard) => guard.answer(request, permit).await,
                None => Ok(api.answer(request, credentials, permit).await.map(Held::from)),
            }
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        _ = phase.wait_for(|phase| *phase >= Phase::Stopping) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            tokio::select! {
                ended = &mut connection => ended,
                _ = phase.wait_for(|phase| *phase >= Phase::Stopped) => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
        // Over TLS an end that nobody said may be an attacker's: who is left waiting is told.
        if let Some(Parts { io, .. }) = connection.into_parts() {
            let _ = timeout(FAREWELL, io.into_inner().shutdown()).await;
        }
    }
}
