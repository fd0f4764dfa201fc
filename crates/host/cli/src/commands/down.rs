//! `madang down`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use madang_api::{Bundle, Client, Registry};
use madang_model::{Kind, ObjectRef, Resource};
use madang_plan::{contents, dependants, order_for_delete};
use madang_store::Embedded;

use crate::args::DownArgs;
use crate::bundle::Declared;
use crate::context::Context;
use crate::daemon;
use crate::ephemeral::{self, Life};
use crate::error::Failure;
use crate::mirror;
use crate::output::style::Role;
use crate::output::text::{count, span};
use crate::wait::{Goal, Waited, left, wait};

/// How often it is looked whether somebody made more of it meanwhile.
const ROUNDS: usize = 5;

/// Takes down what the files declare, or everything, and ends a daemon that has nothing left.
pub(super) async fn run(context: &Context, args: &DownArgs) -> Result<(), Failure> {
    let project = context.named_project.as_deref();
    let read = || Declared::read(&args.files, args.recursive, project);
    let declared = if args.all { None } else { Some(read()?.objects()) };
    let Some(client) = client(context).await? else {
        context
            .say(&format!("Nothing is there: no daemon answers at {}.", context.layout.socket().display()));
        return Ok(());
    };
    let is_wanted = |resource: &Resource| match &declared {
        None => project.is_none() || resource.metadata().namespace.as_deref() == project,
        Some(declared) => declared.contains(&resource.object_ref()),
    };
    let gone = take_down(context, &client, is_wanted, args.timeout).await?;
    if gone == 0 {
        context.say("Nothing of it is there.");
    } else {
        let done = format!("Gone: {}.", count(gone, "resource"));
        context.say(&context.words.paint(Role::Good, &done));
    }
    end(context, &client).await
}

/// Deletes what is wanted to go and all that goes with it, until nothing of it is there. How many resources that were.
async fn take_down(
    context: &Context,
    client: &Client,
    is_wanted: impl Fn(&Resource) -> bool,
    timeout: Duration,
) -> Result<usize, Failure> {
    let mut gone = BTreeSet::new();
    for _ in 0..ROUNDS {
        let all = mirror::all(client).await.map_err(|error| Failure::api("list the resources", error))?;
        let wanted = all.iter().filter(|resource| is_wanted(resource) && !mirror::is_the_daemons(resource));
        let mut going = with_all_that_goes(&all, wanted.collect());
        // What somebody made at the same moment, a group, say, goes too.
        let late = dependants(&all, &gone).into_iter().filter(|late| !going.contains(late));
        going.extend(late.collect::<Vec<_>>());
        if going.is_empty() {
            break;
        }
        delete(context, client, &order_for_delete(&going), timeout).await?;
        gone.extend(going.iter().filter_map(|resource| resource.metadata().uid.clone()));
    }
    Ok(gone.len())
}

/// These, what is in the projects among them, and what belongs to any of that alone.
pub(super) fn with_all_that_goes<'a>(all: &'a [Resource], going: Vec<&'a Resource>) -> Vec<&'a Resource> {
    let projects = going.iter().filter(|resource| resource.kind() == Kind::Namespace);
    let inside = projects.flat_map(|project| contents(all, project));
    let known: BTreeSet<ObjectRef> = going.iter().map(|resource| resource.object_ref()).collect();
    let inside: Vec<&Resource> = inside.filter(|resource| !known.contains(&resource.object_ref())).collect();
    let mut all_going = [going, inside].concat();
    let uids = all_going.iter().filter_map(|resource| resource.metadata().uid.clone()).collect();
    all_going.extend(dependants(all, &uids));
    all_going
}

/// Deletes these, and waits until they are gone.
pub(super) async fn delete(
    context: &Context,
    client: &Client,
    objects: &[ObjectRef],
    timeout: Duration,
) -> Result<(), Failure> {
    let bundle = Bundle { delete: objects.to_vec(), ..Bundle::default() };
    client.apply_bundle(&bundle).await.map_err(|error| Failure::refused("delete the resources", error))?;
    match wait(context, client, objects, Goal::GONE, timeout).await? {
        Waited::Done => Ok(()),
        Waited::Interrupted => Err(Failure::Interrupted {
            goes_on: format!(
                "\nThe daemon goes on deleting.\n  see what is left: {}",
                context.command("get all")
            ),
        }),
        Waited::TimedOut(board) => Err(Failure::TimedOut {
            what: format!(
                "not everything is gone after {}; the daemon goes on with it:\n{}",
                span(timeout),
                left(&board).trim_end()
            ),
            hint: format!("see what is left: {}", context.command("get all")),
        }),
    }
}

/// Ends the daemon, if `up` started it and nothing is left.
async fn end(context: &Context, client: &Client) -> Result<(), Failure> {
    let left = mirror::all(client).await.map_err(|error| Failure::api("list the resources", error))?;
    let left = left.iter().filter(|resource| !mirror::is_the_daemons(resource)).count();
    if left > 0 {
        context.say(&format!("The daemon goes on: {} left.", count(left, "resource")));
    } else if daemon::end(context, client).await? {
        context.say("The daemon has ended.");
    }
    Ok(())
}

/// The daemon; if it died and left something behind, another one that can take that down.
async fn client(context: &Context) -> Result<Option<Client>, Failure> {
    if let Some(client) = context.find_client().await? {
        return Ok(Some(client));
    }
    if !left_behind(context)? {
        return Ok(None);
    }
    context.say("No daemon runs, but one has left something behind.");
    daemon::start(context).await.map(Some)
}

/// Whether a daemon that is no more has left something on the host or in its store.
fn left_behind(context: &Context) -> Result<bool, Failure> {
    let layout = &context.layout;
    let doing = || format!("see what is left in {}", layout.state_dir().display());
    let life = ephemeral::life(layout).map_err(|source| Failure::Host { doing: doing(), source })?;
    if life != Life::None || layout.pin_dir().exists() {
        return Ok(true);
    }
    if !daemon::has_state(layout) {
        return Ok(false);
    }
    // Only to look: a store that cannot be opened is for the daemon to complain about.
    let Ok(store) = Embedded::open(&layout.state_dir()) else { return Ok(true) };
    let all = Registry::new(Arc::new(store)).all().map(|list| list.items).unwrap_or_default();
    Ok(all.iter().any(|resource| !mirror::is_the_daemons(resource)))
}
