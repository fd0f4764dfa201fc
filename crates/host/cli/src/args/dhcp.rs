//! What can be typed behind `madang dhcp`.

mod client;
mod words;

use std::net::Ipv4Addr;
use std::time::Duration;

use clap::{Args, Subcommand};
use madang_addr::{Mac, Prefix};
use madang_dhcp::{ClientMatch, Range};

use super::{ReportFormat, duration};
pub(crate) use client::{DhcpClientArgs, DnsChoice};
pub(crate) use words::{Fixed, OptionValue};
use words::{fixed, identifier, option, range};

/// Lease addresses on a link, and get one there
///
/// A DHCP server that stands alone, the questions that one asks it, and a client. No daemon, no file.
#[derive(Args, Debug)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Examples:\n  sudo madang dhcp serve --interface eth1 --pool 192.168.5.100-192.168.5.200\n  sudo madang dhcp client eth0             get an address there\n  sudo madang dhcp leases                  who has which address\n  sudo madang dhcp events --follow         what happens, and why\n\nNeeds root: yes, to open the port and to ask the server."
)]
pub(crate) struct DhcpArgs {
    #[command(subcommand)]
    pub(crate) command: DhcpCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum DhcpCommand {
    Serve(Box<DhcpServeArgs>),
    Client(DhcpClientArgs),
    Leases(DhcpLeasesArgs),
    Usage(DhcpUsageArgs),
    Events(DhcpEventsArgs),
    Release(DhcpReleaseArgs),
    Reserve(DhcpReserveArgs),
}

/// Lease addresses on an interface
///
/// The subnet is that of the interface's own address. A lease is on the disk before its client is told of it, so that none is
/// lost, whatever happens to the server, the host or its power. Events and leases are below the state directory. SIGTERM or
/// Ctrl-C ends it; clients keep what they have, and the next start goes on from there.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang dhcp serve --interface eth1 --pool 192.168.5.100-192.168.5.200\n  sudo madang dhcp serve --interface eth1 --pool 10.0.0.0/24 \\\n    --exclude 10.0.0.1-10.0.0.20 --router 10.0.0.1 --dns 10.0.0.1 --lease 12h\n  sudo madang dhcp serve --interface eth1 --pool 10.0.0.50-10.0.0.90 \\\n    --reserve 52:54:00:12:34:56=10.0.0.10=printer\n  sudo madang dhcp serve --interface eth1 --subnet 10.8.0.0/24 \\\n    --pool 10.0.0.50-10.0.0.90 --pool 10.8.0.50-10.8.0.90    behind a relay\n\nOf --router, --dns and --ntp a subnet gets those that are in it; if none is,\nthose that are in no subnet of this server.\n\nNeeds root: at the start; then it is nobody, and sees only its own files."
)]
pub(crate) struct DhcpServeArgs {
    /// The interface to serve; several if it is given again
    #[arg(short, long = "interface", value_name = "NAME", required = true)]
    pub(crate) interfaces: Vec<String>,
    /// Another subnet, which is behind a relay
    #[arg(long = "subnet", value_name = "PREFIX")]
    pub(crate) subnets: Vec<Prefix>,
    /// Addresses to lease, as FIRST-LAST or a prefix
    #[arg(short, long = "pool", value_name = "RANGE", value_parser = range)]
    pub(crate) pools: Vec<Range>,
    /// Addresses of a pool not to lease, as FIRST-LAST, a prefix or one address
    #[arg(long = "exclude", value_name = "RANGE", value_parser = range)]
    pub(crate) excluded: Vec<Range>,
    /// An address for a certain client: MAC=ADDRESS[=NAME], or id:HEX=ADDRESS[=NAME]
    #[arg(long = "reserve", value_name = "CLIENT=ADDRESS", value_parser = fixed)]
    pub(crate) reserved: Vec<Fixed>,
    /// The clients' router
    #[arg(long = "router", value_name = "ADDRESS")]
    pub(crate) routers: Vec<Ipv4Addr>,
    /// The clients' name server
    #[arg(long = "dns", value_name = "ADDRESS")]
    pub(crate) dns: Vec<Ipv4Addr>,
    /// The domain that clients look names up in
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// The clients' time server
    #[arg(long = "ntp", value_name = "ADDRESS")]
    pub(crate) ntp: Vec<Ipv4Addr>,
    /// Another option: CODE=VALUE, where VALUE is text:T, hex:H, ip:A,A.. or a number with u8:, u16: or u32: before it
    #[arg(long = "option", value_name = "CODE=VALUE", value_parser = option)]
    pub(crate) options: Vec<OptionValue>,
    /// The server that clients boot from
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) boot_server: Option<Ipv4Addr>,
    /// The file that clients boot
    #[arg(long, value_name = "FILE", default_value = "", hide_default_value = true)]
    pub(crate) boot_file: String,
    /// How long a lease is, as 30m or 12h
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub(crate) lease: Duration,
    /// The longest that a client gets that asks for more
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    pub(crate) longest_lease: Duration,
    /// Offer addresses without asking the link first whether somebody has them
    #[arg(long)]
    pub(crate) no_probe: bool,
    /// Another DHCP server that may be on the link: others are told as rogues
    #[arg(long = "known-server", value_name = "ADDRESS")]
    pub(crate) known_servers: Vec<Ipv4Addr>,
    /// Leave clients alone that ask for addresses that this server knows nothing of
    #[arg(long)]
    pub(crate) not_authoritative: bool,
}

