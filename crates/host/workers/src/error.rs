//! What can go wrong with a worker.

use std::io;

/// What can go wrong with a worker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed.
    #[error("cannot {step}")]
    Step {
        /// What was tried.
        step: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The worker's privileges could not be given up.
    #[error("cannot give up the privileges")]
    Confine {
        /// Why not.
        source: madang_compute::Error,
    },
    /// The namespace of the services could not be entered.
    #[error("cannot open the services' sockets")]
    Namespace {
        /// Why not.
        source: madang_kernel::Error,
    },
    /// The daemon and the worker do not understand each other.
    #[error("the daemon and its worker do not understand each other: {0}")]
    Channel(&'static str),
}

impl Error {
    pub(crate) fn step<E: Into<io::Error>>(step: impl Into<String>) -> impl FnOnce(E) -> Self {
        let step = step.into();
        move |source| Self::Step { step, source: source.into() }
    }

    pub(crate) fn confine(source: madang_compute::Error) -> Self {
        Self::Confine { source }
    }

    /// The error and its causes, in one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }
}
