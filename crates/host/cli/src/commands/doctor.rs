//! `madang doctor`.

use madang_kernel::features::{Status, findings};
use serde_json::json;

use crate::args::DoctorArgs;
use crate::context::Context;
use crate::error::Failure;
use crate::output::doctor::render;

/// Checks what this host can do.
pub(super) fn run(context: &Context, args: &DoctorArgs) -> Result<(), Failure> {
    let findings = findings();
    let missing = findings.iter().any(|finding| finding.status == Status::Missing);
    let is_root = rustix::process::geteuid().is_root();
    let value = json!({ "ready": !missing, "findings": findings });
    super::report(context, args.output, &value, || {
        render(&findings, is_root, context.data, context.columns())
    })?;
    if missing { Err(Failure::Exit(1)) } else { Ok(()) }
}
