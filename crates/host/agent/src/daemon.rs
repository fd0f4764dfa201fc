//! The daemon's life: start, answer, end.

use std::fs::{DirBuilder, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use madang_api::{Ended, Registry, Server};
use madang_compute::Driver;
use madang_kernel::Layout;
use madang_kernel::datapath::{Datapath, Options, Reader};
use madang_store::{Embedded, Store};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::AgentError;
use crate::access::{self, AccessOptions, Opened};
use crate::dhcp_servers::DhcpServers;
use crate::events::EventRecorder;
use crate::host::Host;
use crate::reconcile::{Picture, Reconciler};
use crate::runtime::{HostRuntime, chain};
use crate::services::Services;

/// How the daemon is to run.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where everything stands.
    pub layout: Layout,
    /// The program to start shims with; none: this one.
    pub executable: Option<PathBuf>,
    /// Who may use the API, and where.
    pub access: AccessOptions,
    /// Whom the name service asks what it does not know; none: whom the host asks.
    pub resolvers: Option<Vec<SocketAddr>>,
}

/// What the parts of the daemon share.
pub(crate) struct Agent {
    pub(crate) layout: Layout,
    pub(crate) registry: Registry,
    /// What the registry stands on; users stand there too.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) driver: Driver,
    /// Takes what happened.
    pub(crate) events: EventRecorder,
    /// What the kernel has. Only the loop changes it.
    pub(crate) kernel: Reader,
    /// The last picture that the loop has made.
    picture: RwLock<Picture>,
    /// Set to end the daemon; with true, everything that it made on the host goes too.
    pub(crate) shutdown: watch::Sender<Option<bool>>,
}

/// Runs the daemon until it is told to end, by SIGTERM, SIGINT or the API. Instances and packets go on afterwards, unless
/// it was told to remove them.
///
/// # Errors
/// It cannot start; or not everything that it was told to remove could be removed.
pub async fn serve(options: ServeOptions) -> Result<(), AgentError> {
    if !rustix::process::geteuid().is_root() {
        return Err(AgentError::NotRoot);
    }
    raise_descriptors();
    let layout = options.layout;
    directory(&layout.state_dir(), 0o700)?;
    directory(&layout.run_dir(), 0o750)?;
    access::give_to_group(&layout.run_dir())?;
    // First of all: a second daemon must not touch anything.
    let server = Server::bind(&layout.socket()).await?;
    let executable = match options.executable {
        Some(path) => path,
        None => std::env::current_exe().map_err(AgentError::Executable)?,
    };
    let dhcp_servers = DhcpServers::new(&layout, &executable);
    let services = Services::new(&layout, &executable, options.resolvers);
    let (agent, host) = Agent::open(layout, executable)?;
    let Opened { access, listener, renewal } =
        access::open(&agent.layout, &agent.registry, Arc::clone(&agent.store), options.access).await?;
    let server = server.guarded(access, listener);
    // Ended when this is dropped.
    let mut beside = JoinSet::new();
    if let Some(renewal) = renewal {
        beside.spawn(renewal.run());
    }
    for (uid, error) in agent.driver.tidy().await {
        tracing::warn!("cannot clear away what was left of instance {uid}: {}", chain(&error));
    }
    let mut reconciler = Reconciler::start(Arc::clone(&agent), host, services, dhcp_servers)?;
    let (registry, events) = (agent.registry.clone(), agent.events.clone());
    let confirmations = tokio::spawn(async move {
        let said = |ended: &Ended| crate::confirmations::rolled_back(&registry, &events, ended);
        registry.keep_confirmations(said).await;
    });
    tracing::info!(socket = %server.socket().display(), "ready");

    let mut stop = agent.shutdown.subscribe();
    let stopped = async move {
        let _ = stop.wait_for(Option::is_some).await;
    };
    let runtime = Arc::new(HostRuntime::new(Arc::clone(&agent)));
    let serving = server.serve(agent.registry.clone(), runtime, stopped);
    let (mut terminate, mut interrupt) = (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    let mut asked = agent.shutdown.subscribe();
    let signalled = async {
        let ended = tokio::select! {
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            _ = asked.wait_for(Option::is_some) => None,
            ended = reconciler.ended() => Some(ended),
        };
        agent.shutdown.send_if_modified(|asked| {
            let first = asked.is_none();
            asked.get_or_insert(false);
            first
        });
        match ended {
            Some(ended) => ended,
            None => reconciler.ended().await,
        }
    };
    let ((), host) = tokio::join!(serving, signalled);
    confirmations.abort();
    let host = host?;
    if agent.shutdown.borrow().unwrap_or(false) {
        tracing::info!("removing everything from this host");
        crate::teardown::remove_all(&agent, host).await?;
    }
    agent.events.flush();
    tracing::info!("ended");
    Ok(())
}

impl Agent {
    /// Opens the store and the datapath.
    fn open(layout: Layout, executable: PathBuf) -> Result<(Arc<Self>, Host), AgentError> {
        let store: Arc<dyn Store> = Arc::new(Embedded::open(&layout.state_dir())?);
        let datapath = Datapath::open(&layout, &Options::default())?;
        let registry = Registry::new(Arc::clone(&store));
        let events =
            EventRecorder::start(registry.clone(), crate::node::name()).map_err(AgentError::Thread)?;
        let agent = Self {
            registry,
            store,
            events,
            driver: Driver::new(layout.clone(), executable),
            kernel: datapath.reader(),
            picture: RwLock::default(),
            shutdown: watch::channel(None).0,
            layout: layout.clone(),
        };
        Ok((Arc::new(agent), Host::new(layout, datapath)))
    }

    /// The last picture that the loop has made.
    pub(crate) fn picture(&self) -> Picture {
        self.picture.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another picture in its place.
    pub(crate) fn show(&self, picture: Picture) {
        *self.picture.write().unwrap_or_else(PoisonError::into_inner) = picture;
    }
}

/// Lets this process hold as many descriptors as it may: it has one for each instance.
fn raise_descriptors() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = rustix::process::setrlimit(rustix::process::Resource::Nofile, raised) {
        tracing::warn!("cannot raise the number of open files: {error}");
    }
}

fn on(kind: SignalKind) -> Result<tokio::signal::unix::Signal, AgentError> {
    signal(kind).map_err(AgentError::Signals)
}

/// Makes the directory, and those above it, with these permissions; corrects those of one that is there.
fn directory(path: &Path, mode: u32) -> Result<(), AgentError> {
    let failed = |source| AgentError::Directory { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(failed)?;
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)
}
