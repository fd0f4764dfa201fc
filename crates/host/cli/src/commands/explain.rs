//! `madang explain`.

use madang_api::{Client, ExplainQuery};
use madang_model::{Kind, Resource};

use crate::args::{ExplainArgs, Protocol};
use crate::context::Context;
use crate::error::Failure;
use crate::kinds::KindName;
use crate::output::explain::render;

/// Stands for whoever is on the far side of the uplink.
const OUTSIDE: &str = "outside";
/// An address that is nobody's (RFC 5737), for where there is no uplink.
const NOBODY: &str = "192.0.2.1";

/// Says why a packet goes where it goes.
pub(super) async fn run(context: &Context, args: &ExplainArgs) -> Result<(), Failure> {
    let protocol = protocol(args)?;
    let client = context.client().await?;
    let query = ExplainQuery {
        namespace: context.project().to_owned(),
        from: name(&args.from, context.project())?,
        to: destination(&client, &args.to, context.project()).await?,
        protocol: protocol.name().to_owned(),
        port: args.port,
        live: args.live,
    };
    let explanation = client.explain(&query).await.map_err(|error| Failure::api("explain it", error))?;
    let here = std::env::current_dir().unwrap_or_default();
    let text = || render(&explanation, &here, context.data, context.columns());
    super::report(context, args.output, &explanation, text)?;
    let agrees = explanation.live.as_ref().is_none_or(|live| live.agrees);
    if args.exit_code && !(explanation.allowed && agrees) { Err(Failure::Exit(1)) } else { Ok(()) }
}

/// tcp with a port, a ping without one.
fn protocol(args: &ExplainArgs) -> Result<Protocol, Failure> {
    match (args.proto, args.port) {
        (None, Some(_)) => Ok(Protocol::Tcp),
        (None | Some(Protocol::Icmp), None) => Ok(Protocol::Icmp),
        (Some(Protocol::Icmp), Some(port)) => Err(Failure::usage(
            format!("icmp has no ports, and --port is {port}"),
            "leave out --port, or write --proto tcp",
        )),
        (Some(protocol), None) => {
            Err(Failure::usage(format!("{} needs a port", protocol.name()), "add --port, as --port 80"))
        }
        (Some(protocol), Some(_)) => Ok(protocol),
    }
}

/// As the API knows it: `web-1` of `instance/web-1`, `lab/web-1` of another project, an address, `outside`.
fn name(word: &str, project: &str) -> Result<String, Failure> {
    match word.split_once('/') {
        Some((kind, _)) if kind.parse::<KindName>().is_ok() => {
            let object = crate::kinds::instance(word, project)?;
            let own = object.namespace == project;
            Ok(if own { object.name } else { format!("{}/{}", object.namespace, object.name) })
        }
        _ => Ok(word.to_owned()),
    }
}

/// An instance's name, or an address: somebody outside, if only that is meant.
async fn destination(client: &Client, word: &str, project: &str) -> Result<String, Failure> {
    if word != OUTSIDE {
        return name(word, project);
    }
    // The router of the first pool: nobody is more surely outside.
    let pools = client.list(Kind::AddressPool).await;
    let pools = pools.map_err(|error| Failure::api("list the address pools", error))?;
    let router = pools.items.iter().find_map(|resource| match resource {
        Resource::AddressPool(pool) => Some(pool.spec.next_hop.to_string()),
        _ => None,
    });
    Ok(router.unwrap_or_else(|| NOBODY.to_owned()))
}
