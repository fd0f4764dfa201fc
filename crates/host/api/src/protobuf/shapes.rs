//! What the kinds look like in protobuf: the numbers of their fields. Statuses are left out, since nobody sends them.

/// A message: its fields.
pub(super) type Message = [Field];

/// One field.
pub(super) struct Field {
    pub(super) number: u64,
    /// As in JSON.
    pub(super) name: &'static str,
    pub(super) of: Type,
    pub(super) repeated: bool,
}

/// What a field holds.
pub(super) enum Type {
    Text,
    /// In JSON: base64.
    Bytes,
    Bool,
    Integer,
    /// In JSON: RFC 3339.
    Time,
    /// JSON, wrapped once more.
    Json,
    Message(&'static Message),
    /// From texts.
    Map(&'static Type),
}

const fn one(number: u64, name: &'static str, of: Type) -> Field {
    Field { number, name, of, repeated: false }
}

const fn text(number: u64, name: &'static str) -> Field {
    one(number, name, Type::Text)
}

const fn many(number: u64, name: &'static str, of: Type) -> Field {
    Field { number, name, of, repeated: true }
}

/// Of which kind what follows is.
pub(super) static ENVELOPE: [Field; 2] = [text(1, "apiVersion"), text(2, "kind")];

/// A moment.
pub(super) static TIME: [Field; 2] = [one(1, "seconds", Type::Integer), one(2, "nanos", Type::Integer)];

static METADATA: [Field; 15] = [
    text(1, "name"),
    text(2, "generateName"),
    text(3, "namespace"),
    text(4, "selfLink"),
    text(5, "uid"),
    text(6, "resourceVersion"),
    one(7, "generation", Type::Integer),
    one(8, "creationTimestamp", Type::Time),
    one(9, "deletionTimestamp", Type::Time),
    one(10, "deletionGracePeriodSeconds", Type::Integer),
    one(11, "labels", Type::Map(&Type::Text)),
    one(12, "annotations", Type::Map(&Type::Text)),
    many(13, "ownerReferences", Type::Message(&OWNER)),
    many(14, "finalizers", Type::Text),
    many(17, "managedFields", Type::Message(&MANAGED)),
];

static OWNER: [Field; 6] = [
    text(1, "kind"),
    text(3, "name"),
    text(4, "uid"),
    text(5, "apiVersion"),
    one(6, "controller", Type::Bool),
    one(7, "blockOwnerDeletion", Type::Bool),
];

static MANAGED: [Field; 7] = [
    text(1, "manager"),
    text(2, "operation"),
    text(3, "apiVersion"),
    one(4, "time", Type::Time),
    text(6, "fieldsType"),
    one(7, "fieldsV1", Type::Json),
    text(8, "subresource"),
];

const fn metadata() -> Field {
    one(1, "metadata", Type::Message(&METADATA))
}

static NAMESPACE: [Field; 2] = [metadata(), one(2, "spec", Type::Message(&NAMESPACE_SPEC))];
static NAMESPACE_SPEC: [Field; 1] = [many(1, "finalizers", Type::Text)];

static SECRET: [Field; 5] = [
    metadata(),
    one(2, "data", Type::Map(&Type::Bytes)),
    text(3, "type"),
    one(4, "stringData", Type::Map(&Type::Text)),
    one(5, "immutable", Type::Bool),
];

static ACCESS_REVIEW: [Field; 2] = [metadata(), one(2, "spec", Type::Message(&ACCESS_SPEC))];
static ACCESS_SPEC: [Field; 2] = [
    one(1, "resourceAttributes", Type::Message(&RESOURCE_ATTRIBUTES)),
    one(2, "nonResourceAttributes", Type::Message(&PATH_ATTRIBUTES)),
];
static RESOURCE_ATTRIBUTES: [Field; 7] = [
    text(1, "namespace"),
    text(2, "verb"),
    text(3, "group"),
    text(4, "version"),
    text(5, "resource"),
    text(6, "subresource"),
    text(7, "name"),
];
static PATH_ATTRIBUTES: [Field; 2] = [text(1, "path"), text(2, "verb")];

static RULES_REVIEW: [Field; 2] = [metadata(), one(2, "spec", Type::Message(&RULES_SPEC))];
static RULES_SPEC: [Field; 1] = [text(1, "namespace")];

static SELF_REVIEW: [Field; 1] = [metadata()];

static ROLE: [Field; 2] = [metadata(), many(2, "rules", Type::Message(&RULE))];
static RULE: [Field; 5] = [
    many(1, "verbs", Type::Text),
    many(2, "apiGroups", Type::Text),
    many(3, "resources", Type::Text),
    many(4, "resourceNames", Type::Text),
    many(5, "nonResourceURLs", Type::Text),
];

static BINDING: [Field; 3] =
    [metadata(), many(2, "subjects", Type::Message(&SUBJECT)), one(3, "roleRef", Type::Message(&ROLE_REF))];
static SUBJECT: [Field; 4] = [text(1, "kind"), text(2, "apiGroup"), text(3, "name"), text(4, "namespace")];
static ROLE_REF: [Field; 3] = [text(1, "apiGroup"), text(2, "kind"), text(3, "name")];

static DELETE_OPTIONS: [Field; 3] = [
    one(2, "preconditions", Type::Message(&PRECONDITIONS)),
    text(4, "propagationPolicy"),
    many(5, "dryRun", Type::Text),
];
static PRECONDITIONS: [Field; 2] = [text(1, "uid"), text(2, "resourceVersion")];

/// The shape of a kind.
pub(super) fn of_kind(api_version: &str, kind: &str) -> Option<&'static Message> {
    Some(match (api_version, kind) {
        ("v1", "Namespace") => &NAMESPACE,
        ("v1", "Secret") => &SECRET,
        ("v1" | "meta.k8s.io/v1", "DeleteOptions") => &DELETE_OPTIONS,
        ("authorization.k8s.io/v1", "SelfSubjectAccessReview") => &ACCESS_REVIEW,
        ("authorization.k8s.io/v1", "SelfSubjectRulesReview") => &RULES_REVIEW,
        ("authentication.k8s.io/v1", "SelfSubjectReview") => &SELF_REVIEW,
        ("rbac.authorization.k8s.io/v1", "Role" | "ClusterRole") => &ROLE,
        ("rbac.authorization.k8s.io/v1", "RoleBinding" | "ClusterRoleBinding") => &BINDING,
        _ => return None,
    })
}