/// Which server is asked.
#[derive(Args, Clone, Debug)]
pub(crate) struct Which {
    /// The server of this interface; can be left out if there is one server
    #[arg(short, long, value_name = "NAME")]
    pub(crate) interface: Option<String>,
}

/// List who has which address, and what else is known of addresses
///
/// Bound ones, and with --all those that are offered, reserved, kept away, given back or no longer renewed.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang dhcp leases                 addresses that clients have\n  sudo madang dhcp leases --all           and the others that are known\n  sudo madang dhcp leases -o json         for programs\n\nNeeds root: yes, to ask the server."
)]
pub(crate) struct DhcpLeasesArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Addresses that nobody has now too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// How to print them
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Say how full each subnet is
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang dhcp usage\n  sudo madang dhcp usage -o json\n\nNeeds root: yes, to ask the server."
)]
pub(crate) struct DhcpUsageArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Tell what happened to leases, and why
///
/// From the first look for a server to the end of a lease: when, to which client, which address, why. The latest comes last.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang dhcp events                          all that is kept\n  sudo madang dhcp events --follow                 and go on\n  sudo madang dhcp events --of 02:00:00:00:00:01   of one client\n  sudo madang dhcp events --of 10.0.0.7 -o json    of one address, for programs\n\nNeeds root: yes, to ask the server."
)]
pub(crate) struct DhcpEventsArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Go on as more happens
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only those of this MAC, client identifier, address or kind, as ack or conflict
    #[arg(long = "of", value_name = "WHOM")]
    pub(crate) of: Option<String>,
    /// How to print them; json: a line each
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: super::cidr::AnswerFormat,
}

/// Take an address back from its client, or end its quarantine
///
/// The client is not told, since no client listens for that: it goes on using the address until it wants to renew. Others can
/// get it at once, after nobody answers for it.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang dhcp release 192.168.5.107\n\nNeeds root: yes, to ask the server."
)]
pub(crate) struct DhcpReleaseArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The address
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: Ipv4Addr,
}

/// Reserve an address for a client
///
/// If somebody else has it now, that client keeps it until it wants to renew; then it looks for another one, and the one that it
/// is reserved for gets it. The server keeps the reservation, also for later starts.
#[derive(Args, Debug)]
#[command(
    group = clap::ArgGroup::new("client").required(true).args(["mac", "client_id", "remove"]),
    after_help = "Examples:\n  sudo madang dhcp reserve 192.168.5.20 --mac 52:54:00:12:34:56 --name lp\n  sudo madang dhcp reserve 192.168.5.21 --client-id 01:52:54:00:12:34:57\n  sudo madang dhcp reserve 192.168.5.20 --remove\n\nNeeds root: yes, to ask the server."
)]
pub(crate) struct DhcpReserveArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The address
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: Ipv4Addr,
    /// The client's Ethernet address
    #[arg(long, value_name = "MAC")]
    pub(crate) mac: Option<Mac>,
    /// What the client calls itself (option 61), in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = identifier)]
    pub(crate) client_id: Option<ClientMatch>,
    /// The client's name
    #[arg(long, value_name = "NAME", conflicts_with = "remove")]
    pub(crate) name: Option<String>,
    /// Forget the reservation, from the server's next start on
    #[arg(long)]
    pub(crate) remove: bool,
}
