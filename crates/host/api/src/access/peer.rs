//! Where a request comes from.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use madang_identity::Certificate;

/// Where a request comes from, as the connection itself says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The Unix socket, and which process was on the other side when it connected.
    Socket {
        /// Its user.
        uid: Option<u32>,
        /// Its group.
        gid: Option<u32>,
        /// The process.
        pid: Option<i32>,
    },
    /// TLS over TCP.
    Tls {
        /// The other side.
        address: SocketAddr,
        /// Its certificate, which was genuine and valid at the handshake.
        certificate: Option<Arc<Certificate>>,
    },
}

impl Peer {
    /// Who may be one and the same, if nobody says who it is: an IPv4 address, or an IPv6 network of one site.
    pub(crate) fn network(&self) -> String {
        match self {
            Self::Socket { .. } => "the socket".to_owned(),
            Self::Tls { address, .. } => match address.ip().to_canonical() {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => {
                    let [a, b, c, d, ..] = address.segments();
                    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
                }
            },
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { uid, gid, pid } => {
                let number = |n: Option<i64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
                let (uid, gid) = (number(uid.map(i64::from)), number(gid.map(i64::from)));
                write!(f, "socket uid={uid} gid={gid} pid={}", number(pid.map(i64::from)))
            }
            Self::Tls { address, .. } => address.fmt(f),
        }
    }
}
