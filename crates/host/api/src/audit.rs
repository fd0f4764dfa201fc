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
/// How much of a text from outside is in a line, in bytes.
const LONGEST: usize = 256;
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
    /// The name of what it created, if its path does not say it.
    pub created: Option<&'a str>,
    /// The HTTP status of its answer.
    pub code: u16,
    /// How long the answer took.
    pub duration: Duration,
}

/// The log.
pub struct AuditLog {
    path: PathBuf,
    lines: Option<SyncSender<String>>,
    missing: Arc<Missing>,
    thread: Option<JoinHandle<()>>,
}

/// Requests without a line of their own.
#[derive(Debug, Default)]
struct Missing {
    /// Their lines could not be written.
    lost: AtomicU64,
    /// They were refused, and too many from one place were.
    refused: AtomicU64,
}

impl AuditRecord<'_> {
    /// Whether it is no mere look, or was refused.
    pub fn is_worth_a_line(&self) -> bool {
        self.is_refused() || self.asked.is_none_or(|asked| !asked.is_look())
    }

    /// Whether it was refused.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.code, 401 | 403 | 429)
    }

    fn line(&self, now: Timestamp) -> String {
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| drop(line.insert(name.to_owned(), value));
        put("time", now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().into());
        put("id", self.id.into());
        put("user", self.caller.map(|caller| cut(&caller.user.name)).into());
        let groups = self.caller.map(|caller| caller.user.groups.as_slice()).unwrap_or_default();
        put("groups", groups.iter().map(|group| cut(group)).collect());
        if let Some(by) = self.caller.and_then(|caller| caller.impersonated_by.as_deref()) {
            put("impersonatedBy", cut(by).into());
        }
        put("source", source(self.peer));
        put("verb", self.asked.map(|asked| cut(&asked.verb)).into());
        match self.asked.map(|asked| &asked.target) {
            Some(madang_access::Target::Path(path)) => put("path", cut(path).into()),
            Some(madang_access::Target::Resource(target)) => {
                for (name, text) in [
                    ("group", &target.group),
                    ("resource", &target.resource),
                    ("subresource", &target.subresource),
                    ("namespace", &target.namespace),
                ] {
                    if !text.is_empty() || name == "group" {
                        put(name, cut(text).into());
                    }
                }
                let name = Some(target.name.as_str()).filter(|name| !name.is_empty()).or(self.created);
                if let Some(name) = name {
                    put("name", cut(name).into());
                }
            }
            None => {}
        }
        put("code", self.code.into());
        put("milliseconds", u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX).into());
        Value::Object(line).to_string()
    }
}

/// A text from outside, as far as a line has it.
fn cut(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(LONGEST)])
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
        let missing = Arc::new(Missing::default());
        let counted = Arc::clone(&missing);
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || Writer { file, missing: counted, failing: false }.run(&waiting))?;
        Ok(Self { path: path.to_owned(), lines: Some(lines), missing, thread: Some(thread) })
    }

    /// Writes a line, soon. Never waits.
    pub fn write(&self, record: &AuditRecord<'_>) {
        let line = record.line(Timestamp::now());
        let sent = self.lines.as_ref().map(|lines| lines.try_send(line));
        if let Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) = sent {
            self.missing.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a request that was refused and gets no line: the next line says how many there were.
    pub fn count_refused(&self) {
        self.missing.refused.fetch_add(1, Ordering::Relaxed);
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
    missing: Arc<Missing>,
    failing: bool,
}

impl Writer {
    fn run(mut self, lines: &Receiver<String>) {
        loop {
            match lines.recv_timeout(AGAIN) {
                Ok(line) => self.write(&line),
                Err(RecvTimeoutError::Timeout) => self.report_missing(),
                Err(RecvTimeoutError::Disconnected) => return self.report_missing(),
            }
        }
    }

    fn write(&mut self, line: &str) {
        self.report_missing();
        if let Err(error) = self.file.write(line) {
            self.missing.lost.fetch_add(1, Ordering::Relaxed);
            self.complain(&error);
        }
    }

    /// Says how many lines are missing here, as soon as that can be written.
    fn report_missing(&mut self) {
        let missing = Arc::clone(&self.missing);
        for (name, counter) in [("lostLines", &missing.lost), ("refusedRequests", &missing.refused)] {
            let count = counter.swap(0, Ordering::Relaxed);
            if count == 0 {
                continue;
            }
            let line = json!({ "time": Timestamp::now().to_string(), name: count }).to_string();
            match self.file.write(&line) {
                Ok(()) => self.failing = false,
                Err(error) => {
                    counter.fetch_add(count, Ordering::Relaxed);
                    self.complain(&error);
                }
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
