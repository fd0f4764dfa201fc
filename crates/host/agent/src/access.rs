//! Who may use the API of this daemon: its CA, the port that it serves over TLS, the audit log.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use madang_api::{Access, AccessLimits, AuditLog, Endpoint, Registry, Rotation, TlsListener};
use madang_identity::{Authority, Names, Tls};
use madang_kernel::Layout;
use madang_kernel::features::Host;
use madang_store::Store;

use crate::AgentError;
use crate::runtime::chain;

/// Who may use the API, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessOptions {
    /// Where it is served over TLS.
    pub listen: Listen,
    /// Names and addresses that clients use, beside the host's own.
    pub names: Vec<String>,
    /// Where it is written who did what; none: nowhere.
    pub audit_log: Option<PathBuf>,
}

/// Where the API is served over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Nowhere,
    /// Here, unless somebody else is there.
    IfFree(SocketAddr),
    /// Here.
    At(SocketAddr),
}

/// What of it the server needs, and what renews it.
pub(crate) struct Opened {
    pub(crate) access: Arc<Access>,
    pub(crate) listener: Option<TlsListener>,
    pub(crate) renewal: Option<Renewal>,
}

/// Keeps the server's certificate good.
pub(crate) struct Renewal {
    authority: Arc<Authority>,
    tls: Tls,
    names: Vec<String>,
}

/// How often it is looked whether the certificate is still good, and the host's addresses the same.
const LOOK: Duration = Duration::from_secs(600);
/// How long before its end it is said that a CA ends.
const CA_ENDS: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Opens the audit log, the CA and the port, and makes the roles that are there from the start.
pub(crate) async fn open(
    layout: &Layout,
    registry: &Registry,
    store: Arc<dyn Store>,
    options: AccessOptions,
) -> Result<Opened, AgentError> {
    let mut access = Access::new(registry.clone(), store, AccessLimits::default());
    if let Some(path) = options.audit_log {
        let log = AuditLog::open(&path, Rotation::default());
        access = access.audited(log.map_err(|source| AgentError::Audit { path, source })?);
    }
    access.bootstrap()?;
    let (address, must) = match options.listen {
        Listen::Nowhere => return Ok(Opened { access: Arc::new(access), listener: None, renewal: None }),
        Listen::IfFree(address) => (address, false),
        Listen::At(address) => (address, true),
    };
    let authority = Arc::new(Authority::open(&layout.state_dir().join("tls"), Timestamp::now())?);
    let tls = match Tls::new(Arc::clone(&authority), names(&options.names)?, Timestamp::now()) {
        Ok(tls) => tls,
        Err(error) if must => return Err(error.into()),
        Err(error) => {
            tracing::error!(%error, "the API is not served over TLS, only on its socket");
            return Ok(Opened { access: Arc::new(access), listener: None, renewal: None });
        }
    };
    let listener = match TlsListener::bind(address, tls.acceptor()).await {
        Ok(listener) => listener,
        Err(source) if must => return Err(AgentError::Listen { address, source }),
        Err(error) => {
            tracing::warn!(%address, %error, "the API is not served over TLS: say with --listen where it shall be, or that it shall not");
            return Ok(Opened { access: Arc::new(access), listener: None, renewal: None });
        }
    };
    let address = listener.address().map_err(|source| AgentError::Listen { address, source })?;
    let url = format!("https://{}", reachable(address));
    tracing::info!(%address, "the API is served over TLS");
    let access = access.at(Endpoint { authority: Arc::clone(&authority), url });
    let renewal = Renewal { authority, tls, names: options.names };
    Ok(Opened { access: Arc::new(access), listener: Some(listener), renewal: Some(renewal) })
}

impl Renewal {
    /// Renews what ends and what has other names, until it is dropped.
    pub(crate) async fn run(self) {
        let Self { authority, tls, names } = self;
        loop {
            let now = Timestamp::now();
            if now.saturating_add(CA_ENDS).is_ok_and(|soon| soon >= authority.until()) {
                tracing::warn!(until = %authority.until(), "the CA of the API ends soon: remove the directory tls below the state directory and start the daemon again, then give users new credentials");
            }
            let (looking, wanted) = (tls.clone(), names.clone());
            let looked = tokio::task::spawn_blocking(move || {
                looking.refresh(self::names(&wanted)?, now).map_err(AgentError::from)
            });
            match looked.await {
                Ok(Ok(true)) => tracing::info!(until = %tls.until(), "the API's certificate was renewed"),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => {
                    tracing::error!("the API's certificate cannot be renewed: {}", chain(&error))
                }
                Err(error) => tracing::error!(%error, "the API's certificate cannot be renewed"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The host's names, and those that were asked for.
fn names(wanted: &[String]) -> Result<Names, AgentError> {
    let addresses = Host::observe().map(|host| host.interfaces).unwrap_or_else(|error| {
        tracing::warn!("cannot find out the host's addresses: {}", chain(&error));
        Vec::new()
    });
    let addresses = addresses.iter().flat_map(|interface| interface.addresses.iter().map(|own| own.address));
    let host = rustix::system::uname();
    let mut names = Names::of_host(&host.nodename().to_string_lossy(), addresses);
    wanted.iter().try_for_each(|name| names.add(name))?;
    Ok(names)
}

/// An address that this host's clients can use.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        _ => address,
    }
}

/// Gives the directory of the socket to the group that may use it, if there is one.
pub(crate) fn give_to_group(directory: &std::path::Path) -> Result<(), AgentError> {
    let Some(group) = madang_api::socket_group() else { return Ok(()) };
    let given: io::Result<()> = std::os::unix::fs::chown(directory, None, Some(group));
    given.map_err(|source| AgentError::Directory { path: directory.to_owned(), source })
}
