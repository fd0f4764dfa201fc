//! `madang version`.

use serde_json::json;

use crate::args::VersionArgs;
use crate::context::Context;
use crate::error::Failure;

/// Prints the version of this binary, and of the daemon.
pub(super) async fn run(context: &Context, args: &VersionArgs) -> Result<(), Failure> {
    let own = env!("CARGO_PKG_VERSION");
    let (daemon, instead) = match context.find_client().await {
        Ok(Some(client)) => match client.version().await {
            Ok(version) => (Some(version.git_version), ""),
            Err(_) => (None, "gives no answer"),
        },
        Ok(None) => (None, "not running"),
        Err(Failure::Forbidden { .. }) => (None, "only root may ask it"),
        Err(_) => (None, "gives no answer"),
    };
    let daemon = daemon.map(|version| version.trim_start_matches('v').to_owned());
    let value = json!({ "madang": own, "daemon": daemon });
    super::report(context, args.output, &value, || {
        format!("madang {own}\ndaemon {}\n", daemon.as_deref().unwrap_or(instead))
    })
}
