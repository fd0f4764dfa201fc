//! Answers without an end: watches, logs, exec.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::Response;
use madang_model::Kind;
use madang_model::columns::Around;
use madang_store::Revision;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::accept::Form;
use super::body::AnswerBody;
use super::query::{Chosen, IncludeObject};
use super::{Phase, answer, table};
use crate::{ApiError, Change, Entry, Watch};

type Pieces = mpsc::Sender<io::Result<Bytes>>;

/// How much of a log is sent at once.
const PIECE: usize = 16 << 10;
/// A resource whose text is longer is sent as it is kept, without a copy for each who watches.
const SHARED: usize = 16 << 10;
/// How often a watch that asks for it is told how far it is.
const BOOKMARK: Duration = Duration::from_secs(60);
/// How long a watch lasts if it does not say: clients begin anew from where they were.
const LASTS: Duration = Duration::from_secs(45 * 60);

/// Waits for the server to stop.
pub(super) async fn stopping(mut phase: watch::Receiver<Phase>) {
    // An error means that the server is gone: the same.
    let _ = phase.wait_for(|phase| *phase >= Phase::Stopping).await;
}

/// What a watch is to tell, and how.
pub(super) struct Asked {
    pub(super) kind: Kind,
    pub(super) namespace: Option<String>,
    pub(super) form: Form,
    pub(super) chosen: Chosen,
    pub(super) include: IncludeObject,
    pub(super) bookmarks: bool,
    /// Whether it is said where what exists ends.
    pub(super) end_of_initial: bool,
    pub(super) lasts: Option<Duration>,
    pub(super) around: Around,
}

/// What exists, then what happens, a line of JSON each. Ends after a time, when nobody listens any more, or when the server
/// stops.
pub(super) fn watch(
    mut watch: Watch,
    initial: Vec<Arc<Entry>>,
    as_of: Option<Revision>,
    asked: Asked,
    phase: watch::Receiver<Phase>,
) -> Response<AnswerBody> {
    let (pieces, body) = AnswerBody::pieces();
    let lasts = asked.lasts.unwrap_or(LASTS);
    tokio::spawn(async move {
        tokio::select! {
            () = tell(&mut watch, initial, as_of, &asked, &pieces) => {}
            () = pieces.closed() => {}
            () = stopping(phase) => {}
            () = sleep(lasts) => {}
        }
    });
    answer::pieces("application/json", body)
}

async fn tell(
    watch: &mut Watch,
    initial: Vec<Arc<Entry>>,
    as_of: Option<Revision>,
    asked: &Asked,
    pieces: &Pieces,
) {
    for entry in initial.iter().filter(|entry| asked.includes(entry)) {
        if !send(pieces, asked.line("ADDED", entry)).await {
            return;
        }
    }
    drop(initial);
    if let (true, Some(as_of)) = (asked.end_of_initial, as_of)
        && !send(pieces, vec![asked.bookmark(as_of, true)]).await
    {
        return;
    }
    let mut bookmarks = interval_at(Instant::now() + BOOKMARK, BOOKMARK);
    bookmarks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let line = tokio::select! {
            change = watch.next_change() => match change {
                Ok(change) => match asked.told(&change) {
                    Some(line) => line,
                    None => continue,
                },
                Err(error) => {
                    let _ = pieces.send(Ok(error_line(&error))).await;
                    return;
                }
            },
            _ = bookmarks.tick(), if asked.bookmarks => match watch.seen() {
                Some(seen) => vec![asked.bookmark(seen, false)],
                None => continue,
            },
        };
        if !send(pieces, line).await {
            return;
        }
    }
}

/// Sends a line, unless nobody listens any more.
async fn send(pieces: &Pieces, line: Vec<Bytes>) -> bool {
    for piece in line {
        if pieces.send(Ok(piece)).await.is_err() {
            return false;
        }
    }
    true
}

impl Asked {
    fn includes(&self, entry: &Entry) -> bool {
        let project = entry.resource.metadata().namespace.as_deref();
        self.namespace.as_deref().is_none_or(|wanted| project == Some(wanted))
            && self.chosen.includes(&entry.resource)
    }

    /// What is said of a change: what comes into view is new, what goes out of view is gone.
    fn told(&self, change: &Change) -> Option<Vec<Bytes>> {
        let old = change.old.as_ref().filter(|old| self.includes(old));
        let new = change.new.as_ref().filter(|new| self.includes(new));
        match (old, new) {
            (None, Some(new)) => Some(self.line("ADDED", new)),
            (Some(_), Some(new)) => Some(self.line("MODIFIED", new)),
            // As of its last version, with the revision of this change.
            (Some(old), None) => Some(self.line("DELETED", change.new.as_ref().unwrap_or(old))),
            (None, None) => None,
        }
    }

    /// A line, in pieces.
    fn line(&self, what: &str, entry: &Arc<Entry>) -> Vec<Bytes> {
        match self.form {
            Form::Table => {
                let entries = std::slice::from_ref(entry);
                vec![line(what, &table::table(self.kind, entries, &self.around, self.include))]
            }
            Form::PartialMetadata => vec![line(what, &table::partial(&entry.resource))],
            _ => {
                let (head, json) = (format!("{{\"type\":\"{what}\",\"object\":"), entry.json());
                if json.len() > SHARED {
                    return vec![head.into(), json.clone(), Bytes::from_static(b"}\n")];
                }
                let mut text = Vec::with_capacity(head.len() + json.len() + 2);
                text.extend_from_slice(head.as_bytes());
                text.extend_from_slice(json);
                text.extend_from_slice(b"}\n");
                vec![text.into()]
            }
        }
    }

    fn bookmark(&self, revision: Revision, end_of_initial: bool) -> Bytes {
        let mut metadata = json!({ "resourceVersion": revision.to_string() });
        if end_of_initial {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let object = match self.form {
            Form::Table => json!({
                "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": [],
                "rows": [],
            }),
            Form::PartialMetadata => json!({
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            }),
            _ => json!({
                "kind": self.kind.name(), "apiVersion": self.kind.api_version(), "metadata": metadata,
            }),
        };
        line("BOOKMARK", &object)
    }
}

fn line(what: &str, object: &Value) -> Bytes {
    format!("{{\"type\":\"{what}\",\"object\":{object}}}\n").into()
}

fn error_line(error: &ApiError) -> Bytes {
    line("ERROR", &serde_json::to_value(error).expect("an error has a JSON value"))
}

/// A log, until its end.
pub(super) fn log(
    log: Box<dyn AsyncRead + Send + Unpin>,
    phase: watch::Receiver<Phase>,
) -> Response<AnswerBody> {
    let (pieces, body) = AnswerBody::pieces();
    tokio::spawn(async move {
        tokio::select! {
            () = copy(log, &pieces) => {}
            () = pieces.closed() => {}
            () = stopping(phase) => {}
        }
    });
    answer::pieces("text/plain; charset=utf-8", body)
}

async fn copy(mut log: Box<dyn AsyncRead + Send + Unpin>, pieces: &Pieces) {
    loop {
        let mut piece = BytesMut::with_capacity(PIECE);
        let piece = match log.read_buf(&mut piece).await {
            Ok(0) => return,
            Ok(_) => Ok(piece.freeze()),
            Err(error) => Err(error),
        };
        let failed = piece.is_err();
        if pieces.send(piece).await.is_err() || failed {
            return;
        }
    }
}
