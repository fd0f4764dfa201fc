//! What is true of the instances, from their directories and the processes that there are.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use madang_kernel::process::ProcessId;

use super::Inner;
use crate::Result;
use crate::error::Trying;
use crate::instance_dir::{InstanceDir, Record, State};

/// What is true of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedWorkload {
    /// Which.
    pub uid: String,
    /// Of the spec that it was started with; empty if that cannot be read any more.
    pub spec_hash: String,
    /// Its shim, while it lives.
    pub shim: Option<ProcessId>,
    /// Its process, as the host counts, while it runs.
    pub process_pid: Option<u32>,
    /// What it does.
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
    pub(super) fn observe(&self) -> Result<Vec<ObservedWorkload>> {
        let all = InstanceDir::all(&self.layout);
        let entries = match fs::read_dir(&all) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).on("read", &all),
        };
        let mut uids: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        uids.sort();
        let observed = uids.iter().filter_map(|uid| self.observe_one(uid).transpose());
        observed.collect()
    }

    fn observe_one(&self, uid: &str) -> Result<Option<ObservedWorkload>> {
        let Ok(dir) = InstanceDir::new(&self.layout, uid) else { return Ok(None) };
        let order = dir.order();
        let record = dir.record();
        let shim = dir.shim().ok().flatten();
        let Ok(busy) = self.occupy(uid) else {
            // Being started or stopped, so it may be half there.
            let hash = order.ok().flatten().map(|order| order.spec_hash).unwrap_or_default();
            return Ok(dir
                .exists()
                .then(|| observed(uid, hash, shim, record.ok().flatten().unwrap_or_else(Record::new))));
        };
        let (order, record) = match (order, record) {
            (Ok(order), Ok(record)) => (order, record),
            (Err(error), _) | (_, Err(error)) => {
                let record = Record { state: State::Exited, message: error.chain(), ..Record::new() };
                return Ok(Some(observed(uid, String::new(), shim, record)));
            }
        };
        let (Some(order), Some(mut record)) = (order, record) else {
            self.remove(&dir, uid)?;
            return Ok(None);
        };
        drop(busy);
        if shim.is_none() && record.state == State::Starting {
            self.remove(&dir, uid)?;
            return Ok(None);
        }
        if shim.is_none() && record.state != State::Exited {
            record = Record {
                state: State::Exited,
                process: None,
                message: "its shim was killed".into(),
                ..record
            };
        }
        Ok(Some(observed(uid, order.spec_hash, shim, record)))
    }
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
