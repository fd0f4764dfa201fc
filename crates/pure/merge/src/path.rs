//! Paths of fields (KEP-555, "Managed fields"; the design of FieldsV1).
//!
//! A path leads from an object to a part of it, by names of fields, and in lists by what an item is, not by where it stands.
//! People read `.spec.ports[port=80].name`; in FieldsV1 the same steps are `f:spec`, `f:ports`, `k:{"port":80}`, `f:name`.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::scalar::Scalar;

/// One step of a path. The order is that of FieldsV1 as Kubernetes writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathElement {
    /// A field of an object, or an entry of a map: `f:spec`.
    Field(String),
    /// The item of a list-map that has these keys, sorted by name: `k:{"port":80}`.
    Key(Vec<(Arc<str>, Scalar)>),
    /// The item of a set: `v:"a"`.
    Item(Scalar),
    /// A place in a list: `i:0`. It can be read, but is never written: a list that has no keys is owned as a whole.
    Index(u64),
}

/// A step that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step:?} is no step of a path: {reason}")]
pub struct ParsePathElementError {
    step: String,
    reason: &'static str,
}

impl PathElement {
    /// The field of this name.
    pub fn field(name: &str) -> Self {
        Self::Field(name.to_owned())
    }

    /// The item with these keys.
    pub fn key<const N: usize>(keys: [(&str, Scalar); N]) -> Self {
        let mut keys = keys.map(|(name, value)| (Arc::from(name), value)).to_vec();
        keys.sort();
        Self::Key(keys)
    }

    /// The item of a set.
    pub fn item(value: impl Into<Scalar>) -> Self {
        Self::Item(value.into())
    }

    /// From FieldsV1; none if it is of a kind that is not known, which a reader passes over.
    pub(crate) fn from_fields_v1(step: &str) -> Result<Option<Self>, ParsePathElementError> {
        let wrong = |reason| ParsePathElementError { step: step.to_owned(), reason };
        let (kind, text) = step.split_once(':').ok_or_else(|| wrong("it has no colon"))?;
        Ok(Some(match kind {
            "f" => Self::field(text),
            "v" => {
                let value = serde_json::from_str(text).map_err(|_| wrong("the value is no JSON"))?;
                Self::Item(Scalar::of(&value).ok_or_else(|| wrong("the value has parts"))?)
            }
            "k" => {
                let keys: Map<String, Value> =
                    serde_json::from_str(text).map_err(|_| wrong("the keys are no JSON object"))?;
                let keys = keys.into_iter().map(|(name, value)| Some((name.into(), Scalar::of(&value)?)));
                let mut keys: Vec<_> =
                    keys.collect::<Option<_>>().ok_or_else(|| wrong("the value of a key has parts"))?;
                keys.sort();
                Self::Key(keys)
            }
            "i" => Self::Index(text.parse().map_err(|_| wrong("the place is no whole number"))?),
            kind if kind.len() == 1 => return Ok(None),
            _ => return Err(wrong("before the colon is one letter")),
        }))
    }

    /// As in FieldsV1.
    pub(crate) fn to_fields_v1(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(keys) => {
                let keys: Map<_, _> =
                    keys.iter().map(|(name, value)| (name.to_string(), value.to_value())).collect();
                format!("k:{}", Value::Object(keys))
            }
            Self::Item(value) => format!("v:{}", value.to_value()),
            Self::Index(place) => format!("i:{place}"),
        }
    }
}

/// As Kubernetes prints it, after what came before: `.spec`, `[port=80]`, `[="a"]`, `[0]`.
impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(keys) => {
                f.write_str("[")?;
                for (n, (name, value)) in keys.iter().enumerate() {
                    write!(f, "{}{name}={value}", if n == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Item(value) => write!(f, "[={value}]"),
            Self::Index(place) => write!(f, "[{place}]"),
        }
    }
}

/// The way from an object to a part of it; the empty one leads to the object itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<PathElement>);

impl Path {
    /// With one step more.
    pub(crate) fn then(&self, step: PathElement) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| step.fmt(f))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_reads_as_kubernetes_prints_it_and_as_it_stores_it() {
        let half = Scalar::of(&json!(0.5)).unwrap();
        for (step, read, stored) in [
            (PathElement::field("spec"), ".spec", "f:spec"),
            (PathElement::field("a.b/c: d"), ".a.b/c: d", "f:a.b/c: d"),
            (PathElement::field(""), ".", "f:"),
            (PathElement::key([("port", 80.into())]), "[port=80]", r#"k:{"port":80}"#),
            (
                PathElement::key([("protocol", "TCP".into()), ("port", 80.into())]),
                r#"[port=80,protocol="TCP"]"#,
                r#"k:{"port":80,"protocol":"TCP"}"#,
            ),
            (PathElement::item("a\"b"), r#"[="a\"b"]"#, r#"v:"a\"b""#),
            (PathElement::Item(half), "[=0.5]", "v:0.5"),
            (PathElement::Item(Scalar::Bool(true)), "[=true]", "v:true"),
            (PathElement::Index(3), "[3]", "i:3"),
        ] {
            assert_eq!(step.to_string(), read);
            assert_eq!(step.to_fields_v1(), stored);
            assert_eq!(PathElement::from_fields_v1(stored).unwrap(), Some(step));
        }
    }

    #[test]
    fn keys_are_one_step_in_whatever_order_they_are_written() {
        let [a, b] = [r#"k:{"b":1.0,"a":"x"}"#, r#"k:{ "a": "x", "b": 1 }"#]
            .map(|step| PathElement::from_fields_v1(step).unwrap().unwrap());
        assert_eq!(a, b);
    }

    #[test]
    fn what_is_no_step_is_refused_and_what_is_of_a_later_kind_is_passed_over() {
        for (step, reason) in [
            ("spec", "it has no colon"),
            ("", "it has no colon"),
            ("ff:x", "before the colon is one letter"),
            ("v:", "the value is no JSON"),
            ("v:1 2", "the value is no JSON"),
            ("v:[1]", "the value has parts"),
            ("k:1", "the keys are no JSON object"),
            (r#"k:{"a":{}}"#, "the value of a key has parts"),
            ("i:x", "the place is no whole number"),
            ("i:-1", "the place is no whole number"),
        ] {
            let error = PathElement::from_fields_v1(step).unwrap_err();
            assert_eq!(error.to_string(), format!("{step:?} is no step of a path: {reason}"));
        }
        assert_eq!(PathElement::from_fields_v1("q:x").unwrap(), None);
    }

    #[test]
    fn a_path_reads_from_the_object_down() {
        let path = Path(vec![PathElement::field("spec"), PathElement::field("ports")]);
        assert_eq!(path.then(PathElement::key([("port", 80.into())])).to_string(), ".spec.ports[port=80]");
    }
}
