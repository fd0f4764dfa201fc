//! `madang version`.

use serde_json::json;

use crate::args::VersionArgs;
use crate::context::Context;
use crate::error::Failure;

/// Prints the version of this binary, and of the daemon if one answers.
pub(super) async fn run(context: &Context, args: &VersionArgs) -> Result<(), Failure> {
    let own = env!("CARGO_PKG_VERSION");
    let daemon = match context.find_client().await {
        Ok(Some(client)) => client.version().await.ok().map(|version| version.git_version),
        _ => None,
    };
    let daemon = daemon.map(|version| version.trim_start_matches('v').to_owned());
    let value = json!({ "madang": own, "daemon": daemon });
    super::report(context, args.output, &value, || match &daemon {
        Some(daemon) if daemon != own => format!("madang {own}\ndaemon {daemon}\n"),
        _ => format!("madang {own}\n"),
    })
}
