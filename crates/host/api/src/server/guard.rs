//! What stands before every request: who asks, may they, and what is noted of it.
//!
//! It goes by the method and the URL alone, so that a request that may not be made never reaches what would answer it. Who
//! asks is handed on with the request (an extension of the type [`Caller`]).

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::{HeaderMap, Request, Response, header};
use madang_access::{Attributes, ResourceTarget};
use serde_json::Value;
use tokio::net::unix::UCred;
use tokio::sync::OwnedSemaphorePermit;

use super::answer;
use super::body::AnswerBody;
use super::handle::Api;
use crate::access::{Access, Caller, OwnRoute, Peer, WatchPermit};
use crate::{ApiError, AuditRecord, Reason, protobuf};

/// The longest body of what is answered here.
const LONGEST: usize = 64 << 10;
/// How long it may take to come.
const BODY_TIME: Duration = Duration::from_secs(30);
/// The header with a request's name, as Kubernetes has it: it is in the audit log too.
const AUDIT_ID: &str = "audit-id";

/// The name of what a request created, which its URL does not say: who answers may put it into the answer's extensions, for
/// the audit log.
#[derive(Clone, Debug)]
pub(super) struct Created(pub(super) String);

/// Room for what goes on. An upgraded connection outlives its answer: who speaks on it must hold it too, and finds it with
/// the request (an extension of the type [`Lasting`]).
type Room = Option<Arc<WatchPermit>>;

/// What lasts no longer than its opener may have it.
pub(super) type Standing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One connection's requests, and where they come from.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) api: Arc<Api>,
    pub(super) access: Arc<Access>,
    pub(super) peer: Arc<Peer>,
    /// Of the Unix socket.
    pub(super) credentials: Option<UCred>,
}

impl Guard {
    /// The answer to any request.
    pub(super) async fn answer(
        self,
        request: Request<Incoming>,
        permit: Arc<OwnedSemaphorePermit>,
    ) -> Result<Response<Held>, Infallible> {
        let (started, id) = (Instant::now(), self.access.request_id());
        let uri = request.uri();
        let asked = Attributes::of_request(request.method().as_str(), uri.path(), uri.query());
        let (caller, room) = match &asked {
            Ok(asked) => self.admit(request.headers().clone(), asked.clone()).await,
            Err(error) => (None, Err(ApiError::bad_request(error.to_string()))),
        };
        let mut response = match (&caller, room) {
            (Some(caller), Ok(room)) => {
                let headers = request.headers().clone();
                let response = self.admitted(request, caller.clone(), room.clone(), permit).await;
                let standing = match (&asked, &room) {
                    (Ok(asked), Some(_)) => Some(self.standing(headers, asked.clone())),
                    _ => None,
                };
                response.map(|body| Held { body, standing, _room: room })
            }
            (None, Ok(_)) => refusal(&ApiError::internal("it is not known who asks")).map(Held::from),
            (_, Err(error)) => refusal(&error).map(Held::from),
        };
        if let Ok(id) = header::HeaderValue::from_str(&id) {
            response.headers_mut().insert(AUDIT_ID, id);
        }
        let created = response.extensions().get::<Created>().map(|Created(name)| name.clone());
        self.access.record(&AuditRecord {
            id: &id,
            peer: &self.peer,
            caller: caller.as_ref(),
            created: created.as_deref(),
            asked: asked.as_ref().ok(),
            code: response.status().as_u16(),
            duration: started.elapsed(),
        });
        Ok(response)
    }

    /// Who asks, if that is known; and room for what goes on, if they may have it.
    async fn admit(&self, headers: HeaderMap, asked: Attributes) -> (Option<Caller>, Result<Room, ApiError>) {
        let (access, peer) = (Arc::clone(&self.access), Arc::clone(&self.peer));
        // It reads the store.
        let admitted = tokio::task::spawn_blocking(move || {
            let caller = match access.identify(&peer, &headers) {
                Ok(caller) => caller,
                Err(error) => return (None, Err(error)),
            };
            let caller = match access.acting(caller.clone(), &headers) {
                Ok(acting) => acting,
                Err(error) => return (Some(caller), Err(error)),
            };
            let room = access.decide(&caller.user, &asked).and_then(|()| {
                if goes_on(&asked) { access.watching(&caller).map(Arc::new).map(Some) } else { Ok(None) }
            });
            (Some(caller), room)
        });
        admitted.await.unwrap_or_else(|error| (None, Err(unfinished(&error))))
    }

    /// Goes on until the caller may no longer have what it opened: a user is deleted, a role taken away.
    fn standing(&self, headers: HeaderMap, asked: Attributes) -> Standing {
        let (access, peer) = (Arc::clone(&self.access), Arc::clone(&self.peer));
        let (headers, asked) = (Arc::new(headers), Arc::new(asked));
        Box::pin(async move {
            loop {
                tokio::time::sleep(access.again).await;
                let (access, peer) = (Arc::clone(&access), Arc::clone(&peer));
                let (headers, asked) = (Arc::clone(&headers), Arc::clone(&asked));
                // It reads the store.
                let still = tokio::task::spawn_blocking(move || access.still(&peer, &headers, &asked)).await;
                if !matches!(still, Ok(Ok(()))) {
                    return;
                }
            }
        })
    }

