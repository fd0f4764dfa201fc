//! Selectors, as Kubernetes writes them: of labels (`app=web,tier in (a, b),!old`) and of fields (`type=Warning`).

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::Value;

use crate::{Kind, Resource};

/// What labels must be like: every requirement holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Has(String),
    HasNot(String),
}

impl Selector {
    /// Whether labels are so. An absent label is not equal to any value.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Requirement::NotIn(key, values) => !labels.get(key).is_some_and(|value| values.contains(value)),
            Requirement::Has(key) => labels.contains_key(key),
            Requirement::HasNot(key) => !labels.contains_key(key),
        })
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = split(text)?;
        let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
        parts.map(requirement).collect::<Result<_, _>>().map(Self)
    }
}

/// At the commas that are in no brackets.
fn split(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut begin, mut inside) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '(' if !inside => inside = true,
            ')' if inside => inside = false,
            '(' | ')' => return Err(format!("the brackets of \"{text}\" do not match")),
            ',' if !inside => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    if inside {
        return Err(format!("the brackets of \"{text}\" do not match"));
    }
    parts.push(&text[begin..]);
    Ok(parts)
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let key = |key: &str| {
        let key = key.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if key.is_empty() || !key.chars().all(fits) {
            return Err(format!("\"{text}\" is no label requirement: write a=b, a!=b, a in (b, c), a or !a"));
        }
        Ok(key.to_owned())
    };
    if let Some((name, set)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let values = set.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = name.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(name), Some("in"), None) => Ok(Requirement::In(key(name)?, values)),
            (Some(name), Some("notin"), None) => Ok(Requirement::NotIn(key(name)?, values)),
            _ => Err(format!("\"{text}\" is no label requirement: write a in (b, c) or a notin (b, c)")),
        };
    }
    if let Some((name, value)) = text.split_once("!=") {
        return Ok(Requirement::NotIn(key(name)?, vec![value.trim().to_owned()]));
    }
    if let Some((name, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Requirement::In(key(name)?, vec![value.trim().to_owned()]));
    }
    match text.strip_prefix('!') {
        Some(name) => key(name).map(Requirement::HasNot),
        None => key(text).map(Requirement::Has),
    }
}

/// What fields must be like: every requirement holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<(String, String, bool)>);

impl FieldSelector {
    /// The selector, if this kind can be chosen by its fields.
    ///
    /// # Errors
    /// It is no selector, or names another field; says which ones there are.
    pub fn parse(text: &str, kind: Kind) -> Result<Self, String> {
        let known = fields(kind);
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let requirement = |part: &str| {
            let (field, value, is) = if let Some((field, value)) = part.split_once("!=") {
                (field, value, false)
            } else if let Some((field, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (field, value, true)
            } else {
                return Err(format!("\"{part}\" is no field requirement: write a=b or a!=b"));
            };
            if !known.contains(&field.trim()) {
                return Err(format!(
                    "field label not supported: {field}; {} can be chosen by {}",
                    kind.plural(),
                    known.join(", ")
                ));
            }
            Ok((field.trim().to_owned(), value.trim().to_owned(), is))
        };
        parts.map(requirement).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is no requirement.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the resource's fields are so. A field that is not there is empty.
    pub fn matches(&self, resource: &Resource) -> bool {
        let metadata = resource.metadata();
        let simple = |field: &str| match field {
            "metadata.name" => Some(metadata.name.as_str()),
            "metadata.namespace" => Some(metadata.namespace.as_deref().unwrap_or_default()),
            _ => None,
        };
        let mut whole = None;
        self.0.iter().all(|(field, value, is)| {
            let same = match simple(field) {
                Some(found) => found == value,
                None => text_at(whole.get_or_insert_with(|| resource.to_json()), field) == *value,
            };
            same == *is
        })
    }
}

/// The fields by which a kind's resources can be chosen.
fn fields(kind: Kind) -> Vec<&'static str> {
    let more: &[&str] = match kind {
        Kind::Event => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        Kind::Secret => &["type"],
        Kind::Namespace => &["status.phase"],
        Kind::Instance => &["spec.subnet", "status.node", "status.address"],
        Kind::Subnet | Kind::SecurityGroup | Kind::RouteTable => &["spec.vpc"],
        Kind::NatGateway => &["spec.vpc", "spec.pool"],
        Kind::PublicAddress => &["spec.pool"],
        _ => &[],
    };
    ["metadata.name", "metadata.namespace"].into_iter().chain(more.iter().copied()).collect()
}

fn text_at(document: &Value, path: &str) -> String {
    // An event's source is known by its component.
    let path = if path == "source" { "source.component" } else { path };
    let found = path.split('.').try_fold(document, |value, name| value.get(name));
    match found {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_must_hold() {
        let labels =
            BTreeMap::from([("app".to_owned(), "web".to_owned()), ("canary".to_owned(), String::new())]);
        for (selector, expected) in [
            ("app=web", true),
            ("app==web", true),
            ("app=db", false),
            ("app!=db", true),
            ("tier!=db", true),
            ("canary", true),
            ("!canary", false),
            ("!old", true),
            ("app=web, canary,!old", true),
            ("app=web,old", false),
            ("app in (web, db),canary", true),
            ("app notin (web,db)", false),
            ("tier notin (web)", true),
            ("", true),
        ] {
            assert_eq!(selector.parse::<Selector>().unwrap().matches(&labels), expected, "{selector}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["=web", "a b", "app in (web", "app within (web)", "!", "a)("] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
        assert!(FieldSelector::parse("spec.cidrs=a", Kind::Vpc).unwrap_err().contains("not supported"));
        assert!(FieldSelector::parse("metadata.name", Kind::Vpc).is_err());
    }

    #[test]
    fn fields_are_chosen_by_what_they_say() {
        let event = serde_json::json!({
            "kind": "Event", "metadata": { "name": "a.1" }, "type": "Warning", "source": { "component": "agent" },
            "involvedObject": { "kind": "Instance", "name": "web-1" },
        });
        let event = Resource::decode(event).unwrap();
        for (selector, expected) in [
            ("involvedObject.name=web-1,type=Warning", true),
            ("involvedObject.name==web-1,type!=Warning", false),
            ("source=agent,reason=", true),
            ("metadata.name=a.1", true),
            ("", true),
        ] {
            let parsed = FieldSelector::parse(selector, Kind::Event).unwrap();
            assert_eq!(parsed.matches(&event), expected, "{selector}");
        }
    }
}
