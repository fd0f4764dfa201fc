//! From paths to what they name. What is not there says what is.

use hyper::Method;
use madang_access::path_parts;
use madang_model::{ApiGroup, DEFAULT_NAMESPACE, Kind, ObjectRef};

use crate::{ApiError, Reason};

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The resources of a kind, in a project or in all.
    Collection { kind: Kind, namespace: Option<String> },
    /// A resource, or a part of it.
    Object(ObjectRef, Part),
    /// What there is to be had.
    Discovery(Discovery),
    /// A question about who may do what.
    Review(Review),
    /// Where bundles are applied.
    Bundles,
    /// The change that waits to be confirmed.
    Confirmation,
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

/// A resource as a whole, or one of its subresources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// What is true of it.
    Status,
    /// How many of it: autoscaling/v1.
    Scale,
    /// An instance's log.
    Log,
    /// A command in an instance.
    Exec,
}

/// What tells clients what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Discovery {
    /// `/api`.
    Core,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(ApiGroup),
    /// `/api/v1`, `/apis/GROUP/VERSION`: the kinds.
    Version(ApiGroup),
    /// The groups and versions of the reviews, which have no kinds that are stored.
    ReviewGroup(Review),
    ReviewVersion(Review),
    /// `/openapi/v3`.
    OpenApiIndex,
    /// `/openapi/v3/apis/GROUP/VERSION`.
    OpenApi(ApiGroup),
}

/// Questions that are asked by creating them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Review {
    /// May I?
    Access,
    /// What may I?
    Rules,
    /// Who am I?
    Subject,
}

const TOP: &str = "/api/v1, /apis/madang.dev/v1alpha1, /apis/rbac.authorization.k8s.io/v1, /openapi/v3, /version, /healthz, /readyz";

impl Part {
    /// As in the path; empty for the whole.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Status => "status",
            Self::Scale => "scale",
            Self::Log => "log",
            Self::Exec => "exec",
        }
    }

    /// The parts that a kind's resources have.
    pub(super) fn of(kind: Kind) -> Vec<Self> {
        let mut parts = Vec::new();
        if kind.layout() == madang_model::Layout::Spec {
            parts.push(Self::Status);
        }
        match kind {
            Kind::Instance => parts.extend([Self::Log, Self::Exec]),
            Kind::InstanceGroup => parts.push(Self::Scale),
            _ => {}
        }
        parts
    }
}

impl Review {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Access, Self::Rules, Self::Subject];

    pub(super) fn group(self) -> &'static str {
        match self {
            Self::Access | Self::Rules => "authorization.k8s.io",
            Self::Subject => "authentication.k8s.io",
        }
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Access => "SelfSubjectAccessReview",
            Self::Rules => "SelfSubjectRulesReview",
            Self::Subject => "SelfSubjectReview",
        }
    }

    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Access => "selfsubjectaccessreviews",
            Self::Rules => "selfsubjectrulesreviews",
            Self::Subject => "selfsubjectreviews",
        }
    }
}

impl Route {
    /// What this path names.
    pub(super) fn of(path: &str) -> Result<Self, ApiError> {
        let parts = path_parts(path).map_err(|error| ApiError::bad_request(error.to_string()))?;
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        let found = match parts.as_slice() {
            ["version"] => Some(Self::Version),
            ["healthz" | "livez"] => Some(Self::Health),
            ["readyz"] => Some(Self::Ready),
            ["shutdown"] => Some(Self::Shutdown),
            ["openapi", "v3"] => Some(Self::Discovery(Discovery::OpenApiIndex)),
            ["openapi", "v3", rest @ ..] => open_api(rest).map(Self::Discovery),
            ["api"] => Some(Self::Discovery(Discovery::Core)),
            ["api", "v1", rest @ ..] => return Self::in_group(ApiGroup::Core, rest),
            ["apis"] => Some(Self::Discovery(Discovery::Groups)),
            ["apis", name, rest @ ..] => match group(name) {
                Some(group) => match rest {
                    [] => Some(Self::Discovery(Discovery::Group(group))),
                    [version, rest @ ..] if *version == group.version() => {
                        return Self::in_group(group, rest);
                    }
                    _ => None,
                },
                None => review(name, rest),
            },
            _ => None,
        };
        found.ok_or_else(|| not_found(format!("there is nothing at {path}, only below {TOP}")))
    }

    fn in_group(group: ApiGroup, rest: &[&str]) -> Result<Self, ApiError> {
        match (group, rest) {
            (_, []) => Ok(Self::Discovery(Discovery::Version(group))),
            (ApiGroup::Madang, ["bundles"]) => Ok(Self::Bundles),
            (ApiGroup::Madang, ["confirmation"]) => Ok(Self::Confirmation),
            (ApiGroup::Madang, ["explain"]) => Ok(Self::Explain),
            (ApiGroup::Madang, ["drops"]) => Ok(Self::Drops),
            // Projects are resources themselves, and what is before those in them.
            (
                ApiGroup::Core,
                ["namespaces"] | ["namespaces", _] | ["namespaces", _, "status" | "finalize"],
            ) => Self::resource(group, None, "namespaces", &rest[1..]),
            (_, ["namespaces", namespace, plural, rest @ ..]) => {
                Self::resource(group, Some(namespace), plural, rest)
            }
            (_, [plural, rest @ ..]) => Self::resource(group, None, plural, rest),
        }
    }

