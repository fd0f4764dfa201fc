//! What can be typed to ask where packets go.

use clap::{Args, ValueEnum};

use super::ReportFormat;

/// Say why a packet goes where it goes
///
/// Prints every stage's decision from the live tables, with the resource and the line of the file that decided it.
/// FROM and TO are instances' names (of another project: PROJECT/NAME), addresses, or `outside` for the far side of the
/// uplink.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang explain web-1 db-1 --port 5432            does it get there, and why\n  madang explain outside 203.0.113.10 --port 80    from outside, by a forward\n  madang explain db-1 198.51.100.7 --proto icmp    a ping to the outside\n  madang explain web-1 db-1 --port 5432 --live     send a real probe too\n\nExit status: 0 if it could be explained, also when the packet is dropped;\nsee --exit-code.\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct ExplainArgs {
    /// Who sends: an instance, an address, or outside
    #[arg(value_name = "FROM")]
    pub(crate) from: String,
    /// To whom: an instance, an address, or outside
    #[arg(value_name = "TO")]
    pub(crate) to: String,
    /// The destination port, for tcp and udp
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// The protocol: tcp with --port, else icmp, if left out
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) proto: Option<Protocol>,
    /// Send a real probe too, and say whether the kernel agrees
    #[arg(long)]
    pub(crate) live: bool,
    /// End with exit status 1 if the packet is dropped, or the kernel does not agree
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Show which packets were dropped, and why
///
/// They are counted where they came in, since that interface exists: at the instance that sent them, also where it is the
/// receiver's rules that refuse them, or outside. `explain` says which line of which file it is.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang drops              of all instances, and from outside\n  madang drops web-1        of what web-1 sends\n  madang drops web-1 -w     and go on as more is dropped\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct DropsArgs {
    /// The instance that sends: NAME or instance/NAME; all, and outside, if left out
    #[arg(value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Go on printing what changes
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// How to print them
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// A protocol that can be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// Needs --port
    Tcp,
    /// Needs --port
    Udp,
    /// An echo request: a ping
    Icmp,
}

impl Protocol {
    /// As the API has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        }
    }
}
