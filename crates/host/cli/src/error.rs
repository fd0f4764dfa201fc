//! Why a command failed, and what to do about it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use madang_agent::AgentError;
use madang_api::{ClientError, Reason};
use madang_model::{Diagnostic, SourceFile};
use madang_store::{ExportError, StoreError};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was typed makes no sense.
    #[error("{message}")]
    Usage { message: String, hint: String },
    /// What a file says is wrong.
    #[error("the resources are not valid")]
    Invalid { diagnostics: Vec<Diagnostic>, files: Vec<SourceFile> },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// There is nothing to read in it.
    #[error("{what} declares nothing")]
    Empty { what: String },
    /// Standard output does not take what is written to it.
    #[error("cannot write to standard output")]
    Output { source: io::Error },
    /// The terminal or standard input does not do what it should.
    #[error("cannot use the terminal")]
    Terminal { source: io::Error },
    /// No daemon answers.
    #[error("no Madang answers at {}", socket.display())]
    NoDaemon { socket: PathBuf },
    /// The socket is there, and not for this user.
    #[error("only root may speak to the Madang at {}", socket.display())]
    Forbidden { socket: PathBuf },
    /// Only root can do it.
    #[error("{doing} needs root")]
    NotRoot { doing: &'static str },
    /// The daemon did not do it.
    #[error("cannot {doing}")]
    Api { doing: String, source: Box<ClientError> },
    /// A resource that was named is not there.
    #[error("there is no {what}")]
    NotFound { what: String },
    /// The daemon that was started does not answer.
    #[error("the daemon {what}")]
    Daemon { what: String, log: PathBuf, tail: Vec<String> },
    /// Something on the host could not be done.
    #[error("cannot {doing}")]
    Host { doing: String, source: io::Error },
    /// The daemon in the foreground failed.
    #[error("the daemon failed")]
    Serve { source: Box<AgentError> },
    /// Something about DHCP could not be done.
    #[error("cannot {doing}")]
    Dhcp { doing: String, source: Box<madang_dhcpd::Error> },
    /// There is no store.
    #[error("there is no store in {}", directory.display())]
    NoStore { directory: PathBuf },
    /// The store did not do it.
    #[error("cannot {doing}")]
    Store { doing: String, source: Box<StoreError> },
    /// An export could not be made or read.
    #[error("cannot {doing}")]
    Export { doing: String, source: Box<ExportError> },
    /// An export has something that this build does not know.
    #[error("{what} has something that this build of Madang does not know, and nothing was changed: {why}{}", others(*more))]
    Unknown { what: String, why: String, more: usize },
    /// There is not as much room as was asked for.
    #[error("{message}")]
    NoRoom { message: String, hint: String },
    /// It did not come to its end in time.
    #[error("{what}")]
    TimedOut { what: String, hint: String },
    /// Somebody pressed Ctrl-C; what goes on is said.
    #[error("interrupted")]
    Interrupted { goes_on: String },
    /// All was said already, or it is another command's exit status.
    #[error("exit status {0}")]
    Exit(u8),
}

impl Failure {
    /// What was typed makes no sense.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// The daemon did not do this.
    pub(crate) fn api(doing: impl Into<String>, source: ClientError) -> Self {
        Self::Api { doing: doing.into(), source: Box::new(source) }
    }

    /// The same, where what is wrong may be what was asked for: then each mistake is told.
    pub(crate) fn refused(doing: impl Into<String>, source: ClientError) -> Self {
        match source {
            ClientError::Api(error) if !error.diagnostics.is_empty() => {
                Self::Invalid { diagnostics: error.diagnostics, files: Vec::new() }
            }
            other => Self::api(doing, other),
        }
    }

    /// The exit status.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage { .. } => 2,
            // As a shell says it of what SIGINT ended.
            Self::Interrupted { .. } => 130,
            Self::Exit(code) => *code,
            _ => 1,
        }
    }

    /// Whether somebody no longer reads what is written: the end of the command, and no failure.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output { source } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Usage { hint, .. } | Self::TimedOut { hint, .. } | Self::NoRoom { hint, .. }
                if !hint.is_empty() =>
            {
                hint.clone()
            }
            Self::NoDaemon { .. } => "start one: sudo madang up -f FILE, or sudo madang serve".to_owned(),
            Self::Forbidden { .. } | Self::NotRoot { .. } => "run it again with sudo".to_owned(),
            Self::NoStore { .. } => {
                "a daemon makes one when it starts: sudo madang up -f FILE, or sudo madang serve".to_owned()
            }
            Self::NotFound { .. } => "see what there is: madang get all".to_owned(),
            Self::Daemon { log, .. } => format!("see all of its log: {}; and madang doctor", log.display()),
            Self::Serve { source } if matches!(**source, AgentError::Datapath(_)) => {
                "see what this host lacks: madang doctor".to_owned()
            }
            Self::Store { source, .. } => match **source {
                StoreError::InUse { .. } => {
                    "end the daemon first; its instances and packets go on without it".to_owned()
                }
                StoreError::NotEmpty { .. } => "back it up first: sudo madang store export FILE".to_owned(),
                _ => return None,
            },
            Self::Dhcp { source, .. } => return dhcp_hint(source),
            Self::Export { source, .. } if matches!(**source, ExportError::FromFuture { .. }) => {
                "restore it with the version of Madang that made it, or a newer one".to_owned()
            }
            Self::Unknown { .. } => "restore it with the version of Madang that made it".to_owned(),
            Self::Empty { .. } => "declare a resource in it: apiVersion, kind, metadata, spec".to_owned(),
            Self::Api { source, .. }
                if source.api().is_some_and(|error| error.is(Reason::InsufficientStorage)) =>
            {
                "free some space on the disk that holds Madang's state, then do it again".to_owned()
            }
            _ => return None,
        };
        Some(hint)
    }
}

fn dhcp_hint(error: &madang_dhcpd::Error) -> Option<String> {
    use madang_dhcpd::Error;
    Some(match error {
        Error::Kernel(madang_kernel::Error::NoLink { .. }) => "see which there are: ip -brief link".to_owned(),
        Error::PortTaken { .. } => {
            "end the other server first, or serve another interface; see them all: sudo ss -lunp sport = :67".to_owned()
        }
        Error::NoServer { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            "run it again with sudo".to_owned()
        }
        Error::NoServer { .. } => {
            "start one: sudo madang dhcp serve --interface NAME --pool FIRST-LAST; --interface NAME asks that of another \
             interface"
                .to_owned()
        }
        Error::Gone { .. } => "start the server again when it is there; leases stay".to_owned(),
        Error::ClientTaken { .. } => "one client of an interface is enough: end the other one first".to_owned(),
        Error::InUse { .. } | Error::ControlTaken { .. } => {
            "one server of an interface is enough: end the other one first".to_owned()
        }
        Error::Journal(_) => {
            "nothing was changed: copy the directory, then use the version that wrote it, or remove the file that is named, \
             and with it the leases that it has"
                .to_owned()
        }
        _ => return None,
    })
}

fn others(more: usize) -> String {
    if more == 0 { String::new() } else { format!(" (and {more} more)") }
}

/// Each error below this one, in one line each.
pub(crate) fn causes(error: &dyn Error) -> Vec<String> {
    std::iter::successors(error.source(), |error| (*error).source()).map(ToString::to_string).collect()
}
