//! What happened to resources, told as Events of Kubernetes' core/v1.
//!
//! Whoever has something to tell says it to the [`EventRecorder`] and goes on at once. A thread of its own counts what
//! repeats, holds back what is too much (both in [`journal`]), writes the rest by the batch, and deletes what is old. Where
//! it cannot write, since the disk is full, say, events are lost, and nothing else suffers.

mod journal;
mod past;
pub(crate) mod story;

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use madang_api::Registry;
use madang_model::{Kind, ObjectReference, Resource};

use self::journal::{Happening, Journal, Moment};
use self::past::Past;
use self::story::{Severity, Told};
use crate::runtime::chain;

/// How many happenings wait to be looked at; what comes on top is lost.
const WAITING: usize = 10_000;
/// How long happenings are gathered before they are written.
const GATHER: Duration = Duration::from_millis(100);
/// How many events are written or deleted at once.
const BATCH: usize = 500;
/// How often it is looked which events are too old or too many.
const SWEEP: Duration = Duration::from_secs(60);
/// How many events are kept at most.
const MOST: usize = 10_000;
/// How long [`EventRecorder::flush`] waits.
const FLUSH: Duration = Duration::from_secs(2);

/// Who tells.
const COMPONENT: &str = "madang-agent";

/// Takes what happened, from anywhere in the daemon. Never blocks, never fails.
#[derive(Clone, Debug)]
pub(crate) struct EventRecorder {
    send: SyncSender<Message>,
}

enum Message {
    Happened(Box<Happening>),
    /// All before this is to be written now; then this is answered.
    Flush(SyncSender<()>),
}

impl EventRecorder {
    /// Starts the thread that writes. It ends when the last recorder does.
    pub(crate) fn start(registry: Registry, host: String) -> io::Result<Self> {
        let (send, receive) = sync_channel(WAITING);
        let journal = Journal::new(COMPONENT, &host);
        let writer = Writer { registry, journal, past: Past::default(), receive, kept: 0, trouble: None };
        std::thread::Builder::new().name("events".to_owned()).spawn(move || writer.run())?;
        Ok(Self { send })
    }

    /// Tells that something happened as it should.
    pub(crate) fn normal(&self, about: &Resource, reason: &str, message: impl Into<String>) {
        self.tell(about, Told::new(Severity::Normal, reason, message));
    }

    /// Tells that something happened that somebody should know of.
    pub(crate) fn warning(&self, about: &Resource, reason: &str, message: impl Into<String>) {
        self.tell(about, Told::new(Severity::Warning, reason, message));
    }

    /// Tells what happened to a resource.
    pub(crate) fn tell(&self, about: &Resource, told: Told) {
        let happening = Happening { about: reference(about), told, at: Moment::now() };
        if let Err(TrySendError::Full(_)) = self.send.try_send(Message::Happened(Box::new(happening))) {
            tracing::debug!("an event is lost: more happens than can be written");
        }
    }

    /// Waits until all that was told before is written, or could not be; not for long.
    pub(crate) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.send.try_send(Message::Flush(done)).is_ok() {
            // Events are not worth waiting for longer.
            let _ = written.recv_timeout(FLUSH);
        }
    }
}

fn reference(resource: &Resource) -> ObjectReference {
    let (kind, metadata) = (resource.kind(), resource.metadata());
    ObjectReference {
        api_version: kind.api_version().to_owned(),
        kind: kind.name().to_owned(),
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone(),
        uid: metadata.uid.clone().unwrap_or_default(),
        ..ObjectReference::default()
    }
}

/// The thread that writes.
struct Writer {
    registry: Registry,
    journal: Journal,
    past: Past,
    receive: Receiver<Message>,
    /// How many events there are, about.
    kept: usize,
    /// What was last said to be wrong, so that it is said once.
    trouble: Option<String>,
}

impl Writer {
    fn run(mut self) {
        let mut swept = Instant::now();
        self.remember();
        loop {
            match self.receive.recv_timeout(SWEEP.saturating_sub(swept.elapsed())) {
                Ok(first) => self.gather(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if swept.elapsed() >= SWEEP || self.kept > MOST + BATCH {
                self.sweep();
                swept = Instant::now();
            }
        }
    }

    /// What the last daemon has told is gone on with.
    fn remember(&mut self) {
        match self.registry.list(Kind::Event) {
            Ok(list) => {
                let now = Moment::now();
                self.kept = list.items.len();
                self.past = Past::of(&list.items, now);
                self.journal.remember(&list.items, now);
            }
            Err(error) => self.note(Some(format!("cannot read the events: {}", chain(&error)))),
        }
    }

    /// Writes this and what happens at about the same time.
    fn gather(&mut self, first: Message) {
        let end = Instant::now() + GATHER;
        let (mut events, mut next, mut asked) = (BTreeMap::new(), Some(first), None);
        while let Some(message) = next {
            match message {
                Message::Happened(happening) => {
                    events.extend(self.journal.note(*happening).map(|event| (event.object_ref(), event)));
                }
                Message::Flush(done) => {
                    asked = Some(done);
                    break;
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            next = if events.len() < BATCH { self.receive.recv_timeout(left).ok() } else { None };
        }
        self.write(events.into_values().collect());
        if let Some(asked) = asked {
            // Whoever asked may wait no longer.
            let _ = asked.send(());
        }
    }

    fn write(&mut self, events: Vec<Resource>) {
        if events.is_empty() {
            return;
        }
        match self.registry.record_events(&events) {
            Ok(stored) => {
                self.kept += stored;
                self.note(None);
            }
            Err(error) => self.note(Some(format!("cannot record events: {}", chain(&error)))),
        }
    }

    /// Deletes what is too old or too much.
    fn sweep(&mut self) {
        let now = Instant::now();
        self.journal.forget(now);
        self.past.mark(self.registry.revision(), now);
        let events = match self.registry.list(Kind::Event) {
            Ok(list) => list.items,
            Err(error) => return self.note(Some(format!("cannot read the events: {}", chain(&error)))),
        };
        let outdated = self.past.outdated(&events, now);
        self.kept = events.len() - outdated.len();
        for batch in outdated.chunks(BATCH) {
            // One that was changed meanwhile is looked at again the next time, with those beside it.
            match self.registry.forget_events(batch) {
                Err(error) if !error.is(madang_api::Reason::Conflict) => {
                    return self.note(Some(format!("cannot delete old events: {}", chain(&error))));
                }
                _ => {}
            }
        }
    }

    fn note(&mut self, trouble: Option<String>) {
        if let Some(trouble) = trouble.as_ref().filter(|trouble| self.trouble.as_ref() != Some(trouble)) {
            tracing::warn!("{trouble}");
        }
        self.trouble = trouble;
    }
}

#[cfg(test)]
mod tests;