    fn resource(
        group: ApiGroup,
        namespace: Option<&str>,
        plural: &str,
        rest: &[&str],
    ) -> Result<Self, ApiError> {
        let Some(kind) = Kind::of_plural(group, plural) else {
            let known = Kind::ALL.iter().filter(|kind| kind.group() == group).map(|kind| kind.plural());
            let mut known: Vec<_> = known.collect();
            if group == ApiGroup::Madang {
                known.extend(["bundles", "confirmation", "explain", "drops"]);
            }
            let message = format!(
                "there is nothing called {plural:?} in {}, only {}",
                group.api_version(),
                known.join(", ")
            );
            return Err(not_found(message));
        };
        if namespace.is_some() && !kind.is_namespaced() {
            let message =
                format!("{plural} belong to the host, not to a project: leave out namespaces/ in the path");
            return Err(not_found(message));
        }
        let object = |name: &str| ObjectRef::in_namespace(kind, namespace, name);
        match rest {
            [] => Ok(Self::Collection { kind, namespace: namespace.map(str::to_owned) }),
            [name] => Ok(Self::Object(object(name), Part::Whole)),
            [name, part] => match Part::of(kind).into_iter().find(|known| known.name() == *part) {
                Some(part) => Ok(Self::Object(object(name), part)),
                None => Err(no_part(&object(name))),
            },
            [name, ..] => Err(no_part(&object(name))),
        }
    }

    /// What can be done with it.
    pub(super) fn methods(&self) -> &'static [Method] {
        match self {
            Self::Collection { .. } => &[Method::GET, Method::POST, Method::DELETE],
            Self::Confirmation => &[Method::GET, Method::POST, Method::DELETE],
            Self::Object(_, Part::Whole) => &[Method::GET, Method::PUT, Method::PATCH, Method::DELETE],
            Self::Object(_, Part::Status | Part::Scale) => &[Method::GET, Method::PUT, Method::PATCH],
            Self::Object(_, Part::Log)
            | Self::Drops
            | Self::Version
            | Self::Health
            | Self::Ready
            | Self::Discovery(_) => &[Method::GET],
            Self::Object(_, Part::Exec)
            | Self::Bundles
            | Self::Explain
            | Self::Shutdown
            | Self::Review(_) => &[Method::POST],
        }
    }

    /// Refuses a verb that this has not.
    pub(super) fn allows(&self, method: &Method) -> Result<(), ApiError> {
        let allowed = self.methods();
        if allowed.contains(method) {
            return Ok(());
        }
        let allowed: Vec<_> = allowed.iter().map(Method::as_str).collect();
        let message = format!("{method} is not possible here, only {}", allowed.join(", "));
        Err(ApiError::new(Reason::MethodNotAllowed, message))
    }
}

/// In which project a resource is, if none is said.
pub(super) fn project(kind: Kind, namespace: Option<&str>) -> Option<String> {
    kind.is_namespaced().then(|| namespace.unwrap_or(DEFAULT_NAMESPACE).to_owned())
}

fn group(name: &str) -> Option<ApiGroup> {
    ApiGroup::ALL.into_iter().find(|group| group.name() == name && !name.is_empty())
}

fn review(group: &str, rest: &[&str]) -> Option<Route> {
    let mut of_group = Review::ALL.into_iter().filter(|review| review.group() == group);
    match rest {
        [] => of_group.next().map(|review| Route::Discovery(Discovery::ReviewGroup(review))),
        ["v1"] => of_group.next().map(|review| Route::Discovery(Discovery::ReviewVersion(review))),
        ["v1", plural] => of_group.find(|review| review.plural() == *plural).map(Route::Review),
        _ => None,
    }
}

fn open_api(rest: &[&str]) -> Option<Discovery> {
    match rest {
        ["api", "v1"] => Some(Discovery::OpenApi(ApiGroup::Core)),
        ["apis", name, version] => {
            group(name).filter(|group| group.version() == *version).map(Discovery::OpenApi)
        }
        _ => None,
    }
}

fn no_part(object: &ObjectRef) -> ApiError {
    let parts: Vec<_> = Part::of(object.kind).into_iter().map(Part::name).collect();
    let parts = if parts.is_empty() { "the whole".to_owned() } else { parts.join(", ") };
    not_found(format!("{object} has no such part, only {parts}"))
}

fn not_found(message: String) -> ApiError {
    ApiError::new(Reason::NotFound, message)
}
