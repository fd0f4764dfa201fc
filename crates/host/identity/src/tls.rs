//! TLS 1.2 and 1.3 for the API: the server's certificate, which is renewed while it serves, and clients', which may be left out.
//!
//! The server's own certificate is kept in memory alone: it is made at the start, and again when its end comes near, the
//! host's names change, or it is not valid when a client comes, since the clock was set. Clients trust the CA, so that they
//! notice nothing.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::{Authority, Certificate, HandshakeError, IdentityError, Names};

/// How long a server's certificate is valid.
const LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long before its end it is renewed.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A server's side of TLS.
#[derive(Clone)]
pub struct Tls {
    authority: Arc<Authority>,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

/// Makes connections into TLS streams.
#[derive(Clone)]
pub struct Acceptor {
    tls: Tls,
    acceptor: TlsAcceptor,
    timeout: Duration,
}

/// A connection after its handshake.
#[derive(Debug)]
pub struct Accepted<S> {
    /// The connection.
    pub stream: TlsStream<S>,
    /// The client's certificate, genuine and valid now, if it sent one.
    pub certificate: Option<Certificate>,
}

/// The certificate that is shown to clients.
struct Current(RwLock<Shown>);

#[derive(Clone)]
struct Shown {
    key: Arc<CertifiedKey>,
    names: Names,
    from: Timestamp,
    until: Timestamp,
}

impl Tls {
    /// For a server of these names.
    ///
    /// # Errors
    /// The CA has ended, or the library refused.
    pub fn new(authority: Arc<Authority>, names: Names, now: Timestamp) -> Result<Self, IdentityError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let refused = |source: Box<dyn std::error::Error + Send + Sync>| IdentityError::Tls {
            operation: "set TLS up",
            source,
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).map_err(|error| refused(error.into()))?;
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|error| refused(error.into()))?;
        let current = Arc::new(Current(RwLock::new(show(&authority, names, now, None, &provider)?)));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(error.into()))?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { authority, current, config: Arc::new(config) })
    }

    /// Renews the server's certificate if its end comes near, it is not valid yet, or these are other names. Whether it did.
    ///
    /// # Errors
    /// The CA has ended, or the library refused. The old certificate is still shown.
    pub fn refresh(&self, names: Names, now: Timestamp) -> Result<bool, IdentityError> {
        let shown = self.current.shown();
        let soon = now.saturating_add(RENEWED_BEFORE).unwrap_or(Timestamp::MAX);
        // A CA that ends soon cannot give more than it has.
        let near = soon >= shown.until && shown.until < self.authority.until();
        if shown.names == names && !near && shown.is_valid(now) {
            return Ok(false);
        }
        let renewed = show(&self.authority, names, now, Some(&shown), self.config.crypto_provider())?;
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(true)
    }

    /// Until when the certificate is valid that is shown now.
    pub fn until(&self) -> Timestamp {
        self.current.shown().until
    }

    /// Renews the certificate if it is not valid now: it is looked after in time, but for a clock that is set.
    fn keep_valid(&self, now: Timestamp) {
        let shown = self.current.shown();
        if shown.is_valid(now) {
            return;
        }
        match self.refresh(shown.names, now) {
            Ok(_) => {
                tracing::info!(until = %self.until(), "the server's certificate was renewed: the clock was set")
            }
            Err(error) => {
                tracing::debug!(%error, "the server's certificate is not valid, and cannot be renewed")
            }
        }
    }

    /// What makes connections into TLS streams.
    pub fn acceptor(&self) -> Acceptor {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        Acceptor { tls: self.clone(), acceptor, timeout: HANDSHAKE }
    }
}

impl Acceptor {
    /// With another time for handshakes.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Does the handshake. A client that sends a certificate of another CA, or one that is over, is refused; one that
    /// sends none is not.
    ///
    /// # Errors
    /// The handshake failed, or took too long.
    pub async fn accept<S>(&self, stream: S) -> Result<Accepted<S>, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.tls.keep_valid(Timestamp::now());
        let handshake = tokio::time::timeout(self.timeout, self.acceptor.accept(stream));
        let stream = handshake.await.map_err(|_| HandshakeError::TooSlow(self.timeout))?;
        let stream = stream.map_err(HandshakeError::Failed)?;
        let chain = stream.get_ref().1.peer_certificates();
        let certificate = match chain.and_then(<[_]>::first) {
            None => None,
            Some(der) => match Certificate::read(der) {
                None => return Err(HandshakeError::Nameless("its subject cannot be read")),
                Some(read) if read.user.is_empty() => {
                    return Err(HandshakeError::Nameless("its subject has no common name"));
                }
                read => read,
            },
        };
        Ok(Accepted { stream, certificate })
    }
}

impl Shown {
    fn is_valid(&self, now: Timestamp) -> bool {
        (self.from..self.until).contains(&now)
    }
}

impl Current {
    fn shown(&self) -> Shown {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown().key)
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown { names, from, until, .. } = self.shown();
        let mut shown = f.debug_struct("Current");
        shown.field("names", &names).field("from", &from).field("until", &until).finish_non_exhaustive()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("authority", &self.authority)
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// A new certificate of these names. If the clock was set since the one that it replaces, it is valid for those too whose
/// clocks were not, as the old one was.
fn show(
    authority: &Authority,
    names: Names,
    now: Timestamp,
    replaced: Option<&Shown>,
    provider: &CryptoProvider,
) -> Result<Shown, IdentityError> {
    let (mut from, mut until) = authority.term(now, LIFE)?;
    if let Some(shown) = replaced.filter(|shown| !shown.is_valid(now)) {
        (from, until) = (from.min(shown.from), until.max(shown.until));
    }
    let made = authority.server(&names, (from, until))?;
    let refused = |source: rustls::Error| IdentityError::Tls {
        operation: "use a certificate that was made for the server",
        source: source.into(),
    };
    let key =
        CertifiedKey::from_der(vec![made.certificate, authority.der().clone()], made.key.into(), provider);
    Ok(Shown { key: Arc::new(key.map_err(refused)?), names, from, until })
}
