//! What the API answers when it does not do what it was asked: the Kubernetes `Status`.

use std::fmt;

use madang_model::{Diagnostic, ObjectRef};
use madang_store::StoreError;
use serde::{Deserialize, Serialize};

/// Why a request was not done. In JSON it is a Kubernetes `Status` of `Failure`, both ways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Status", into = "Status")]
pub struct ApiError {
    /// What went wrong, in one word; the HTTP status follows from it.
    pub reason: Reason,
    /// What went wrong, for people.
    pub message: String,
    /// About which resource, if about one.
    pub object: Option<ObjectRef>,
    /// Everything that is wrong with what was sent.
    pub diagnostics: Vec<Diagnostic>,
    /// In how many seconds it may be tried again, if it is known.
    pub retry_after: Option<u32>,
}

/// What went wrong, in one word, as Kubernetes says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// 400: the request makes no sense.
    BadRequest,
    /// 401: nobody knows who asks.
    Unauthorized,
    /// 403: it may not be done.
    Forbidden,
    /// 404: there is no such resource or path.
    NotFound,
    /// 405: not on this path.
    MethodNotAllowed,
    /// 406: the answer cannot be given in the form that was asked for.
    NotAcceptable,
    /// 408: the request did not come in time.
    Timeout,
    /// 409: there is one of this name.
    AlreadyExists,
    /// 409: somebody else changed it meanwhile, or it is being deleted.
    Conflict,
    /// 410: what happened since then is no longer known; list again.
    Expired,
    /// 413: the body is too large.
    RequestEntityTooLarge,
    /// 415: the body is of another type.
    UnsupportedMediaType,
    /// 422: what was sent is wrong; the diagnostics say what.
    Invalid,
    /// 429: too much at once; [`ApiError::retry_after`] says when to try again.
    TooManyRequests,
    /// 500: a fault of the daemon or its disk.
    InternalError,
    /// 503: not now.
    ServiceUnavailable,
    /// 507: the disk is full.
    InsufficientStorage,
    /// Something that this build does not know.
    #[serde(other)]
    Unknown,
}

impl Reason {
    /// The HTTP status.
    pub fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::Timeout => 408,
            Self::AlreadyExists | Self::Conflict => 409,
            Self::Expired => 410,
            Self::RequestEntityTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid => 422,
            Self::TooManyRequests => 429,
            Self::InternalError | Self::Unknown => 500,
            Self::ServiceUnavailable => 503,
            Self::InsufficientStorage => 507,
        }
    }
}

impl ApiError {
    /// An error of this reason.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), object: None, diagnostics: Vec::new(), retry_after: None }
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Reason::BadRequest, message)
    }

    /// A fault of the daemon.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Reason::InternalError, message)
    }

    /// There is no such resource.
    pub fn not_found(object: &ObjectRef) -> Self {
        Self::new(Reason::NotFound, format!("there is no {object}")).about(object)
    }

    /// What was sent is wrong. 400 if all that is wrong are unknown fields, as in Kubernetes.
    pub fn invalid(diagnostics: Vec<Diagnostic>) -> Self {
        let unknown = !diagnostics.is_empty() && diagnostics.iter().all(|d| d.code == "unknownField");
        let reason = if unknown { Reason::BadRequest } else { Reason::Invalid };
        let message = match diagnostics.as_slice() {
            [] => "what was sent is not valid".to_owned(),
            [one] => one.to_string(),
            [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
        };
        let object = diagnostics.first().and_then(|d| d.object.clone());
        Self { object, diagnostics, ..Self::new(reason, message) }
    }

    /// Said of this resource.
    #[must_use]
    pub fn about(mut self, object: &ObjectRef) -> Self {
        self.object = Some(object.clone());
        self
    }

    /// To be tried again after this many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The HTTP status.
    pub fn code(&self) -> u16 {
        self.reason.code()
    }

    /// Whether this is the reason.
    pub fn is(&self, reason: Reason) -> bool {
        self.reason == reason
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let reason = match &error {
            StoreError::Conflict { .. } => Reason::Conflict,
            StoreError::Compacted { .. } => Reason::Expired,
            StoreError::Full { .. } => Reason::InsufficientStorage,
            StoreError::Closed => Reason::ServiceUnavailable,
            _ => Reason::InternalError,
        };
        // One text: the source of an error does not travel over a socket.
        let source =
            std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        Self::new(reason, format!("{error}{source}"))
    }
}

/// The error as it is sent.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    metadata: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: String,
    #[serde(default = "unknown")]
    reason: Reason,
    #[serde(default)]
    details: Details,
    #[serde(default)]
    code: u16,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    group: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<ObjectRef>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    causes: Vec<Cause>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<Diagnostic>,
}

/// What Kubernetes' clients show of a diagnostic.
#[derive(Serialize, Deserialize)]
struct Cause {
    reason: String,
    message: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    field: String,
}

fn unknown() -> Reason {
    Reason::Unknown
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let cause = |d: &Diagnostic| Cause {
            reason: d.code.clone(),
            message: d.message.clone(),
            field: d.path.clone(),
        };
        let (group, kind, name) = error.object.as_ref().map_or_else(Default::default, |object| {
            (object.kind.group().name().to_owned(), object.kind.plural().to_owned(), object.name.clone())
        });
        Self {
            kind: "Status".to_owned(),
            api_version: "v1".to_owned(),
            metadata: serde_json::Map::new(),
            status: "Failure".to_owned(),
            code: error.code(),
            message: error.message,
            reason: error.reason,
            details: Details {
                name,
                group,
                kind,
                object: error.object,
                causes: error.diagnostics.iter().map(cause).collect(),
                retry_after_seconds: error.retry_after,
                diagnostics: error.diagnostics,
            },
        }
    }
}

impl From<Status> for ApiError {
    fn from(status: Status) -> Self {
        let Details { object, diagnostics, retry_after_seconds: retry_after, .. } = status.details;
        Self { reason: status.reason, message: status.message, object, diagnostics, retry_after }
    }
}
