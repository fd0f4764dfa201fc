//! Answers that go on: watches and logs.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::SendRequest;
use serde_json::Value;
use tokio::io::{AsyncRead, ReadBuf};

use super::connection::Answer;
use super::{Client, ClientError};
use madang_model::Resource;

use crate::{ApiError, WatchEvent, wire};

/// The longest event that is read.
const LONGEST_EVENT: usize = 64 << 20;

/// A watch's events, as they come.
#[derive(Debug)]
pub struct Watching {
    client: Client,
    body: Incoming,
    received: BytesMut,
    _sender: SendRequest<Full<Bytes>>,
}

impl Watching {
    pub(super) fn new(client: Client, answer: Answer) -> Self {
        let (body, sender) = answer.into_parts();
        Self { client, body, received: BytesMut::new(), _sender: sender }
    }

    /// The next event; none when the server ends the watch. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Result<Option<WatchEvent>, ClientError> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line = self.received.split_to(end + 1);
                match self.event(&line)? {
                    Some(event) => return Ok(Some(event)),
                    None => continue,
                }
            }
            if self.received.len() > LONGEST_EVENT {
                return Err(self.client.strange(&"an event that does not end"));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.received.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(self.client.broken(error)),
                None => return Ok(None),
            }
        }
    }

    fn event(&self, line: &[u8]) -> Result<Option<WatchEvent>, ClientError> {
        let strange = |error: serde_json::Error| self.client.strange(&error);
        let event: wire::SentEvent = serde_json::from_slice(line).map_err(strange)?;
        let resource = |object: Value| Resource::decode(object).map_err(strange);
        match event.r#type.as_str() {
            "ADDED" => Ok(Some(WatchEvent::Added(resource(event.object)?))),
            "MODIFIED" => Ok(Some(WatchEvent::Modified(resource(event.object)?))),
            "DELETED" => Ok(Some(WatchEvent::Deleted(resource(event.object)?))),
            "BOOKMARK" => Ok(None),
            "ERROR" => Err(serde_json::from_value::<ApiError>(event.object).map_err(strange)?.into()),
            other => Err(self.client.strange(&format!("an event of the type {other}"))),
        }
    }
}

/// A log's bytes, as they come.
#[derive(Debug)]
pub struct Log {
    body: Incoming,
    ready: Bytes,
    _sender: SendRequest<Full<Bytes>>,
}

impl Log {
    pub(super) fn new(answer: Answer) -> Self {
        let (body, sender) = answer.into_parts();
        Self { body, ready: Bytes::new(), _sender: sender }
    }
}

impl AsyncRead for Log {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.ready.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => self.ready = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let n = self.ready.len().min(into.remaining());
        into.put_slice(&self.ready[..n]);
        self.ready.advance(n);
        Poll::Ready(Ok(()))
    }
}
