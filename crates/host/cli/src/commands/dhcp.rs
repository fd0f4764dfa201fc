//! `madang dhcp`.

mod ask;
mod client;
mod serve;
mod spec;

use std::path::PathBuf;

use madang_dhcpd::Error;

use crate::args::dhcp::{DhcpArgs, DhcpCommand};
use crate::context::Context;
use crate::error::Failure;

/// Leases addresses, or asks whoever does. Blocks; of one thread until it serves.
pub(crate) fn run(context: &Context, args: &DhcpArgs) -> Result<(), Failure> {
    match &args.command {
        DhcpCommand::Serve(args) => serve::run(context, args),
        DhcpCommand::Client(args) => client::run(context, args),
        DhcpCommand::Leases(args) => ask::leases(context, args),
        DhcpCommand::Usage(args) => ask::usage(context, args),
        DhcpCommand::Events(args) => ask::events(context, args),
        DhcpCommand::Release(args) => ask::release(context, args),
        DhcpCommand::Reserve(args) => ask::reserve(context, args),
    }
}

/// Where the sockets of servers are.
fn sockets(context: &Context) -> PathBuf {
    context.layout.run_dir().join("dhcp")
}

/// What failed.
fn failed(doing: &str, error: Error) -> Failure {
    Failure::Dhcp { doing: doing.to_owned(), source: Box::new(error) }
}
