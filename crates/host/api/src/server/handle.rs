//! From a request to its answer.

use std::sync::Arc;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use madang_model::{API_VERSION, DEFAULT_NAMESPACE, Kind, ObjectRef, Resource};
use madang_store::Revision;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::net::unix::UCred;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::body::AnswerBody;
use super::route::{Query, Route};
use super::{Limits, Phase, answer, stream};
use crate::wire::list_to_json;
use crate::{
    ApiError, Bundle, ExecRequest, ExplainQuery, Preconditions, Reason, Registry, Runtime, Version, frames,
};

type Answer = Response<AnswerBody>;

/// What all connections share.
pub(super) struct Api {
    pub(super) registry: Registry,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) limits: Limits,
    pub(super) phase: watch::Receiver<Phase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shutdown {
    #[serde(default)]
    remove: bool,
}

/// The part of Kubernetes' `DeleteOptions` that matters here.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeleteOptions {
    #[serde(default)]
    preconditions: SentPreconditions,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentPreconditions {
    uid: Option<String>,
    resource_version: Option<String>,
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
        match route {
            Route::Version => Ok(answer::json(StatusCode::OK, &Version::of_build())),
            Route::Health => Ok(answer::text("ok")),
            Route::Ready => self.ready().await,
            Route::Shutdown => self.shutdown(request).await,
            Route::Bundles => {
                let bundle: Bundle = parsed(&self.body(request).await?)?;
                let result = self.blocking(move |registry| registry.apply(bundle)).await?;
                Ok(answer::json(StatusCode::OK, &result))
            }
            Route::Explain => {
                let query: ExplainQuery = parsed(&self.body(request).await?)?;
                Ok(answer::json(StatusCode::OK, &self.runtime.explain(query).await?))
            }
            Route::Drops => Ok(answer::json(StatusCode::OK, &self.runtime.drops().await?)),
            Route::Collection { kind, namespace } if method == Method::POST => {
                self.create(kind, namespace, &self.body(request).await?).await
            }
            Route::Collection { kind, namespace } => self.collection(kind, namespace, &query).await,
            Route::Object(object) | Route::Status(object) if method == Method::GET => {
                let resource = self.blocking(move |registry| registry.get(&object)).await?;
                Ok(answer::json(StatusCode::OK, &resource.to_json()))
            }
            Route::Object(object) if method == Method::DELETE => self.delete(object, request).await,
            Route::Object(object) => self.replace(object, request, Registry::update).await,
            Route::Status(object) => self.replace(object, request, Registry::update_status).await,
            Route::Log(object) => {
                let object = self.existing(object).await?;
                Ok(stream::log(self.runtime.logs(object, query.log).await?, self.phase.clone()))
            }
            Route::Exec(object) => self.exec(object, request, permit).await,
        }
    }

    async fn ready(&self) -> Result<Answer, ApiError> {
        if *self.phase.borrow() != Phase::Serving {
            return Err(ApiError::new(Reason::ServiceUnavailable, "the daemon is stopping"));
        }
        self.blocking(|registry| registry.list(Kind::Node)).await?;
        Ok(answer::text("ok"))
    }

    async fn shutdown(&self, request: Request<Incoming>) -> Result<Answer, ApiError> {
        let body = self.body(request).await?;
        let Shutdown { remove } = if body.is_empty() { Shutdown { remove: false } } else { parsed(&body)? };
        self.runtime.shutdown(remove).await?;
        Ok(answer::json(StatusCode::OK, &answer::success(&json!({}))))
    }

    async fn collection(
        &self,
        kind: Kind,
        namespace: Option<String>,
        query: &Query,
    ) -> Result<Answer, ApiError> {
        let from = query.resource_version.filter(|from| *from > 0).map(Revision);
        if let (true, Some(from)) = (query.watch, from) {
            let watch = self.registry.watch(&[kind], from);
            return Ok(stream::watch(watch, namespace, Vec::new(), self.phase.clone()));
        }
        let mut list = self.blocking(move |registry| registry.list(kind)).await?;
        list.items.retain(|item| namespace.is_none() || item.metadata().namespace == namespace);
        if query.watch {
            let watch = self.registry.watch(&[kind], list.revision);
            return Ok(stream::watch(watch, namespace, list.items, self.phase.clone()));
        }
        Ok(answer::json(StatusCode::OK, &list_to_json(kind, &list)))
    }

    async fn create(&self, kind: Kind, namespace: Option<String>, body: &Bytes) -> Result<Answer, ApiError> {
        let resource = resource(body, kind, namespace, None)?;
        let created = self.blocking(move |registry| registry.create(resource)).await?;
        Ok(answer::json(StatusCode::CREATED, &created.to_json()))
    }

    async fn replace(
        &self,
        object: ObjectRef,
        request: Request<Incoming>,
        write: fn(&Registry, Resource) -> Result<Resource, ApiError>,
    ) -> Result<Answer, ApiError> {
        let namespace = Some(object.namespace).filter(|namespace| !namespace.is_empty());
        let resource = resource(&self.body(request).await?, object.kind, namespace, Some(&object.name))?;
        let written = self.blocking(move |registry| write(registry, resource)).await?;
        Ok(answer::json(StatusCode::OK, &written.to_json()))
    }

    async fn delete(&self, object: ObjectRef, request: Request<Incoming>) -> Result<Answer, ApiError> {
        let body = self.body(request).await?;
        let DeleteOptions { preconditions } =
            if body.is_empty() { DeleteOptions::default() } else { parsed(&body)? };
        let SentPreconditions { uid, resource_version } = preconditions;
        let wanted = Preconditions { uid, resource_version };
        let meant = object.clone();
        let deletion = self.blocking(move |registry| registry.delete_if(&meant, &wanted)).await?;
        Ok(answer::deletion(&object, &deletion))
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
        let upgrade = hyper::upgrade::on(&mut request);
        let command: ExecRequest = parsed(&self.body(request).await?)?;
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
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Registry) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let registry = self.registry.clone();
        tokio::task::spawn_blocking(move || work(&registry))
            .await
            .map_err(|error| ApiError::internal(format!("the request could not be finished: {error}")))?
    }

    /// The request's body, if it is JSON, not too long, and comes in time.
    async fn body(&self, request: Request<Incoming>) -> Result<Bytes, ApiError> {
        if let Some(sent) = request.headers().get(header::CONTENT_TYPE) {
            let json = sent.to_str().is_ok_and(|sent| sent.split(';').next() == Some("application/json"));
            if !json {
                let message =
                    format!("a body of the type {sent:?} is not read: send JSON as application/json");
                return Err(ApiError::new(Reason::UnsupportedMediaType, message));
            }
        }
        let limit = self.limits.body;
        let body = Limited::new(request.into_body(), limit).collect();
        match tokio::time::timeout(self.limits.body_time, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
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

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_request(format!("the body cannot be read: {error}")))
}

