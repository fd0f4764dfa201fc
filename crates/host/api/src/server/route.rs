//! From paths to what they name. What is not there says what is.

use hyper::Method;
use madang_model::{DEFAULT_NAMESPACE, Kind, ObjectRef};

use crate::{ApiError, LogOptions, Reason};

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The resources of a kind.
    Collection { kind: Kind, namespace: Option<String> },
    /// One resource.
    Object(ObjectRef),
    /// Its status.
    Status(ObjectRef),
    /// An instance's log.
    Log(ObjectRef),
    /// A command in an instance.
    Exec(ObjectRef),
    /// Where bundles are applied.
    Bundles,
    /// Where packets are explained.
    Explain,
    /// What was dropped.
    Drops,
    /// The build.
    Version,
    /// Whether it lives.
    Health,
    /// Whether it can serve.
    Ready,
    /// The end.
    Shutdown,
}

const TOP: &str = "/apis/madang.dev/v1alpha1, /version, /healthz, /readyz, /shutdown";

impl Route {
    /// What this path names.
    pub(super) fn of(path: &str) -> Result<Self, ApiError> {
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            ["version"] => Ok(Self::Version),
            ["healthz" | "livez"] => Ok(Self::Health),
            ["readyz"] => Ok(Self::Ready),
            ["shutdown"] => Ok(Self::Shutdown),
            ["apis", "madang.dev", "v1alpha1", "bundles"] => Ok(Self::Bundles),
            ["apis", "madang.dev", "v1alpha1", "explain"] => Ok(Self::Explain),
            ["apis", "madang.dev", "v1alpha1", "drops"] => Ok(Self::Drops),
            ["apis", "madang.dev", "v1alpha1", "namespaces", namespace, plural, rest @ ..] => {
                Self::resource(Some(namespace), plural, rest)
            }
            ["apis", "madang.dev", "v1alpha1", plural, rest @ ..] => Self::resource(None, plural, rest),
            _ => Err(not_found(format!("there is nothing at {path}, only below {TOP}"))),
        }
    }

    fn resource(namespace: Option<&str>, plural: &str, rest: &[&str]) -> Result<Self, ApiError> {
        let Some(kind) = Kind::ALL.iter().copied().find(|kind| kind.plural() == plural) else {
            let known: Vec<_> = Kind::ALL.iter().map(|kind| kind.plural()).collect();
            let message = format!(
                "there is nothing called {plural:?} in {}, only {}, bundles, explain and drops",
                madang_model::API_VERSION,
                known.join(", ")
            );
            return Err(not_found(message));
        };
        if namespace.is_some() && !kind.is_namespaced() {
            let message =
                format!("{plural} belong to the host, not to a project: leave out namespaces/ in the path");
            return Err(not_found(message));
        }
        let object = |name: &str| {
            let default = if kind.is_namespaced() { DEFAULT_NAMESPACE } else { "" };
            ObjectRef { kind, namespace: namespace.unwrap_or(default).to_owned(), name: name.to_owned() }
        };
        match rest {
            [] => Ok(Self::Collection { kind, namespace: namespace.map(str::to_owned) }),
            [name] => Ok(Self::Object(object(name))),
            [name, "status"] => Ok(Self::Status(object(name))),
            [name, "log"] if kind == Kind::Instance => Ok(Self::Log(object(name))),
            [name, "exec"] if kind == Kind::Instance => Ok(Self::Exec(object(name))),
            [name, ..] => {
                let parts = if kind == Kind::Instance { "status, log and exec" } else { "status" };
                Err(not_found(format!("{} has no such part, only {parts}", object(name))))
            }
        }
    }

    /// Refuses a verb that this has not.
    pub(super) fn allows(&self, method: &Method) -> Result<(), ApiError> {
        let allowed: &[Method] = match self {
            Self::Collection { .. } => &[Method::GET, Method::POST],
            Self::Object(_) => &[Method::GET, Method::PUT, Method::DELETE],
            Self::Status(_) => &[Method::GET, Method::PUT],
            Self::Log(_) | Self::Drops | Self::Version | Self::Health | Self::Ready => &[Method::GET],
            Self::Exec(_) | Self::Bundles | Self::Explain | Self::Shutdown => &[Method::POST],
        };
        if allowed.contains(method) {
            return Ok(());
        }
        let allowed: Vec<_> = allowed.iter().map(Method::as_str).collect();
        let message = format!("{method} is not possible here, only {}", allowed.join(", "));
        Err(ApiError::new(Reason::MethodNotAllowed, message))
    }
}

fn not_found(message: String) -> ApiError {
    ApiError::new(Reason::NotFound, message)
}

/// The parameters of a URL. Those that clients of Kubernetes send and that change nothing here are taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// Go on with what changes.
    pub(super) watch: bool,
    /// From when.
    pub(super) resource_version: Option<u64>,
    /// Of a log.
    pub(super) log: LogOptions,
}

impl Query {
    /// The parameters.
    pub(super) fn of(query: Option<&str>) -> Result<Self, ApiError> {
        let mut found = Self::default();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "watch" => found.watch = flag(name, value)?,
                "follow" => found.log.follow = flag(name, value)?,
                "resourceVersion" if value.is_empty() => {}
                "resourceVersion" => found.resource_version = Some(number(name, value)?),
                "tail" | "tailLines" => found.log.tail = Some(number(name, value)?),
                "fieldManager"
                | "fieldValidation"
                | "limit"
                | "pretty"
                | "timeout"
                | "timeoutSeconds"
                | "allowWatchBookmarks" => {}
                _ => {
                    let message = format!(
                        "the parameter {name:?} is not known, only watch and resourceVersion, and follow and tail of a log"
                    );
                    return Err(ApiError::bad_request(message));
                }
            }
        }
        Ok(found)
    }
}

fn flag(name: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "true" | "1" | "" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(ApiError::bad_request(format!("the parameter {name} is {value:?}: write true or false"))),
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, ApiError> {
    value
        .parse()
        .map_err(|_| ApiError::bad_request(format!("the parameter {name} is {value:?}: write a number")))
}
