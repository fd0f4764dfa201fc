//! What there is to be had, for clients that ask first: groups, kinds, verbs, and their schemas.
//!
//! Discovery comes in Kubernetes' two forms, one answer a group or one for all. Schemas come as OpenAPI v3, a document for
//! each group and version, whose URL carries a hash of it: who has that need not ask again.

use std::sync::LazyLock;

use madang_addr::hash::{START, fnv1a};
use madang_model::{ApiGroup, Kind, openapi};
use serde_json::{Map, Value, json};

use super::accept::Form;
use super::route::{Discovery, Part, Review};

/// The content type of the answer: who asks for the aggregated form is told that this is it.
pub(super) fn content_type(asked: Discovery, form: Form) -> &'static str {
    match asked {
        Discovery::Core | Discovery::Groups => form.content_type(),
        _ => Form::Plain.content_type(),
    }
}

/// What can be done with the resources of every kind.
const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The answer.
pub(super) fn answer(asked: Discovery, form: Form) -> Value {
    match (asked, form) {
        (Discovery::Core, Form::Aggregated) => aggregated(&[ApiGroup::Core], false),
        (Discovery::Groups, Form::Aggregated) => aggregated(&[ApiGroup::Madang, ApiGroup::Rbac], true),
        (Discovery::Core, _) => json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [],
        }),
        (Discovery::Groups, _) => {
            let own = [ApiGroup::Madang, ApiGroup::Rbac].map(|own| group(own.name(), own.version()));
            let reviews = ["authentication.k8s.io", "authorization.k8s.io"].map(|name| group(name, "v1"));
            let groups: Vec<Value> = own.into_iter().chain(reviews).collect();
            json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
        }
        (Discovery::Group(group), _) => whole_group(group.name(), group.version()),
        (Discovery::ReviewGroup(review), _) => whole_group(review.group(), "v1"),
        (Discovery::Version(group), _) => resource_list(group.api_version(), kinds(group)),
        (Discovery::ReviewVersion(review), _) => {
            let of_group = Review::ALL.into_iter().filter(|other| other.group() == review.group());
            let resources = of_group.map(|review| {
                json!({
                    "name": review.plural(), "singularName": review.kind().to_lowercase(), "namespaced": false,
                    "kind": review.kind(), "verbs": ["create"],
                })
            });
            resource_list(&format!("{}/v1", review.group()), resources.collect())
        }
        (Discovery::OpenApiIndex, _) => INDEX.clone(),
        (Discovery::OpenApi(group), _) => document(group).clone(),
    }
}

fn group(name: &str, version: &str) -> Value {
    let version = json!({ "groupVersion": format!("{name}/{version}"), "version": version });
    json!({ "name": name, "versions": [version], "preferredVersion": version })
}

fn whole_group(name: &str, version: &str) -> Value {
    let mut group = group(name, version);
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    group
}

fn resource_list(group_version: &str, resources: Vec<Value>) -> Value {
    json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
    })
}

fn of(group: ApiGroup) -> impl Iterator<Item = Kind> {
    Kind::ALL.iter().copied().filter(move |kind| kind.group() == group)
}

fn kinds(group: ApiGroup) -> Vec<Value> {
    of(group)
        .flat_map(|kind| {
            std::iter::once(whole(kind)).chain(Part::of(kind).into_iter().map(move |p| part(kind, p)))
        })
        .collect()
}

fn whole(kind: Kind) -> Value {
    json!({
        "name": kind.plural(),
        "singularName": kind.name().to_lowercase(),
        "namespaced": kind.is_namespaced(),
        "kind": kind.name(),
        "verbs": VERBS,
        "shortNames": short_names(kind),
        "categories": categories(kind),
    })
}

/// The names that are not the singular or the plural: those are known anyway.
fn short_names(kind: Kind) -> Vec<&'static str> {
    let singular = kind.name().to_lowercase();
    let own = kind.short_names().iter().copied();
    own.filter(|name| *name != singular && *name != kind.plural()).collect()
}

fn categories(kind: Kind) -> Vec<&'static str> {
    if kind.group() == ApiGroup::Madang { vec!["all", "madang"] } else { Vec::new() }
}

fn part(kind: Kind, part: Part) -> Value {
    let mut resource = json!({
        "name": format!("{}/{}", kind.plural(), part.name()),
        "singularName": "",
        "namespaced": kind.is_namespaced(),
        "kind": part_kind(kind, part).1,
        "verbs": part_verbs(part),
    });
    if let (group, _) = part_kind(kind, part)
        && part == Part::Scale
    {
        resource["group"] = group.into();
        resource["version"] = "v1".into();
    }
    resource
}

