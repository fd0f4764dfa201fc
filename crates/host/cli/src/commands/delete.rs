//! `madang delete`.

use madang_api::Bundle;
use madang_model::{Kind, ObjectRef, Resource};
use madang_plan::order_for_delete;

use crate::args::DeleteArgs;
use crate::bundle::Declared;
use crate::context::Context;
use crate::error::Failure;
use crate::kinds::{Targets, written};
use crate::mirror;

/// Deletes the resources that are named, or that the files declare.
pub(super) async fn run(context: &Context, args: &DeleteArgs) -> Result<(), Failure> {
    let named = named(context, args)?;
    let client = context.client().await?;
    let fail = |error| Failure::api("list the resources", error);
    let mut all = mirror::all(&client).await.map_err(fail)?;
    if named.iter().any(|object| object.kind == Kind::Event) {
        all.extend(client.list(Kind::Event).await.map_err(fail)?.items);
    }
    let there = |object: &ObjectRef| all.iter().any(|resource| resource.object_ref() == *object);
    // A file may be taken down twice; a name that is typed and is not there is a mistake.
    let missing: Vec<_> = named.iter().filter(|object| !there(object)).map(ToString::to_string).collect();
    if args.files.is_empty() && !missing.is_empty() {
        return Err(Failure::NotFound { what: missing.join(", ") });
    }
    let going: Vec<&Resource> =
        all.iter().filter(|resource| named.contains(&resource.object_ref())).collect();
    if going.is_empty() {
        context.say("Nothing of it is there.");
        return Ok(());
    }
    let objects = order_for_delete(&going);
    if args.wait {
        let going = super::down::with_all_that_goes(&all, going);
        super::down::delete(context, &client, &order_for_delete(&going), args.timeout).await?;
    } else {
        let bundle = Bundle { delete: objects.clone(), ..Bundle::default() };
        client
            .apply_bundle(&bundle)
            .await
            .map_err(|error| Failure::refused("delete the resources", error))?;
    }
    context.print(&objects.iter().map(|object| format!("{} deleted\n", written(object))).collect::<String>())
}

fn named(context: &Context, args: &DeleteArgs) -> Result<Vec<ObjectRef>, Failure> {
    if !args.files.is_empty() {
        return Ok(Declared::read(&args.files, args.recursive, context.named_project.as_deref())?.objects());
    }
    match Targets::parse(&args.targets, context.project())? {
        Targets::Named(objects) => Ok(objects),
        Targets::Kinds(_) => Err(Failure::usage(
            format!("{} has no name: this would delete all of them", args.targets[0]),
            "name them, as instance web-1; or take everything down with madang down --all",
        )),
    }
}
