//! What can be typed behind `madang dhcp client`.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use madang_dhcp::ClientMatch;

use super::super::cidr::AnswerFormat;
use super::super::duration;
use super::words::identifier;

/// Get an address for an interface, and keep it
///
/// Sets the address, its routes, name servers and MTU as a server says, and renews them in time. If no server answers, it takes a
/// link-local address (169.254.0.0/16) that nobody else has, goes on looking, and moves to a real one when a server is there. Says
/// what it does and why. SIGTERM or Ctrl-C ends it: what is set stays until its time is over, and the next start asks for the same
/// address; with --release it is given back.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang dhcp client eth0                    get one, and keep it\n  sudo madang dhcp client eth0 --once             get one, and end\n  sudo madang dhcp client eth0 --release --dns none\n  sudo madang dhcp client eth0 -o json            each step, for programs\n\nNeeds root: yes."
)]
pub(crate) struct DhcpClientArgs {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    pub(crate) interface: String,
    /// End when there is an address of a server's; status 1 if there is none in time
    #[arg(long)]
    pub(crate) once: bool,
    /// How long --once waits
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration, requires = "once")]
    pub(crate) timeout: Duration,
    /// Give the address back in the end, and take away all that was set
    #[arg(long, conflicts_with = "once")]
    pub(crate) release: bool,
    /// Take no link-local address
    #[arg(long)]
    pub(crate) no_link_local: bool,
    /// Use an address without asking the link first whether somebody has it
    #[arg(long)]
    pub(crate) no_probe: bool,
    /// Ask the link for half a second, not for up to seven
    #[arg(long, conflicts_with = "no_probe")]
    pub(crate) quick_probe: bool,
    /// The name that the server is told; the host's if left out, - for none
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
    /// What the client calls itself (option 61), in hexadecimal; its MAC if left out
    #[arg(long, value_name = "HEX", value_parser = identifier)]
    pub(crate) client_id: Option<ClientMatch>,
    /// Which of several routes is preferred: that of the least
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub(crate) metric: u32,
    /// Where name servers go: auto (resolvconf, or /etc/resolv.conf), none, or a file
    #[arg(long, value_name = "WHERE", default_value = "auto")]
    pub(crate) dns: DnsChoice,
    /// How to print each step
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: AnswerFormat,
}

/// Where name servers go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DnsChoice {
    Auto,
    Nowhere,
    File(PathBuf),
}

impl FromStr for DnsChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "auto" => Self::Auto,
            "none" => Self::Nowhere,
            file => Self::File(file.into()),
        })
    }
}
