//! Who did what: one line of JSON for each request that is no mere look.
//!
//! Bodies and secrets are in no line. A thread of its own writes, so that a slow or full disk never holds up a request: lines
//! that cannot be written are counted, and their number is the next line that can.

mod file;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fmt, io};

use jiff::Timestamp;
use madang_access::Attributes;
use serde_json::{Map, Value, json};

use crate::access::{Caller, Peer};
use file::Rotating;

/// How many lines may wait to be written.
const WAITING: usize = 4096;
/// How often a disk that does not take lines is tried again without a new one.
const AGAIN: Duration = Duration::from_secs(10);

/// How large the log may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The largest file, in bytes.
    pub size: u64,
    /// How many files there are, with the one that is written.
    pub files: usize,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { size: 10 << 20, files: 5 }
    }
}

/// What is said of a request.
#[derive(Clone, Debug)]
pub struct AuditRecord<'a> {
    /// The request's name.
    pub id: &'a str,
    /// Where it came from.
    pub peer: &'a Peer,
    /// Who it is from, if that is known.
    pub caller: Option<&'a Caller>,
    /// What it asked for; nothing, if its path could not be read.
    pub asked: Option<&'a Attributes>,
    /// The HTTP status of its answer.
    pub code: u16,
    /// How long the answer took.
    pub duration: Duration,
}

/// The log.
pub struct AuditLog {
    path: PathBuf,
    lines: Option<SyncSender<String>>,
    lost: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl AuditRecord<'_> {
    /// Whether it is no mere look, or was refused.
    pub fn is_worth_a_line(&self) -> bool {
        matches!(self.code, 401 | 403 | 429) || self.asked.is_none_or(|asked| !asked.is_look())
    }

    fn line(&self, now: Timestamp) -> String {
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| drop(line.insert(name.to_owned(), value));
        let milliseconds = now.round(jiff::Unit::Millisecond).unwrap_or(now);
        put("time", milliseconds.to_string().into());
        put("id", self.id.into());
        put("user", self.caller.map(|caller| caller.user.name.as_str()).into());
        put("groups", self.caller.map(|caller| caller.user.groups.clone()).unwrap_or_default().into());
        if let Some(by) = self.caller.and_then(|caller| caller.impersonated_by.as_deref()) {
            put("impersonatedBy", by.into());
        }
        put("source", source(self.peer));
        put("verb", self.asked.map(|asked| asked.verb.as_str()).into());
        match self.asked.map(|asked| &asked.target) {
            Some(madang_access::Target::Path(path)) => put("path", path.as_str().into()),
            Some(madang_access::Target::Resource(target)) => {
                for (name, text) in [
                    ("group", &target.group),
                    ("resource", &target.resource),
                    ("subresource", &target.subresource),
                    ("namespace", &target.namespace),
                    ("name", &target.name),
                ] {
                    if !text.is_empty() || name == "group" {
                        put(name, text.as_str().into());
                    }
                }
            }
            None => {}
        }
        put("code", self.code.into());
        put("milliseconds", u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX).into());
        Value::Object(line).to_string()
    }
}

fn source(peer: &Peer) -> Value {
    match peer {
        Peer::Socket { uid, gid, pid } => json!({ "socket": { "uid": uid, "gid": gid, "pid": pid } }),
        Peer::Tls { address, .. } => json!({ "address": address.to_string() }),
    }
}

impl AuditLog {
    /// The log in this file, which is made with mode 0600 if it is not there.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let file = Rotating::open(path, rotation)?;
        let (lines, waiting) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || Writer { file, lost: counted, failing: false }.run(&waiting))?;
        Ok(Self { path: path.to_owned(), lines: Some(lines), lost, thread: Some(thread) })
    }

    /// Writes a line, soon. Never waits.
    pub fn write(&self, record: &AuditRecord<'_>) {
        let line = record.line(Timestamp::now());
        let sent = self.lines.as_ref().map(|lines| lines.try_send(line));
        if let Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) = sent {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for AuditLog {
    /// Waits until the last line is written, or has failed.
    fn drop(&mut self) {
        drop(self.lines.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!(path = %self.path.display(), "the audit log broke off");
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The thread that writes.
struct Writer {
    file: Rotating,
    lost: Arc<AtomicU64>,
    failing: bool,
}

impl Writer {
    fn run(mut self, lines: &Receiver<String>) {
        loop {
            match lines.recv_timeout(AGAIN) {
                Ok(line) => self.write(&line),
                Err(RecvTimeoutError::Timeout) => self.report_lost(),
                Err(RecvTimeoutError::Disconnected) => return self.report_lost(),
            }
        }
    }

    fn write(&mut self, line: &str) {
        self.report_lost();
        if let Err(error) = self.file.write(line) {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.complain(&error);
        }
    }

    /// Says how many lines are missing here, as soon as that can be written.
    fn report_lost(&mut self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost == 0 {
            return;
        }
        let line = json!({ "time": Timestamp::now().to_string(), "lostLines": lost }).to_string();
        match self.file.write(&line) {
            Ok(()) => self.failing = false,
            Err(error) => {
                self.lost.fetch_add(lost, Ordering::Relaxed);
                self.complain(&error);
            }
        }
    }

    /// Once, until it works again.
    fn complain(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(path = %self.file.path().display(), %error, "the audit log cannot be written: requests go on, and lines are lost");
        }
    }
}

#[cfg(test)]
mod tests;