/// The group and the kind of what a subresource speaks.
fn part_kind(kind: Kind, part: Part) -> (&'static str, &'static str) {
    match part {
        Part::Scale => ("autoscaling", "Scale"),
        _ => (kind.group().name(), kind.name()),
    }
}

fn part_verbs(part: Part) -> &'static [&'static str] {
    match part {
        Part::Log => &["get"],
        Part::Exec => &["create"],
        Part::Whole | Part::Status | Part::Scale => &["get", "patch", "update"],
    }
}

/// apidiscovery.k8s.io/v2.
fn aggregated(groups: &[ApiGroup], reviews: bool) -> Value {
    let mut items: Vec<Value> = groups
        .iter()
        .map(|group| {
            aggregated_group(group.name(), group.version(), of(*group).map(aggregated_kind).collect())
        })
        .collect();
    if reviews {
        for name in ["authentication.k8s.io", "authorization.k8s.io"] {
            let of_group = Review::ALL.into_iter().filter(|review| review.group() == name);
            let resources = of_group.map(|review| {
                json!({
                    "resource": review.plural(),
                    "responseKind": { "group": name, "version": "v1", "kind": review.kind() },
                    "scope": "Cluster", "singularResource": review.kind().to_lowercase(), "verbs": ["create"],
                })
            });
            items.push(aggregated_group(name, "v1", resources.collect()));
        }
    }
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
    })
}

fn aggregated_group(name: &str, version: &str, resources: Vec<Value>) -> Value {
    let metadata = if name.is_empty() { json!({}) } else { json!({ "name": name }) };
    json!({
        "metadata": metadata,
        "versions": [{ "version": version, "resources": resources, "freshness": "Current" }],
    })
}

fn aggregated_kind(kind: Kind) -> Value {
    let group_version_kind = |(group, kind): (&str, &str), version: &str| json!({ "group": group, "version": version, "kind": kind });
    let parts = Part::of(kind).into_iter().map(|part| {
        let version = if part == Part::Scale { "v1" } else { kind.group().version() };
        json!({
            "subresource": part.name(),
            "responseKind": group_version_kind(part_kind(kind, part), version),
            "verbs": part_verbs(part),
        })
    });
    json!({
        "resource": kind.plural(),
        "responseKind": group_version_kind((kind.group().name(), kind.name()), kind.group().version()),
        "scope": if kind.is_namespaced() { "Namespaced" } else { "Cluster" },
        "singularResource": kind.name().to_lowercase(),
        "verbs": VERBS,
        "shortNames": short_names(kind),
        "categories": categories(kind),
        "subresources": parts.collect::<Vec<_>>(),
    })
}

/// Where a group's kinds are.
fn root(group: ApiGroup) -> String {
    match group {
        ApiGroup::Core => "api/v1".to_owned(),
        _ => format!("apis/{}", group.api_version()),
    }
}

static INDEX: LazyLock<Value> = LazyLock::new(|| {
    let path = |group: ApiGroup| {
        let root = root(group);
        let text = document(group).to_string();
        let url = format!("/openapi/v3/{root}?hash={:016X}", fnv1a(START, text.as_bytes()));
        (root, json!({ "serverRelativeURL": url }))
    };
    json!({ "paths": ApiGroup::ALL.into_iter().map(path).collect::<Map<_, _>>() })
});

fn document(group: ApiGroup) -> &'static Value {
    static DOCUMENTS: LazyLock<[Value; 3]> = LazyLock::new(|| ApiGroup::ALL.map(super::openapi::document));
    let n = ApiGroup::ALL.iter().position(|other| *other == group).unwrap_or_default();
    &DOCUMENTS[n]
}

/// The name of a kind's schema, in the way of Kubernetes: the group's name backwards.
pub(super) fn schema_name(kind: Kind) -> String {
    match kind.group() {
        ApiGroup::Core => format!("io.k8s.api.core.v1.{kind}"),
        ApiGroup::Rbac => format!("io.k8s.api.rbac.v1.{kind}"),
        ApiGroup::Madang => format!("dev.madang.v1alpha1.{kind}"),
    }
}

/// The schema of a kind.
pub(super) fn schema(kind: Kind) -> &'static Value {
    openapi(kind)
}