    async fn admitted(
        &self,
        mut request: Request<Incoming>,
        caller: Caller,
        room: Room,
        permit: Arc<OwnedSemaphorePermit>,
    ) -> Response<AnswerBody> {
        if let Some(route) = OwnRoute::of(request.uri().path()) {
            return self.own(request, caller, route).await.unwrap_or_else(|error| refusal(&error));
        }
        if let Some(room) = room {
            // An upgraded connection outlives its answer.
            let asked = Attributes::of_request(
                request.method().as_str(),
                request.uri().path(),
                request.uri().query(),
            );
            if let Ok(asked) = asked {
                let standing = self.standing(request.headers().clone(), asked);
                request
                    .extensions_mut()
                    .insert(Lasting(Arc::new(Mutex::new(Some(Upgraded { room, standing })))));
            }
        }
        request.extensions_mut().insert(caller);
        self.api.answer(request, self.credentials, permit).await
    }

    async fn own(
        &self,
        request: Request<Incoming>,
        caller: Caller,
        route: OwnRoute,
    ) -> Result<Response<AnswerBody>, ApiError> {
        let method = request.method().clone();
        let body = body(request).await?;
        let access = Arc::clone(&self.access);
        let answered = tokio::task::spawn_blocking(move || access.answer(&caller, &method, &route, &body));
        let (code, answer) = answered.await.map_err(|error| unfinished(&error))??;
        let mut response = answer::json(code, &answer);
        if let Some(name) = answer["metadata"]["name"].as_str() {
            response.extensions_mut().insert(Created(name.to_owned()));
        }
        Ok(response)
    }
}

/// Whether the answer goes on until somebody has enough.
fn goes_on(asked: &Attributes) -> bool {
    let part = |target: &ResourceTarget| matches!(target.subresource.as_str(), "log" | "exec");
    asked.verb == "watch" || asked.target().is_some_and(part)
}

/// For who speaks on an upgraded connection: the room that it takes, and how long it may.
#[derive(Clone)]
pub(super) struct Lasting(Arc<Mutex<Option<Upgraded>>>);

/// What an upgraded connection takes.
struct Upgraded {
    room: Arc<WatchPermit>,
    standing: Standing,
}

impl Lasting {
    /// Goes on until the caller may no longer have it. Holds the room meanwhile.
    pub(super) async fn ends(self) {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Upgraded { room, standing }) = held {
            standing.await;
            drop(room);
        }
    }
}

/// An answer's body, which holds the room that it takes as long as it lasts.
pub(super) struct Held {
    body: AnswerBody,
    standing: Option<Standing>,
    _room: Room,
}

impl From<AnswerBody> for Held {
    fn from(body: AnswerBody) -> Self {
        Self { body, standing: None, _room: None }
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.standing.as_mut().is_some_and(|standing| standing.as_mut().poll(cx).is_ready()) {
            self.standing = None;
            self.body = AnswerBody::Whole(None);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The request's body as JSON: nothing, if it is empty.
async fn body(request: Request<Incoming>) -> Result<Value, ApiError> {
    let sent = request.headers().get(header::CONTENT_TYPE).cloned();
    let body = Limited::new(request.into_body(), LONGEST).collect();
    let body: Bytes = match tokio::time::timeout(BODY_TIME, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("the body is longer than the {LONGEST} bytes that are allowed here");
            return Err(ApiError::new(Reason::RequestEntityTooLarge, message));
        }
        Ok(Err(error)) => {
            return Err(ApiError::bad_request(format!("the body did not come as a whole: {error}")));
        }
        Err(_) => return Err(ApiError::new(Reason::Timeout, "the body did not come in time")),
    };
    if body.is_empty() {
        return Ok(Value::Null);
    }
    let media =
        sent.as_ref().and_then(|sent| sent.to_str().ok()).map(|sent| sent.split(';').next().unwrap_or(sent));
    match media {
        Some(protobuf::CONTENT_TYPE) => Ok(protobuf::decode(&body)?),
        None | Some("application/json") => serde_json::from_slice(&body)
            .map_err(|error| ApiError::bad_request(format!("the body cannot be read: {error}"))),
        Some(other) => {
            let message = format!("a body of the type {other:?} is not read: send JSON as application/json");
            Err(ApiError::new(Reason::UnsupportedMediaType, message))
        }
    }
}

/// Why it was not done, with what HTTP wants beside it.
fn refusal(error: &ApiError) -> Response<AnswerBody> {
    let mut response = answer::error(error);
    if error.is(Reason::Unauthorized) {
        // RFC 9110, section 11.6.1.
        let challenge = header::HeaderValue::from_static("Bearer realm=\"madang\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = error.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn unfinished(error: &tokio::task::JoinError) -> ApiError {
    ApiError::internal(format!("the request could not be finished: {error}"))
}
