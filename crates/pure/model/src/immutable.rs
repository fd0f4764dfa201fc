//! What cannot be changed once a resource exists, since what was built on it would be another thing.

use serde_json::Value;

use crate::words::{describe, flow, noun};
use crate::{Diagnostic, Kind, Layout, Resource};

/// The changes from old to new that are not possible, with the way round.
pub fn immutable_changes(old: &Resource, new: &Resource) -> Vec<Diagnostic> {
    let object = new.object_ref();
    let (before, after) = (old.to_json(), new.to_json());
    let flat = new.kind().layout() == Layout::Flat;
    let field = |name: &&str| {
        let of =
            |document: &Value| if flat { document[*name].clone() } else { document["spec"][*name].clone() };
        let (before, after) = (of(&before), of(&after));
        let path = if flat { (*name).to_owned() } else { format!("spec.{name}") };
        (before != after).then(|| changed(new, &path, &before, &after))
    };
    let mut changes: Vec<Diagnostic> = fixed(new.kind()).iter().filter_map(field).collect();
    if let (Resource::Vpc(old), Resource::Vpc(new)) = (old, new) {
        for cidr in old.spec.cidrs.iter().filter(|cidr| !new.spec.cidrs.contains(cidr)) {
            let message = format!("{cidr} cannot be taken from VPC {}", new.metadata.name);
            let diagnostic = Diagnostic::new("immutable", message).cause("ranges can only be added to a VPC");
            let hint = format!("put {cidr} back, or delete the VPC and create it again");
            changes.push(Diagnostic { path: "spec.cidrs".to_owned(), ..diagnostic.hint(hint) });
        }
    }
    if let (Resource::Secret(old), Resource::Secret(new)) = (old, new)
        && old.spec.immutable == Some(true)
        && old.spec != new.spec
    {
        let diagnostic = Diagnostic::new("immutable", "the secret is immutable: it says so itself");
        let hint = "delete it and create it again";
        changes.push(Diagnostic { path: "immutable".to_owned(), ..diagnostic.hint(hint) });
    }
    changes.into_iter().map(|diagnostic| Diagnostic { object: Some(object.clone()), ..diagnostic }).collect()
}

/// The fields of a kind's spec that stay as they are.
pub(crate) fn fixed(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Namespace
        | Kind::Node
        | Kind::AddressPool
        | Kind::DhcpServer
        | Kind::Vpc
        | Kind::PrefixList
        | Kind::InstanceGroup
        | Kind::Assertion
        | Kind::Role
        | Kind::ClusterRole
        | Kind::Event => &[],
        Kind::Secret => &["type"],
        Kind::RoleBinding | Kind::ClusterRoleBinding => &["roleRef"],
        Kind::SecurityGroup | Kind::RouteTable => &["vpc"],
        Kind::NatGateway => &["vpc", "pool", "address"],
        Kind::Subnet => &["vpc", "cidr"],
        Kind::Instance => &["subnet", "address", "process", "host", "unmanaged", "resources"],
        Kind::PublicAddress => &["pool", "address"],
    }
}

fn changed(new: &Resource, path: &str, before: &Value, after: &Value) -> Diagnostic {
    let (path, before, after) = narrowest(path.to_owned(), before, after);
    let what = noun(new.kind());
    let message = match (short(before), short(after)) {
        (Some(before), Some(after)) => format!("cannot be changed from {before} to {after}"),
        _ => format!("cannot be changed while the {what} exists"),
    };
    let name = &new.metadata().name;
    let diagnostic = Diagnostic::new("immutable", message)
        .cause(format!("it is fixed when {} is created", article(what)))
        .hint(format!("put it back as it was, or delete {what} {name} and create it again"));
    Diagnostic { path, ..diagnostic }
}

fn article(noun: &str) -> String {
    if noun.starts_with(['a', 'e', 'i', 'o']) { format!("an {noun}") } else { format!("a {noun}") }
}

/// The one field in which two values differ, if there is one alone.
fn narrowest<'a>(path: String, before: &'a Value, after: &'a Value) -> (String, &'a Value, &'a Value) {
    if let (Value::Object(old), Value::Object(new)) = (before, after) {
        let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
        let mut different = names.filter(|name| old.get(*name) != new.get(*name));
        if let (Some(name), None) = (different.next(), different.next()) {
            return narrowest(format!("{path}.{name}"), &before[name], &after[name]);
        }
    }
    (path, before, after)
}

