//! `madang schema`.

use madang_model::{ApiGroup, Kind};

use crate::args::SchemaArgs;
use crate::context::Context;
use crate::error::Failure;

/// Prints the JSON Schema of a kind, or of all; or their definitions for Kubernetes.
pub(super) fn run(context: &Context, args: &SchemaArgs) -> Result<(), Failure> {
    if args.crd {
        return definitions(context, args.kind.map(|kind| kind.0));
    }
    let schema = madang_model::schema(args.kind.map(|kind| kind.0));
    context.print(&format!("{schema:#}\n"))
}

fn definitions(context: &Context, kind: Option<Kind>) -> Result<(), Failure> {
    let own = |kind: &Kind| kind.group() == ApiGroup::Madang;
    if let Some(foreign) = kind.filter(|kind| !own(kind)) {
        let why = format!("{foreign} is one of Kubernetes' own kinds: a cluster has it already");
        return Err(Failure::usage(why, "name one of Madang's, or none for all"));
    }
    let wanted = Kind::ALL.iter().copied().filter(|one| own(one) && kind.is_none_or(|kind| kind == *one));
    let items: Vec<_> = wanted.map(madang_model::crd).collect();
    let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": items });
    context.print(&format!("{list:#}\n"))
}
