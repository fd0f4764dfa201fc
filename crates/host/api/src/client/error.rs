//! What can go wrong between the command line and the daemon.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::path::PathBuf;

use super::Client;
use crate::ApiError;

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens at the socket, or there is none.
    #[error("no daemon answers at {socket}: start one with `madang serve` or `madang up`")]
    NoDaemon {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The socket is not for this user.
    #[error("this user may not open {socket}: use sudo, or become a member of the group that owns it")]
    Denied {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The daemon did not do it, and says why.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The connection failed or ended too early.
    #[error("the connection to the daemon at {socket} failed: look whether it still runs, then try again")]
    Connection {
        /// The socket.
        socket: PathBuf,
        /// What was seen.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer makes no sense to this build.
    #[error(
        "the daemon at {socket} sent what this build does not understand ({detail}): is it of another version?"
    )]
    Strange {
        /// The socket.
        socket: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
}

impl ClientError {
    /// What the daemon said, if it said something.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }
}

impl Client {
    pub(super) fn strange(&self, detail: &impl Display) -> ClientError {
        ClientError::Strange { socket: self.socket.clone(), detail: detail.to_string() }
    }

    pub(super) fn broken(&self, source: impl Into<Box<dyn Error + Send + Sync>>) -> ClientError {
        ClientError::Connection { socket: self.socket.clone(), source: source.into() }
    }

    pub(super) fn unreachable(&self, source: io::Error) -> ClientError {
        let socket = self.socket.clone();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
                ClientError::NoDaemon { socket, source }
            }
            io::ErrorKind::PermissionDenied => ClientError::Denied { socket, source },
            _ => ClientError::Connection { socket, source: source.into() },
        }
    }
}