/// The resource in a body. What it leaves out and the URL says is taken from there; they may not differ.
fn resource(
    body: &[u8],
    kind: Kind,
    namespace: Option<String>,
    name: Option<&str>,
) -> Result<Resource, ApiError> {
    let mut value: Map<String, Value> = parsed(body)?;
    same_or_set(&mut value, "apiVersion", API_VERSION)?;
    same_or_set(&mut value, "kind", kind.name())?;
    let metadata = value.entry("metadata").or_insert_with(|| json!({}));
    let Value::Object(metadata) = metadata else {
        return Err(ApiError::bad_request("metadata is not an object with a name"));
    };
    if let Some(name) = name {
        same_or_set(metadata, "name", name)?;
    }
    match namespace {
        Some(namespace) => same_or_set(metadata, "namespace", &namespace)?,
        None if kind.is_namespaced() => {
            metadata.entry("namespace").or_insert_with(|| DEFAULT_NAMESPACE.into());
        }
        None => {}
    }
    madang_model::from_json(Value::Object(value)).map_err(ApiError::invalid)
}

fn same_or_set(value: &mut Map<String, Value>, field: &str, is: &str) -> Result<(), ApiError> {
    match value.get(field) {
        None | Some(Value::Null) => {
            value.insert(field.to_owned(), is.into());
            Ok(())
        }
        Some(Value::String(sent)) if sent.is_empty() || sent == is => {
            value.insert(field.to_owned(), is.into());
            Ok(())
        }
        Some(sent) => Err(ApiError::bad_request(format!(
            "the body has the {field} {sent}, and the URL says {is:?}: they must be the same"
        ))),
    }
}