/// A value that is short enough to be shown.
fn short(value: &Value) -> Option<String> {
    const LONGEST: usize = 60;
    let text = if value.is_null() { describe(value) } else { flow(value) };
    (text.chars().count() <= LONGEST && !value.is_object()).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::from_json;

    fn resource(kind: Kind, spec: &Value) -> Resource {
        from_json(json!({ "apiVersion": crate::API_VERSION, "kind": kind, "metadata": { "name": "a" }, "spec": spec }))
            .unwrap()
    }

    fn said(kind: Kind, old: Value, new: Value) -> Vec<String> {
        let changes = immutable_changes(&resource(kind, &old), &resource(kind, &new));
        let line = |d: &Diagnostic| {
            let (cause, hint) = (d.cause.as_deref().unwrap(), d.hint.as_deref().unwrap());
            format!("{}: {} | {cause} | {hint}", d.path, d.message)
        };
        changes.iter().map(line).collect()
    }

    #[test]
    fn what_is_said() {
        let subnet = |vpc: &str, cidr: &str| json!({ "vpc": vpc, "cidr": cidr });
        assert_eq!(
            said(Kind::Subnet, subnet("shop", "10.0.1.0/24"), subnet("other", "10.0.2.0/24")),
            [
                "spec.vpc: cannot be changed from shop to other | it is fixed when a subnet is created | put it back as it was, or delete subnet a and create it again",
                "spec.cidr: cannot be changed from 10.0.1.0/24 to 10.0.2.0/24 | it is fixed when a subnet is created | put it back as it was, or delete subnet a and create it again",
            ]
        );
        let vpc = |cidrs: &[&str]| json!({ "cidrs": cidrs });
        assert_eq!(
            said(Kind::Vpc, vpc(&["10.0.0.0/16", "10.1.0.0/16"]), vpc(&["10.2.0.0/16", "10.0.0.0/16"])),
            [
                "spec.cidrs: 10.1.0.0/16 cannot be taken from VPC a | ranges can only be added to a VPC | put 10.1.0.0/16 back, or delete the VPC and create it again"
            ]
        );
    }

    #[test]
    fn an_instance_names_the_one_thing_that_differs() {
        let instance = |subnet: &str, command: &[&str], port: &str, memory: &str| json!({ "subnet": subnet, "process": { "command": command, "env": { "PORT": port } }, "resources": { "memory": memory } });
        let old = instance("web", &["a"], "80", "64Mi");
        let first = |new: Value| {
            let mut said = said(Kind::Instance, old.clone(), new);
            assert_eq!(said.len(), 1, "{said:?}");
            said.remove(0).split(" | ").next().unwrap().to_owned()
        };
        assert_eq!(
            first(instance("db", &["a"], "80", "64Mi")),
            "spec.subnet: cannot be changed from web to db"
        );
        assert_eq!(
            first(instance("web", &["b", "c"], "80", "64Mi")),
            "spec.process.command: cannot be changed from [a] to [b, c]"
        );
        assert_eq!(
            first(instance("web", &["a"], "81", "64Mi")),
            "spec.process.env.PORT: cannot be changed from \"80\" to \"81\""
        );
        assert_eq!(
            first(instance("web", &["b"], "81", "64Mi")),
            "spec.process: cannot be changed while the instance exists"
        );
        assert_eq!(
            first(instance("web", &["a"], "80", "1Gi")),
            "spec.resources.memory: cannot be changed from 64Mi to 1Gi"
        );
        let mut pinned = old.clone();
        pinned["address"] = "10.0.0.4".into();
        assert_eq!(first(pinned), "spec.address: cannot be changed from nothing to 10.0.0.4");
    }

    #[test]
    fn what_may_be_changed() {
        let group = |groups: &[&str]| json!({ "subnet": "web", "process": { "command": ["a"] }, "securityGroups": groups });
        assert_eq!(said(Kind::Instance, group(&["a"]), group(&["b"])), Vec::<String>::new());
        let vpc = |cidrs: &[&str], mtu: u16| json!({ "cidrs": cidrs, "mtu": mtu });
        assert_eq!(
            said(Kind::Vpc, vpc(&["10.0.0.0/16"], 1500), vpc(&["10.1.0.0/16", "10.0.0.0/16"], 1400)),
            Vec::<String>::new()
        );
        let written_otherwise = |cpu: Value| json!({ "subnet": "web", "process": { "command": ["a"] }, "resources": { "cpu": cpu } });
        assert_eq!(
            said(Kind::Instance, written_otherwise(json!(0.5)), written_otherwise(json!("500m"))),
            Vec::<String>::new()
        );
    }
}
