//! What is true of the instances, from their directories and the processes that there are.

use std::fs;
use std::io::ErrorKind;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use madang_kernel::process::ProcessId;
use madang_model::RestartPolicy;

use super::known::Known;
use super::{Inner, unpoisoned};
use crate::error::Trying;
use crate::instance_dir::{InstanceDir, Record, State};
use crate::{Error, Result};

/// What is true of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedWorkload {
    /// Which.
    pub uid: String,
    /// Of the spec that it was started with; empty if that cannot be read.
    pub spec_hash: String,
    /// Its shim, while it lives.
    pub shim: Option<ProcessId>,
    /// Its process, as the host counts, while it runs.
    pub process_pid: Option<u32>,
    /// What it does; without a shim, what it did when that was killed. Only `Exited` is for good: one in another state
    /// without a shim is lost, and [`Driver::start`](crate::Driver::start) makes it anew.
    pub state: State,
    /// When its process was last started.
    pub started_at: Option<SystemTime>,
    /// How often it was started again.
    pub restarts: u32,
    /// How it last ended: the exit status, or 128 and the signal's number.
    pub last_exit_code: Option<i32>,
    /// More, for people; may be empty.
    pub message: String,
}

impl Inner {
    /// Removes nothing, and fails only where nothing at all can be seen.
    pub(super) fn observe(&self) -> Result<Vec<ObservedWorkload>> {
        let uids = self.uids()?;
        let mut known = unpoisoned(&self.known);
        known.keep(&uids)?;
        Ok(uids.iter().filter_map(|uid| self.observe_one(uid, known.of(uid))).collect())
    }

    /// Those of the instances that have a directory, in order.
    pub(super) fn uids(&self) -> Result<Vec<String>> {
        let all = InstanceDir::all(&self.layout);
        let entries = match fs::read_dir(&all) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).on("read", &all),
        };
        let mut uids: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        uids.sort();
        Ok(uids)
    }

    fn observe_one(&self, uid: &str, known: &mut Known) -> Option<ObservedWorkload> {
        let dir = InstanceDir::new(&self.layout, uid).ok()?;
        let renewed = known.renew(&dir);
        if renewed.is_ok() && known.order().is_none() && known.record().is_none() && !dir.exists() {
            return None;
        }
        let shim = known.shim();
        let spec_hash = known.order().map(|order| order.spec_hash.clone()).unwrap_or_default();
        let record = match renewed {
            Ok(()) if shim.is_none() => without_shim(known),
            Ok(()) => known.record().cloned().unwrap_or_else(Record::new),
            Err(error) => unreadable(known, &error),
        };
        Some(observed(uid, spec_hash, shim, record))
    }
}

/// What became of an instance whose shim is gone, or never was.
fn without_shim(known: &Known) -> Record {
    let record = known.record().cloned().unwrap_or_else(Record::new);
    let once = known.order().is_some_and(|order| order.restart == RestartPolicy::Never);
    let (state, message) = match record.state {
        State::Exited => return record,
        State::Starting => (State::Starting, "it was not started to the end"),
        // It ran, and that was to happen once.
        State::Running | State::Backoff if once => (State::Exited, GONE),
        lost @ (State::Running | State::Backoff) => (lost, GONE),
    };
    Record { state, process: None, message: message.into(), ..record }
}

/// Why an instance that has not ended has no shim.
const GONE: &str = "its shim was killed, or the host was started again";

fn unreadable(known: &Known, error: &Error) -> Record {
    let last = known.record().cloned().unwrap_or_else(Record::new);
    Record { state: State::Exited, process: None, message: error.chain(), ..last }
}

fn observed(uid: &str, spec_hash: String, shim: Option<ProcessId>, record: Record) -> ObservedWorkload {
    ObservedWorkload {
        uid: uid.to_owned(),
        spec_hash,
        shim,
        process_pid: record.process,
        state: record.state,
        started_at: record.started_at.map(|at| UNIX_EPOCH + Duration::from_millis(at)),
        restarts: record.restarts,
        last_exit_code: record.last_exit_code,
        message: record.message,
    }
}

#[cfg(test)]
mod tests;
