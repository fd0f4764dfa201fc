//! Answers without an end: watches, logs, exec.

use std::io;

use bytes::{Bytes, BytesMut};
use hyper::Response;
use madang_model::Resource;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{mpsc, watch};

use super::Phase;
use super::answer;
use super::body::AnswerBody;
use crate::wire::SentEvent;
use crate::{ApiError, Watch, WatchEvent};

type Pieces = mpsc::Sender<io::Result<Bytes>>;

/// How much of a log is sent at once.
const PIECE: usize = 16 << 10;

/// Waits for the server to stop.
pub(super) async fn stopping(mut phase: watch::Receiver<Phase>) {
    // An error means that the server is gone: the same.
    let _ = phase.wait_for(|phase| *phase >= Phase::Stopping).await;
}

/// What exists first, if it is wanted, then what happens in the project (none: in all), a line of JSON each. Ends when
/// nobody listens any more, or the server stops.
pub(super) fn watch(
    mut watch: Watch,
    namespace: Option<String>,
    existing: Vec<Resource>,
    phase: watch::Receiver<Phase>,
) -> Response<AnswerBody> {
    let (pieces, body) = AnswerBody::pieces();
    tokio::spawn(async move {
        let events = async {
            for resource in existing {
                if pieces.send(Ok(line(&SentEvent::from(&WatchEvent::Added(resource))))).await.is_err() {
                    return;
                }
            }
            loop {
                let event = watch.next().await;
                let elsewhere = |event: &WatchEvent| event.resource().metadata().namespace != namespace;
                if namespace.is_some() && event.as_ref().is_ok_and(elsewhere) {
                    continue;
                }
                let sent = event.as_ref().map_or_else(error_event, SentEvent::from);
                if pieces.send(Ok(line(&sent))).await.is_err() || event.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = events => {}
            () = pieces.closed() => {}
            () = stopping(phase) => {}
        }
    });
    answer::pieces("application/json", body)
}

fn error_event(error: &ApiError) -> SentEvent {
    let object = serde_json::to_value(error).expect("an error has a JSON value");
    SentEvent { r#type: "ERROR".to_owned(), object }
}

fn line(event: &SentEvent) -> Bytes {
    let mut line = serde_json::to_vec(event).expect("an event has a JSON text");
    line.push(b'\n');
    line.into()
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
