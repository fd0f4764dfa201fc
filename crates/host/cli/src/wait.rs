//! Waiting for resources, shown as it goes on.

use std::io;
use std::time::Duration;

use madang_api::Client;
use madang_model::{Kind, ObjectRef, Resource};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior};

use crate::context::Context;
use crate::error::Failure;
use crate::kinds::one_project;
use crate::mirror::Mirror;
use crate::output::progress::{Board, Display, Step};
use crate::output::style;

/// How often a terminal is redrawn.
const FRAME: Duration = Duration::from_millis(100);

/// How waiting ended.
#[derive(Debug)]
pub(crate) enum Waited {
    /// Nothing is left to wait for.
    Done,
    /// The time was over before; this is how far all were.
    TimedOut(Board),
    /// Somebody pressed Ctrl-C.
    Interrupted,
}

/// For what is waited.
pub(crate) struct Goal {
    /// In the count: `ready`, `gone`.
    pub(crate) word: &'static str,
    /// How far a resource is; none is one that is not there.
    pub(crate) step: fn(Option<&Resource>) -> Step,
}

impl Goal {
    /// Until they are ready.
    pub(crate) const READY: Self = Self {
        word: "ready",
        step: |resource| resource.map_or_else(|| Step::Waiting("deleted meanwhile".to_owned()), Step::up),
    };
    /// Until they are gone.
    pub(crate) const GONE: Self = Self { word: "gone", step: Step::down };
}

/// Waits until all of these have come to the goal, and shows how far they are.
pub(crate) async fn wait(
    context: &Context,
    client: &Client,
    objects: &[ObjectRef],
    goal: Goal,
    timeout: Duration,
) -> Result<Waited, Failure> {
    let fail = |error| Failure::api("follow the resources", error);
    let kinds: Vec<Kind> =
        Kind::ALL.iter().copied().filter(|kind| objects.iter().any(|object| object.kind == *kind)).collect();
    let mut board = Board::new(objects.iter().cloned(), goal.word);
    let mut display = Display::new(io::stderr(), context.words);
    let mut mirror = Mirror::start(client, &kinds, one_project(objects)).await.map_err(fail)?;
    let mut changed = objects.to_vec();
    let deadline = Instant::now() + timeout;
    // From here on, and not only when it is first waited for.
    let mut interrupt = interrupts()?;
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        for object in &changed {
            if board.set(object, (goal.step)(mirror.find(object))) {
                show(display.changed(&board, object));
            }
        }
        changed.clear();
        if board.is_done() {
            show(display.redraw(&board, style::size(&io::stderr())));
            return Ok(Waited::Done);
        }
        tokio::select! {
            news = mirror.changed() => changed = news.map_err(fail)?,
            _ = frames.tick() => show(display.redraw(&board, style::size(&io::stderr()))),
            () = tokio::time::sleep_until(deadline) => {
                show(display.clear(style::size(&io::stderr())));
                return Ok(Waited::TimedOut(board));
            }
            _ = interrupt.recv() => return Ok(Waited::Interrupted),
        }
    }
}

/// Every Ctrl-C from now on.
pub(crate) fn interrupts() -> Result<Signal, Failure> {
    signal(SignalKind::interrupt())
        .map_err(|source| Failure::Host { doing: "listen for Ctrl-C".to_owned(), source })
}

/// Progress that nobody can see is no reason to stop.
fn show(result: io::Result<()>) {
    drop(result);
}

/// What is not done, and what is known of it: a line each.
pub(crate) fn left(board: &Board) -> String {
    let line = |(object, step): (&ObjectRef, &Step)| match step {
        Step::Waiting(why) | Step::Leaving(why) if !why.is_empty() => format!("  {object}: {why}\n"),
        Step::Leaving(_) => format!("  {object}: still being deleted\n"),
        _ => format!("  {object}: the agent has not looked at it yet\n"),
    };
    board.left().map(line).collect()
}
