//! What can go wrong with a workload.

use std::io;
use std::path::{Path, PathBuf};

/// Why a workload could not be started, stopped, observed or entered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A call to the system failed.
    #[error("cannot {operation}")]
    System {
        /// What was tried, with its subject.
        operation: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A file of an instance's directory is not what was written there.
    #[error("{} is damaged; stop the instance, so that it is made again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The control group refused.
    #[error("cannot {operation}")]
    Cgroup {
        /// What was tried, with its subject.
        operation: String,
        /// What the control group said.
        #[source]
        source: madang_kernel::Error,
    },
    /// A process could not be looked at or signalled.
    #[error(transparent)]
    Kernel(madang_kernel::Error),
    /// The name cannot be used as one of a directory.
    #[error("\"{0}\" is no uid of an instance: letters, digits, dashes, dots and underscores are")]
    Uid(String),
    /// There is no such instance on this host.
    #[error("no instance with the uid {0} runs on this host")]
    Unknown(String),
    /// It runs already, but from another spec.
    #[error("instance {0} runs with another spec; stop it first")]
    Differs(String),
    /// Two operations on one instance at the same time.
    #[error("instance {0} is just being started or stopped; try again")]
    Busy(String),
    /// The shim could not make the sandbox.
    #[error("instance {name} did not start: {reason}")]
    Start {
        /// The instance's name.
        name: String,
        /// What the shim said.
        reason: String,
    },
    /// What must run does not.
    #[error("instance {name} has no running process to enter: it {state}")]
    NotRunning {
        /// The instance's name.
        name: String,
        /// What it does instead.
        state: &'static str,
    },
    /// A command could not be run in a sandbox.
    #[error("{reason}")]
    Exec {
        /// Why.
        reason: String,
        /// 127 if there is no such program, else 126.
        code: i32,
    },
    /// The kernel did not let go of it in time.
    #[error("instance {uid} could not be ended: {left}")]
    Remains {
        /// The instance.
        uid: String,
        /// What is left of it.
        left: String,
    },
    /// The seccomp filter could not be made.
    #[error("cannot make the seccomp filter")]
    Seccomp(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub(crate) fn cgroup(operation: &str, source: madang_kernel::Error) -> Self {
        Self::Cgroup { operation: operation.to_owned(), source }
    }

    /// The message and those of its causes, on one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

/// Says what was tried when the system refuses.
pub(crate) trait Trying<T> {
    /// The operation in words, as `mount /proc`.
    fn trying(self, operation: impl FnOnce() -> String) -> Result<T, Error>;

    /// An operation on a file: the verb, and which.
    fn on(self, verb: &str, path: &Path) -> Result<T, Error>
    where
        Self: Sized,
    {
        self.trying(|| format!("{verb} {}", path.display()))
    }
}

impl<T, E: Into<io::Error>> Trying<T> for Result<T, E> {
    fn trying(self, operation: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::System { operation: operation(), source: source.into() })
    }
}
