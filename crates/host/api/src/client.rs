//! The API's client, for the command line.

mod connection;
mod error;
mod streams;
mod users;

use std::path::{Path, PathBuf};

use hyper::Method;
use madang_model::{ApiGroup, DEFAULT_NAMESPACE, Kind, ObjectRef, Resource};
use madang_store::Revision;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    Bundle, BundleResult, Confirmation, Deletion, Drops, Duplex, Ended, ExecRequest, ExplainQuery,
    Explanation, List, LogOptions, Version, wire,
};
pub use error::ClientError;
pub use streams::{Log, Watching};

const ROOT: &str = "/apis/madang.dev/v1alpha1";

/// A client of the daemon at a socket. Each request has a connection of its own, so clones and concurrent calls are fine.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the daemon at this socket, if one answers there.
    pub async fn connect(socket: &Path) -> Result<Self, ClientError> {
        let client = Self { socket: socket.to_owned() };
        client.stream().await?;
        Ok(client)
    }

    /// Where the daemon listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The daemon's version.
    pub async fn version(&self) -> Result<Version, ClientError> {
        self.ask(Method::GET, "/version", None).await
    }

    /// Whether the daemon can serve.
    pub async fn ready(&self) -> Result<(), ClientError> {
        self.send(Method::GET, "/readyz", None).await.map(drop)
    }

    /// The resources of this kind, of all projects.
    pub async fn list(&self, kind: Kind) -> Result<List, ClientError> {
        self.list_in(kind, None).await
    }

    /// The resources of this kind in a project; of all, if none is given or the kind is of the host.
    pub async fn list_in(&self, kind: Kind, project: Option<&str>) -> Result<List, ClientError> {
        let sent: wire::SentList = self.ask(Method::GET, &collection(kind, project), None).await?;
        let revision = sent.metadata.resource_version.parse().map_err(|e| self.strange(&e))?;
        Ok(List { items: sent.items, revision })
    }

    /// The resource.
    pub async fn get(&self, object: &ObjectRef) -> Result<Resource, ClientError> {
        self.resource(Method::GET, &path(object), None).await
    }

    /// Stores a new resource.
    pub async fn create(&self, resource: &Resource) -> Result<Resource, ClientError> {
        let project = resource.metadata().namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
        let path = collection(resource.kind(), Some(project));
        self.resource(Method::POST, &path, Some(&resource.to_json())).await
    }

    /// Stores another spec, labels and annotations of a resource that exists.
    pub async fn update(&self, resource: &Resource) -> Result<Resource, ClientError> {
        self.resource(Method::PUT, &path(&resource.object_ref()), Some(&resource.to_json())).await
    }

    /// Stores another status of a resource that exists.
    pub async fn update_status(&self, resource: &Resource) -> Result<Resource, ClientError> {
        let path = format!("{}/status", path(&resource.object_ref()));
        self.resource(Method::PUT, &path, Some(&resource.to_json())).await
    }

    /// Deletes a resource.
    pub async fn delete(&self, object: &ObjectRef) -> Result<Deletion, ClientError> {
        let answer: Value = self.ask(Method::DELETE, &path(object), None).await?;
        if answer["kind"] == "Status" {
            let uid = answer["details"]["uid"].as_str().unwrap_or_default().to_owned();
            return Ok(Deletion::Gone { uid });
        }
        let resource = Resource::decode(answer).map_err(|e| self.strange(&e))?;
        Ok(Deletion::Pending(Box::new(resource)))
    }

    /// What happens to resources of this kind, of all projects, after this revision; without one, first an `Added` for
    /// each that exists.
    pub async fn watch(&self, kind: Kind, from: Option<Revision>) -> Result<Watching, ClientError> {
        self.watch_in(kind, None, from).await
    }

    /// The same of a project; of all, if none is given or the kind is of the host.
    pub async fn watch_in(
        &self,
        kind: Kind,
        project: Option<&str>,
        from: Option<Revision>,
    ) -> Result<Watching, ClientError> {
        let from = from.map(|from| format!("&resourceVersion={from}")).unwrap_or_default();
        let path = format!("{}?watch=true{from}", collection(kind, project));
        Ok(Watching::new(self.clone(), self.send(Method::GET, &path, None).await?))
    }

    /// Makes what is stored be what the bundle says, or nothing of it.
    pub async fn apply_bundle(&self, bundle: &Bundle) -> Result<BundleResult, ClientError> {
        self.ask(Method::POST, &format!("{ROOT}/bundles"), Some(&self.json(bundle)?)).await
    }

    /// What waits to be confirmed, and how the last change ended that did.
    pub async fn confirmation(&self) -> Result<Confirmation, ClientError> {
        self.ask(Method::GET, &format!("{ROOT}/confirmation"), None).await
    }

    /// Keeps the change that waits to be confirmed.
    pub async fn confirm(&self) -> Result<Ended, ClientError> {
        self.ask(Method::POST, &format!("{ROOT}/confirmation"), None).await
    }

    /// Takes back the change that waits to be confirmed.
    pub async fn roll_back(&self) -> Result<Ended, ClientError> {
        self.ask(Method::DELETE, &format!("{ROOT}/confirmation"), None).await
    }

    /// Why a packet goes where it goes.
    pub async fn explain(&self, query: &ExplainQuery) -> Result<Explanation, ClientError> {
        self.ask(Method::POST, &format!("{ROOT}/explain"), Some(&self.json(query)?)).await
    }

    /// What the datapath dropped, and why.
    pub async fn drops(&self) -> Result<Drops, ClientError> {
        self.ask(Method::GET, &format!("{ROOT}/drops"), None).await
    }

    /// An instance's log.
    pub async fn logs(&self, instance: &ObjectRef, options: LogOptions) -> Result<Log, ClientError> {
        let tail = options.tail.map(|tail| format!("&tail={tail}")).unwrap_or_default();
        let path = format!("{}/log?follow={}{tail}", path(instance), options.follow);
        Ok(Log::new(self.send(Method::GET, &path, None).await?))
    }

    /// Runs a command in an instance's sandbox. The connection speaks the frames of [`crate::frames`].
    pub async fn exec(
        &self,
        instance: &ObjectRef,
        request: &ExecRequest,
    ) -> Result<Box<dyn Duplex>, ClientError> {
        self.upgrade(&format!("{}/exec", path(instance)), &self.json(request)?).await
    }

    /// Ends the daemon. With `remove`, everything that it made on the host goes too.
    pub async fn shutdown(&self, remove: bool) -> Result<(), ClientError> {
        self.ask::<Value>(Method::POST, "/shutdown", Some(&json!({ "remove": remove }))).await.map(drop)
    }

    async fn resource(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Resource, ClientError> {
        Resource::decode(self.ask(method, path, body).await?).map_err(|e| self.strange(&e))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, ClientError> {
        let answer = self.send(method, path, body).await?;
        let body = answer.collect(self).await?;
        serde_json::from_slice(&body).map_err(|e| self.strange(&e))
    }

    fn json(&self, body: &impl Serialize) -> Result<Value, ClientError> {
        serde_json::to_value(body).map_err(|e| self.strange(&e))
    }
}

/// Where the resources of a kind are, of a project or of all.
fn collection(kind: Kind, project: Option<&str>) -> String {
    match project.filter(|_| kind.is_namespaced()) {
        Some(project) => format!("{}/namespaces/{project}/{}", root(kind), kind.plural()),
        None => format!("{}/{}", root(kind), kind.plural()),
    }
}

/// Where the kinds of this one's group are.
fn root(kind: Kind) -> String {
    match kind.group() {
        ApiGroup::Core => "/api/v1".to_owned(),
        group => format!("/apis/{}", group.api_version()),
    }
}

fn path(object: &ObjectRef) -> String {
    let project = if object.namespace.is_empty() { DEFAULT_NAMESPACE } else { &object.namespace };
    // Names of roles may have signs that mean something in a URL.
    let name: String = form_urlencoded::byte_serialize(object.name.as_bytes()).collect();
    format!("{}/{name}", collection(object.kind, Some(project)))
}
