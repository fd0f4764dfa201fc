//! Words that several messages use.

use std::cmp::Reverse;

use serde_json::Value;

use crate::{Kind, is_dns_label};

/// What a kind's resource is called in a sentence.
pub(crate) fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Namespace => "project",
        Kind::Node => "node",
        Kind::AddressPool => "address pool",
        Kind::DhcpServer => "DHCP server",
        Kind::Vpc => "VPC",
        Kind::SecurityGroup => "security group",
        Kind::NatGateway => "NAT gateway",
        Kind::PrefixList => "prefix list",
        Kind::RouteTable => "route table",
        Kind::Subnet => "subnet",
        Kind::Instance => "instance",
        Kind::InstanceGroup => "instance group",
        Kind::PublicAddress => "public address",
        Kind::Assertion => "assertion",
        Kind::Secret => "secret",
        Kind::Role => "role",
        Kind::RoleBinding => "role binding",
        Kind::ClusterRole => "cluster role",
        Kind::ClusterRoleBinding => "cluster role binding",
        Kind::Event => "event",
    }
}

/// A name in a sentence: as it is, or in quotes if it can be nobody's.
pub(crate) fn named(name: &str) -> String {
    if name.split('/').all(is_dns_label) { name.to_owned() } else { quote(name) }
}

/// The known name that somebody most likely meant.
pub(crate) fn nearest<'a>(meant: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    if meant.len() > LONGEST {
        return None;
    }
    let lower = meant.to_lowercase();
    let shared = |name: &str| lower.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
    // Of names that are as far, the one that begins alike.
    let unlikeness = |name: &str| {
        let name = name.to_lowercase();
        (strsim::damerau_levenshtein(&lower, &name), Reverse(shared(&name)))
    };
    let ((distance, _), name) = known.into_iter().map(|name| (unlikeness(name), name)).min()?;
    let far = (lower.chars().count().max(name.chars().count()) / 3).max(1);
    (distance <= far && distance < name.chars().count()).then_some(name)
}

/// "did you mean x?", or else which ones there are.
pub fn did_you_mean(meant: &str, what: &str, known: &[&str]) -> String {
    const SHOWN: usize = 12;
    if let Some(name) = nearest(meant, known.iter().copied()) {
        return format!("did you mean \"{name}\"?");
    }
    match known {
        [] => format!("there is no {what} at all: declare one, or apply it first"),
        [one] => format!("the only {what} is {one}"),
        many if many.len() > SHOWN => {
            format!("there are {}, and {} more", many[..SHOWN].join(", "), many.len() - SHOWN)
        }
        many => format!("there are {}", and(many)),
    }
}

/// `a, b and c`.
pub(crate) fn and(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// A number of things: `1 address`, `2 addresses`.
pub(crate) fn count(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// What a value is, in plain words.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => format!("the number {n}"),
        Value::String(text) => format!("text: {}", quote(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map of fields".to_owned(),
    }
}

/// In quotes, on one line, and not too long.
pub(crate) fn quote(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    format!("{short:?}")
}

/// A value as one would write it in YAML, on one line.
pub(crate) fn flow(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}: {}", flow(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// Whether YAML takes the text for the same text without quotes. Errs towards no.
fn is_plain(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-./_".contains(&b);
    !text.is_empty()
        && text.bytes().all(plain)
        && matches!(crate::yaml::plain(text), Value::String(_))
        && !text.starts_with("--")
        && text != "-"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(nearest("shp", ["shop", "other"]), Some("shop"));
        assert_eq!(nearest("VPC", ["Vpc", "Subnet"]), Some("Vpc"));
        assert_eq!(nearest("Sbunet", ["Vpc", "Subnet"]), Some("Subnet"));
        assert_eq!(nearest("wb", ["db", "web"]), Some("web"));
        assert_eq!(nearest("zebra", ["Vpc", "Subnet"]), None);
        assert_eq!(nearest("x", ["a", "b"]), None);
        assert_eq!(nearest(&"x".repeat(100_000), ["a"]), None);
    }

    #[test]
    fn values_are_written_as_yaml() {
        let value =
            serde_json::json!({ "command": ["python3", "8080", "a b"], "n": 1, "cidr": "10.0.0.0/8" });
        assert_eq!(flow(&value), "{ command: [python3, \"8080\", \"a b\"], n: 1, cidr: 10.0.0.0/8 }");
    }
}
