//! One worker that is kept running.

use std::time::{Duration, Instant};

use madang_workers::{Launch, Worker};
use serde::Serialize;

use crate::runtime::chain;

/// How long to wait before a worker that ended is started again, if it had been started again just before, at first and
/// at most. The first time it is at once.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// How long a worker that an earlier daemon has left goes on before it is replaced: a daemon that does not live that long
/// leaves no more of them.
const PATIENCE: Duration = Duration::from_secs(1);
/// A worker that lived this long had no trouble starting.
const SETTLED: Duration = Duration::from_secs(60);

/// How long a worker that is to end may take over what it has begun.
const GRACE: Duration = Duration::from_secs(6);

/// One worker that is kept running. `T` is what a briefing `B` is made of.
pub(super) struct Keeper<T, B> {
    launch: Launch,
    running: Option<Running<T, B>>,
    pause: Duration,
    again: Instant,
    trouble: Option<String>,
    /// Since when others are asked to end.
    ending: Option<Instant>,
}

struct Running<T, B> {
    worker: Worker,
    since: Instant,
    /// Which namespace it listens in.
    namespace: u64,
    /// What it was told last, and what that was made of.
    told: Option<(T, B)>,
    /// Whether it serves, and those of an earlier daemon are ended.
    alone: bool,
}

impl<T: Clone + PartialEq, B: PartialEq + Serialize> Keeper<T, B> {
    pub(super) fn new(launch: Launch) -> Self {
        let left = madang_workers::is_any_left(launch.kind, &launch.place);
        let again = Instant::now() + if left { PATIENCE } else { Duration::ZERO };
        Self { launch, running: None, pause: Duration::ZERO, again, trouble: None, ending: None }
    }

    /// Makes the worker run in the namespace, and know what it must. What is wrong with it, if something is.
    pub(super) fn keep(&mut self, namespace: u64, made_of: &T, briefing: impl Fn() -> B) -> Option<String> {
        while let Err(trouble) = self.turn(namespace, made_of, &briefing) {
            if let Some(mut running) = self.running.take() {
                running.worker.kill();
            }
            let kind = self.launch.kind.name();
            self.trouble = Some(format!("the {kind} worker does not run: {trouble}"));
            let pause = self.pause;
            self.pause = (pause * 2).clamp(PAUSE.0, PAUSE.1);
            self.again = Instant::now() + pause;
            if !pause.is_zero() {
                break;
            }
        }
        self.trouble.clone()
    }

    fn turn(&mut self, namespace: u64, made_of: &T, briefing: impl Fn() -> B) -> Result<(), String> {
        if let Some(running) = &mut self.running {
            if let Some(how) = running.worker.ended() {
                return Err(format!("it has ended: {how}"));
            }
            if running.namespace != namespace {
                running.worker.kill();
                self.running = None;
            }
        }
        if self.running.is_none() && Instant::now() >= self.again {
            let worker = self.launch.start().map_err(|error| chain(&error))?;
            let since = Instant::now();
            self.running = Some(Running { worker, since, namespace, told: None, alone: false });
        }
        let Some(running) = &mut self.running else { return Ok(()) };
        if running.told.as_ref().is_none_or(|(of, _)| of != made_of) {
            let briefing = briefing();
            // Most of what changes in the world is none of the worker's business.
            if running.told.as_ref().is_none_or(|(_, last)| *last != briefing) {
                running.worker.tell(&briefing).map_err(|error| chain(&error))?;
            }
            running.told = Some((made_of.clone(), briefing));
        }
        let ready = !running.alone && running.worker.is_ready();
        if running.since.elapsed() > SETTLED {
            self.pause = Duration::ZERO;
        }
        if ready {
            self.trouble = None;
            let own = running.worker.pid();
            let alone = self.retire(Some(own));
            self.running.iter_mut().for_each(|running| running.alone = alone);
        }
        Ok(())
    }

    /// Asks the others to end. Whether there are none left.
    fn retire(&mut self, but: Option<u32>) -> bool {
        let since = *self.ending.get_or_insert_with(Instant::now);
        let force = since.elapsed() > GRACE;
        match madang_workers::retire(self.launch.kind, &self.launch.place, but, force) {
            Ok(none_left) => {
                if none_left {
                    self.ending = None;
                }
                none_left
            }
            Err(error) => {
                tracing::warn!("cannot end an old {} worker: {}", self.launch.kind.name(), chain(&error));
                false
            }
        }
    }

    /// Ends the worker, and what an earlier daemon left.
    pub(super) fn end(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.worker.kill();
        }
        self.trouble = None;
        if self.ending.is_some() || madang_workers::is_any_left(self.launch.kind, &self.launch.place) {
            self.retire(None);
        }
    }
}
