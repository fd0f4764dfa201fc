//! The API over TCP, for those who are not on this host or not root: a listener, and what makes its connections TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use madang_identity::{Accepted, Acceptor};
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::Peer;

/// After how many silent seconds it is looked whether the other side is still there.
const KEEPALIVE: std::time::Duration = std::time::Duration::from_secs(60);

/// After how many milliseconds a connection ends whose other side takes nothing of what is sent (RFC 5482).
const STALLED: u32 = 120_000;

/// A TCP port that speaks TLS.
pub struct TlsListener {
    listener: TcpListener,
    acceptor: Acceptor,
}

/// A connection to it before its handshake.
pub(super) struct Arriving {
    stream: TcpStream,
    address: SocketAddr,
    acceptor: Acceptor,
}

impl TlsListener {
    /// Listens at this address.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn bind(address: SocketAddr, acceptor: Acceptor) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, acceptor })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(super) async fn accept(&self) -> io::Result<Arriving> {
        let (stream, address) = self.listener.accept().await?;
        Ok(Arriving { stream, address, acceptor: self.acceptor.clone() })
    }
}

impl Arriving {
    /// Whose room it takes.
    pub(super) fn network(&self) -> String {
        Peer::Tls { address: self.address, certificate: None }.network()
    }

    /// The connection after its handshake, if that succeeds.
    pub(super) async fn shake(self) -> Option<(impl AsyncRead + AsyncWrite + Send + Unpin + 'static, Peer)> {
        let Self { stream, address, acceptor } = self;
        // A watch may be silent for hours, and its reader gone without a word.
        let tuned = sockopt::set_socket_keepalive(&stream, true)
            .and_then(|()| sockopt::set_tcp_keepidle(&stream, KEEPALIVE))
            .and_then(|()| sockopt::set_tcp_user_timeout(&stream, STALLED))
            .and_then(|()| sockopt::set_tcp_nodelay(&stream, true));
        if let Err(error) = tuned {
            tracing::debug!(%error, "a connection's options could not be set");
        }
        match acceptor.accept(stream).await {
            Ok(Accepted { stream, certificate }) => {
                let certificate = certificate.map(Arc::new);
                Some((stream, Peer::Tls { address, certificate }))
            }
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::debug!(%address, %error, source, "a connection was refused");
                None
            }
        }
    }
}

impl std::fmt::Debug for TlsListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsListener").field("listener", &self.listener).finish_non_exhaustive()
    }
}
