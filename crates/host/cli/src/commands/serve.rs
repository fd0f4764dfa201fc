//! `madang serve`.

use std::net::{Ipv4Addr, SocketAddr};

use madang_agent::{AccessOptions, Listen, ServeOptions};

use crate::args::ServeArgs;
use crate::args::user::{AuditPath, ListenAddress};
use crate::context::Context;
use crate::ephemeral::Ephemeral;
use crate::error::Failure;
use crate::log;

/// Runs the daemon until it is told to end.
pub(super) async fn run(context: &Context, args: &ServeArgs) -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::NotRoot { doing: "the daemon" });
    }
    log::install(context.verbose, context.words);
    let layout = context.layout.clone();
    if args.ephemeral {
        // Away from the terminal of whoever ran `up`. Fails for who leads a group: started by hand, it stays there.
        let _ = rustix::process::setsid();
    }
    let doing = || format!("use the directory {}", layout.run_dir().display());
    let held = if args.ephemeral {
        Ephemeral::hold(&layout).map_err(|source| Failure::Host { doing: doing(), source })?
    } else {
        None
    };
    let resolvers = Some(args.resolvers.clone()).filter(|resolvers| !resolvers.is_empty());
    let access = access(context, args)?;
    let options = ServeOptions { layout: layout.clone(), executable: None, access, resolvers };
    let served = madang_agent::serve(options).await;
    served.map_err(|source| Failure::Serve { source: Box::new(source) })?;
    if let Some(held) = held {
        held.release().map_err(|source| Failure::Host { doing: doing(), source })?;
    }
    Ok(())
}

/// The port if none is said: of the system's one alone, since others would find it taken.
const PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7443);

fn access(context: &Context, args: &ServeArgs) -> Result<AccessOptions, Failure> {
    let layout = &context.layout;
    let listen = match args.listen {
        None if layout.root().is_some() => Listen::Nowhere,
        None => Listen::IfFree(PORT),
        Some(ListenAddress::None) => Listen::Nowhere,
        Some(ListenAddress::At(address)) => Listen::At(address),
    };
    let audit_log = match &args.audit_log {
        None => Some(layout.state_dir().join("audit.log")),
        Some(AuditPath::None) => None,
        Some(AuditPath::At(path)) => Some(std::path::absolute(path).map_err(|source| Failure::Host {
            doing: format!("find the file {}", path.display()),
            source,
        })?),
    };
    Ok(AccessOptions { listen, names: args.tls_names.clone(), audit_log })
}
