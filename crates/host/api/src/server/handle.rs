//! From a request to its answer.

use std::sync::Arc;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use madang_model::{Kind, ObjectRef};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::net::unix::UCred;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::accept::Form;
use super::body::AnswerBody;
use super::giver::Giver;
use super::guard::Lasting;
use super::query::Query;
use super::read::Pages;
use super::route::{Part, Route};
use super::sent::{Format, Sent};
use super::{Limits, Phase, answer, discovery, stream};
use crate::{
    Access, ApiError, Bundle, ExecRequest, ExplainQuery, Reason, Registry, Runtime, Version, frames,
};

type Answer = Response<AnswerBody>;

/// What all connections share.
pub(super) struct Api {
    pub(super) registry: Registry,
    pub(super) runtime: Arc<dyn Runtime>,
    /// What knows who may give which permissions; none where there are no users.
    pub(super) access: Option<Arc<Access>>,
    pub(super) limits: Limits,
    /// Room for bodies, in bytes.
    pub(super) bodies: Arc<Semaphore>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) pages: Pages,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shutdown {
    #[serde(default)]
    remove: bool,
}

impl Api {
    /// The answer to any request; a line in the log for each that is no mere look.
    pub(super) async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: Option<UCred>,
        permit: Arc<OwnedSemaphorePermit>,
    ) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = match self.dispatch(request, permit).await {
            Ok(answer) => answer,
            Err(error) => answer::error(&error),
        };
        if method != Method::GET {
            let (uid, gid) = peer.map_or((None, None), |peer| (Some(peer.uid()), Some(peer.gid())));
            let (pid, code) = (peer.and_then(|peer| peer.pid()), answer.status().as_u16());
            tracing::info!(target: "madang::audit", uid, gid, pid, %method, path, code);
        }
        answer
    }

    async fn dispatch(
        self: &Arc<Self>,
        request: Request<Incoming>,
        permit: Arc<OwnedSemaphorePermit>,
    ) -> Result<Answer, ApiError> {
        let route = Route::of(request.uri().path())?;
        route.allows(request.method())?;
        let query = Query::of(request.uri().query())?;
        let method = request.method().clone();
        let form = Form::of(request.headers())?;
        match route {
            Route::Version => Ok(answer::json(StatusCode::OK, &Version::of_build())),
            Route::Health => Ok(answer::text("ok")),
            Route::Ready => self.ready().await,
            Route::Discovery(asked) => {
                let value = discovery::answer(asked, form);
                Ok(answer::json_as(StatusCode::OK, discovery::content_type(asked, form), &value))
            }
            // Who has users has answered before it came here.
            Route::Review(_) => Err(ApiError::new(Reason::NotFound, "there are no users here to ask about")),
            Route::Shutdown => self.shutdown(request).await,
            Route::Bundles => {
                let giver = self.giver(&request);
                let bundle: Bundle = self.parsed(request).await?;
                let result = self
                    .blocking(move |registry| {
                        registry
                            .apply_if(bundle, |object, before, after| giver.may_apply(object, before, after))
                    })
                    .await?;
                Ok(answer::json(StatusCode::OK, &result))
            }
            Route::Confirmation => self.confirmation(&method).await,
            Route::Explain => {
                let query: ExplainQuery = self.parsed(request).await?;
                Ok(answer::json(StatusCode::OK, &self.runtime.explain(query).await?))
            }
            Route::Drops => Ok(answer::json(StatusCode::OK, &self.runtime.drops().await?)),
            Route::Collection { kind, namespace } => match method {
                Method::POST => self.create(kind, namespace, &query, self.sent(request).await?).await,
                Method::DELETE => {
                    self.delete_collection(kind, namespace, &query, self.sent(request).await?).await
                }
                _ => self.blocking_answer(move |api| api.collection(kind, namespace, form, &query)).await,
            },
            Route::Object(object, Part::Log) => {
                let object = self.existing(object).await?;
                Ok(stream::log(self.runtime.logs(object, query.log).await?, self.phase.clone()))
            }
            Route::Object(object, Part::Exec) => self.exec(object, request, permit).await,
            Route::Object(object, Part::Scale) => match method {
                Method::GET => self.scale(&object),
                _ => {
                    let patch = method == Method::PATCH;
                    self.rescale(object, &query, self.sent(request).await?, patch).await
                }
            },
            Route::Object(object, part) => match method {
                Method::PUT => self.replace(object, part, &query, self.sent(request).await?).await,
                Method::PATCH => self.patch(object, part, &query, self.sent(request).await?).await,
                Method::DELETE => self.delete(object, &query, self.sent(request).await?).await,
                _ => self.blocking_answer(move |api| api.get(&object, form, &query)).await,
            },
        }
    }

    /// What waits to be confirmed (GET); keeps it (POST), or takes it back (DELETE).
    async fn confirmation(&self, method: &Method) -> Result<Answer, ApiError> {
        Ok(match *method {
            Method::POST => answer::json(StatusCode::OK, &self.blocking(Registry::confirm).await?),
            Method::DELETE => {
                let because = "somebody asked for it";
                answer::json(StatusCode::OK, &self.blocking(|registry| registry.roll_back(because)).await?)
            }
            _ => answer::json(StatusCode::OK, &self.blocking(Registry::confirmation).await?),
        })
    }

    async fn ready(&self) -> Result<Answer, ApiError> {
        if *self.phase.borrow() != Phase::Serving {
            return Err(ApiError::new(Reason::ServiceUnavailable, "the daemon is stopping"));
        }
        self.blocking(|registry| registry.list(Kind::Node)).await?;
        Ok(answer::text("ok"))
    }

    async fn shutdown(&self, request: Request<Incoming>) -> Result<Answer, ApiError> {
        let sent = self.sent(request).await?;
        let Shutdown { remove } = if sent.is_empty() { Shutdown { remove: false } } else { parsed(&sent)? };
        self.runtime.shutdown(remove).await?;
        Ok(answer::json(StatusCode::OK, &answer::success(&json!({}))))
    }

    async fn exec(
        self: &Arc<Self>,
        object: ObjectRef,
        mut request: Request<Incoming>,
        permit: Arc<OwnedSemaphorePermit>,
    ) -> Result<Answer, ApiError> {
        let wanted = request.headers().get(header::UPGRADE).is_some_and(|to| to == frames::PROTOCOL);
        if !wanted {
            let message = format!(
                "exec is a connection: send `Connection: Upgrade` and `Upgrade: {}`",
                frames::PROTOCOL
            );
            return Err(ApiError::bad_request(message));
        }
        let object = self.existing(object).await?;
        let lasting = request.extensions_mut().remove::<Lasting>();
        let upgrade = hyper::upgrade::on(&mut request);
        let command: ExecRequest = self.parsed(request).await?;
        if command.command.is_empty() {
            return Err(ApiError::bad_request("the command to run is empty: send its program and arguments"));
        }
        let api = Arc::clone(self);
        tokio::spawn(async move {
            let _permit = permit;
            let session = async {
                match upgrade.await {
                    Ok(stream) => api.runtime.exec(object, command, Box::new(TokioIo::new(stream))).await,
                    Err(error) => {
                        Err(ApiError::bad_request(format!("the connection was not upgraded: {error}")))
                    }
                }
            };
            tokio::select! {
                ended = session => if let Err(error) = ended {
                    tracing::debug!(%error, "an exec session failed");
                },
                () = stream::stopping(api.phase.clone()) => {}
                () = lasts(lasting) => tracing::debug!("an exec session ended: its user may no longer"),
            }
        });
        let mut response = Response::new(AnswerBody::Whole(None));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let upgrade = header::HeaderValue::from_static(frames::PROTOCOL);
        response.headers_mut().insert(header::UPGRADE, upgrade);
        response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("Upgrade"));
        Ok(response)
    }

    /// The resource's name again, if it exists.
    async fn existing(&self, object: ObjectRef) -> Result<ObjectRef, ApiError> {
        self.blocking(move |registry| registry.get(&object).map(|_| object)).await
    }

    /// Does what waits for the disk where it does not hold up others.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Registry) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let registry = self.registry.clone();
        tokio::task::spawn_blocking(move || work(&registry))
            .await
            .map_err(|error| ApiError::internal(format!("the request could not be finished: {error}")))?
    }

    /// Puts a long answer together where it does not hold up others.
    async fn blocking_answer(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<Answer, ApiError> + Send + 'static,
    ) -> Result<Answer, ApiError> {
        let (api, runtime) = (Arc::clone(self), tokio::runtime::Handle::current());
        tokio::task::spawn_blocking(move || {
            // A watch starts a task of its own.
            let _inside = runtime.enter();
            work(&api)
        })
        .await
        .map_err(|error| ApiError::internal(format!("the request could not be finished: {error}")))?
    }

    async fn parsed<T: DeserializeOwned + Send + 'static>(
        &self,
        request: Request<Incoming>,
    ) -> Result<T, ApiError> {
        let sent = self.sent(request).await?;
        // A long one takes a while.
        self.blocking(move |_| parsed(&sent)).await
    }

    /// Who sends this, as far as it matters to what may be given.
    fn giver(&self, request: &Request<Incoming>) -> Giver {
        Giver::new(self.access.as_ref(), request.extensions().get())
    }

    /// Room for a body, as long as it is worked on.
    async fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let permits = u32::try_from(bytes.min(self.limits.bodies)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.bodies).acquire_many_owned(permits);
        match tokio::time::timeout(self.limits.body_time, room).await {
            Ok(Ok(room)) => Ok(room),
            _ => {
                let message = "too much is being written at once: try again in a while";
                Err(ApiError::new(Reason::TooManyRequests, message).retry_after(5))
            }
        }
    }

    /// The request's body, if it is of a type that is read, not too long, and comes in time.
    async fn sent(&self, request: Request<Incoming>) -> Result<Sent, ApiError> {
        let format = Format::of(request.headers())?;
        if format.is_patch() != (request.method() == Method::PATCH) {
            let message = if format.is_patch() {
                "a patch is sent with PATCH"
            } else {
                "the body is no patch: send application/json-patch+json, application/merge-patch+json or application/apply-patch+yaml"
            };
            return Err(ApiError::new(Reason::UnsupportedMediaType, message));
        }
        let giver = self.giver(&request);
        let (head, body) = request.into_parts();
        let is_bundle = matches!(Route::of(head.uri.path()), Ok(Route::Bundles));
        let limit = if is_bundle { self.limits.bundle } else { self.limits.body };
        let expected = usize::try_from(body.size_hint().upper().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let room = self.room(expected.min(limit)).await?;
        let body = Limited::new(body, limit).collect();
        match tokio::time::timeout(self.limits.body_time, body).await {
            Ok(Ok(body)) => Ok(Sent::new(format, &head.headers, giver, body.to_bytes(), room)),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                let message = format!("the body is longer than the {limit} bytes that are allowed");
                Err(ApiError::new(Reason::RequestEntityTooLarge, message))
            }
            Ok(Err(error)) => {
                Err(ApiError::bad_request(format!("the body did not come as a whole: {error}")))
            }
            Err(_) => Err(ApiError::new(Reason::Timeout, "the body did not come in time")),
        }
    }
}

/// As long as an exec session may last.
async fn lasts(lasting: Option<Lasting>) {
    match lasting {
        Some(lasting) => lasting.ends().await,
        None => std::future::pending().await,
    }
}

fn parsed<T: DeserializeOwned>(sent: &Sent) -> Result<T, ApiError> {
    serde_json::from_value(sent.document()?)
        .map_err(|error| ApiError::bad_request(format!("the body cannot be read: {error}")))
}
