//! Answers that wait for the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::control::Told;
use super::events::Notices;
use super::post::{Mail, Way};
use crate::Result;
use crate::error::Doing;
use crate::journal::{Directory, Journal};

/// How many batches may wait; then no more is heard.
const WAITING: usize = 64;
/// How much is written at once, about.
const AT_ONCE: usize = 256 << 10;
/// When a disk that did not take something is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Records, and what may be sent when they are durable.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<u8>,
    pub(super) mail: Mail,
    pub(super) told: Vec<Told>,
}

/// Starts the thread. It ends when nobody can send it anything any more, and it has done all that it was sent.
pub(super) fn start(
    journal: Journal<Directory>,
    ways: Arc<[Way]>,
    notices: Notices,
    ending: Arc<AtomicBool>,
) -> Result<(SyncSender<Batch>, JoinHandle<()>)> {
    let (batches, waiting) = mpsc::sync_channel(WAITING);
    let work = Committer { journal, ways, notices, ending, fails: false };
    let thread = thread::Builder::new().name("commit".to_owned()).spawn(move || work.run(&waiting));
    Ok((batches, thread.doing("start a thread")?))
}

struct Committer {
    journal: Journal<Directory>,
    ways: Arc<[Way]>,
    notices: Notices,
    /// Whether the server is to end: then a disk that takes nothing is waited for no longer.
    ending: Arc<AtomicBool>,
    /// Whether the disk did not take what it was given last.
    fails: bool,
}

impl Committer {
    fn run(mut self, waiting: &Receiver<Batch>) {
        loop {
            let mut batch = match waiting.recv_timeout(AGAIN) {
                Ok(batch) => batch,
                // What could not be written is tried again even if nobody comes.
                Err(RecvTimeoutError::Timeout) => Batch::default(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            while batch.records.len() < AT_ONCE
                && let Ok(more) = waiting.try_recv()
            {
                batch.records.extend_from_slice(&more.records);
                batch.mail.append(&more.mail);
                batch.told.extend(more.told);
            }
            self.commit(batch);
            // As long as too much waits for the disk nobody is heard: who comes then asks again.
            while self.journal.is_stuck() && !self.ending.load(Ordering::Acquire) {
                thread::sleep(AGAIN);
                self.commit(Batch::default());
            }
        }
    }

    fn commit(&mut self, batch: Batch) {
        match self.journal.commit(&batch.records) {
            Ok(()) => {
                if self.fails {
                    self.notices.say("the leases' log takes what it is given again");
                }
                self.fails = false;
                let lost = batch.mail.send(&self.ways);
                self.notices.lost(lost);
                // Who has gone does not hear it.
                batch.told.into_iter().for_each(|(to, answer)| drop(to.send(answer)));
                let notices = self.notices.clone();
                self.journal.compact_beside(move |result| {
                    if let Err(error) = result {
                        notices.say(&format!("the leases' log could not be made shorter: {error}"));
                    }
                });
            }
            Err(error) => {
                if !self.fails {
                    self.notices.say(&format!(
                        "the leases' log does not take what it is given: {error}; nobody gets a lease until it does"
                    ));
                }
                self.fails = true;
            }
        }
    }
}
