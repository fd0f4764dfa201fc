//! One worker that is kept running.

use std::time::{Duration, Instant};

use madang_workers::{Launch, Worker};
use serde::Serialize;

use crate::runtime::chain;

/// How long to wait before a worker that ended is started again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// How long a worker that an earlier daemon has left goes on before it is replaced: a daemon that does not live that long
/// leaves no more of them.
const PATIENCE: Duration = Duration::from_secs(1);
/// A worker that lived this long had no trouble starting.
const SETTLED: Duration = Duration::from_secs(60);

/// One worker that is kept running. `T` is what it was told last, or what that was made of.
pub(super) struct Keeper<T> {
    launch: Launch,
    running: Option<Running<T>>,
    pause: Duration,
    again: Instant,
    trouble: Option<String>,
}

struct Running<T> {
    worker: Worker,
    since: Instant,
    /// Which namespace it listens in.
    namespace: u64,
    told: Option<T>,
    /// Whether it serves, and those of an earlier daemon are ended.
    alone: bool,
}

impl<T: PartialEq> Keeper<T> {
    pub(super) fn new(launch: Launch) -> Self {
        let left = madang_workers::is_any_left(launch.kind, &launch.place);
        let again = Instant::now() + if left { PATIENCE } else { Duration::ZERO };
        Self { launch, running: None, pause: PAUSE.0, again, trouble: None }
    }

    /// Makes the worker run in the namespace, and know what it must. What is wrong with it, if something is.
    pub(super) fn keep<B: Serialize>(
        &mut self,
        namespace: u64,
        told: T,
        briefing: impl FnOnce() -> B,
    ) -> Option<String> {
        if let Err(trouble) = self.turn(namespace, told, briefing) {
            if let Some(mut running) = self.running.take() {
                running.worker.kill();
            }
            self.again = Instant::now() + self.pause;
            self.pause = (self.pause * 2).min(PAUSE.1);
            let kind = self.launch.kind.name();
            self.trouble = Some(format!("the {kind} worker does not run: {trouble}"));
        }
        self.trouble.clone()
    }

    fn turn<B: Serialize>(
        &mut self,
        namespace: u64,
        told: T,
        briefing: impl FnOnce() -> B,
    ) -> Result<(), String> {
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
        if running.told.as_ref() != Some(&told) {
            running.worker.tell(&briefing()).map_err(|error| chain(&error))?;
            running.told = Some(told);
        }
        if !running.alone && running.worker.is_ready() {
            let Launch { kind, place, .. } = &self.launch;
            let own = Some(running.worker.pid());
            madang_workers::end_all(*kind, place, own).map_err(|error| chain(&error))?;
            running.alone = true;
            self.trouble = None;
        }
        if running.since.elapsed() > SETTLED {
            self.pause = PAUSE.0;
        }
        Ok(())
    }

    /// Ends the worker, and what an earlier daemon left.
    pub(super) fn end(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.worker.kill();
            if let Err(error) = madang_workers::end_all(self.launch.kind, &self.launch.place, None) {
                tracing::warn!("cannot end the {} worker: {}", self.launch.kind.name(), chain(&error));
            }
        }
        self.trouble = None;
    }
}
