//! What the API asks of the host that it runs on. The agent answers.

use std::future::Future;
use std::pin::Pin;

use madang_model::{Diagnostic, ObjectRef};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{ApiError, Drops};

/// A boxed future, since the trait is used as an object.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ApiError>> + Send + 'a>>;

/// A stream in both directions: an upgraded connection.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// What a host does beside holding resources.
pub trait Runtime: Send + Sync {
    /// Why a packet goes where it goes.
    fn explain(&self, query: ExplainQuery) -> Answer<'_, Explanation>;

    /// What the datapath dropped, and why.
    fn drops(&self) -> Answer<'_, Drops>;

    /// An instance's log, as bytes; it ends when there is no more, or never if it is followed.
    fn logs(&self, instance: ObjectRef, options: LogOptions)
    -> Answer<'_, Box<dyn AsyncRead + Send + Unpin>>;

    /// Runs a command in an instance's sandbox and speaks the frames of [`crate::frames`] until it has ended. What goes
    /// wrong is said to the other side in the [`Exit`](crate::frames::Frame::Exit) frame; the error is only logged. If the
    /// future is dropped (the server stops), the command has to end.
    fn exec(&self, instance: ObjectRef, request: ExecRequest, stream: Box<dyn Duplex>) -> Answer<'_, ()>;

    /// Ends the daemon. With `remove`, everything that it made on the host goes too.
    fn shutdown(&self, remove: bool) -> Answer<'_, ()>;
}

/// Which packet: body of `POST /apis/madang.dev/v1alpha1/explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExplainQuery {
    /// The project of the instances that are named; `default` if left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// An instance's name (of another project: `PROJECT/NAME`), or an address outside.
    pub from: String,
    /// An instance's name, or an address (a public one, if it comes from outside).
    pub to: String,
    /// `tcp`, `udp` or `icmp`.
    pub protocol: String,
    /// The destination port, for tcp and udp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether to send a real probe too, and compare.
    #[serde(default)]
    pub live: bool,
}

/// Why a packet goes where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The packet, as `tcp 10.0.1.4:40000 -> 10.0.2.4:5432`.
    pub packet: String,
    /// Whether it arrives.
    pub allowed: bool,
    /// How it ends, for people: `delivered to instance db-1 (10.0.2.4)` or `dropped: ...`.
    pub verdict: String,
    /// The drop reason's stable name, as `ingressDenied`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What would have to change, if it is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Every stage that it passed, in order.
    pub stages: Vec<StageLine>,
    /// What the kernel did with a real probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveProbe>,
}

/// One stage's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageLine {
    /// The stage's name, the same as of its file in `bpf/stages/`.
    pub stage: String,
    /// What it decided, and by what.
    pub decision: String,
    /// The resources that decided it, each with where it was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Because>,
}

/// A resource that decided something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Because {
    /// Which.
    pub object: ObjectRef,
    /// Which part of it, as `spec.ingress[0]`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The file that it was applied from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line of that part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// What the kernel did with a real probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveProbe {
    /// What happened, for people: `connected in 0.2 ms`, `no answer within 2 s`.
    pub outcome: String,
    /// Whether that is what the tables say.
    pub agrees: bool,
}

/// How much of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogOptions {
    /// Go on as more is written.
    #[serde(default)]
    pub follow: bool,
    /// Only the last lines.
    #[serde(default)]
    pub tail: Option<usize>,
}

/// A command for an instance's sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecRequest {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Whether it gets a terminal.
    #[serde(default)]
    pub tty: bool,
    /// The terminal's size.
    #[serde(default)]
    pub columns: u16,
    /// The terminal's size.
    #[serde(default)]
    pub rows: u16,
}

/// What a bundle does: body of `POST /apis/madang.dev/v1alpha1/bundles`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bundle {
    /// Resources in the Kubernetes shape, to create or update.
    #[serde(default)]
    pub items: Vec<serde_json::Value>,
    /// Resources to delete.
    #[serde(default)]
    pub delete: Vec<ObjectRef>,
    /// Delete what was applied from these files and is not among the items.
    #[serde(default)]
    pub prune_files: Vec<String>,
    /// Say what would be done, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// The same, and where it would be refused for a field that cannot be changed or for an assertion, say that beside
    /// what would be done.
    #[serde(default)]
    pub plan: bool,
    /// Roll it back unless it is confirmed within so many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<u32>,
}

/// Diagnostics as a document: what tools get that ask for JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// One for each thing that is wrong.
    pub diagnostics: Vec<Diagnostic>,
}
