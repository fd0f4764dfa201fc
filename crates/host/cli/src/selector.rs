//! Label selectors, as Kubernetes writes them: `app=web,tier!=db,canary,!old`.

use std::collections::BTreeMap;
use std::str::FromStr;

/// What labels must be like: every requirement holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    Is(String, String),
    IsNot(String, String),
    Has(String),
    HasNot(String),
}

impl Selector {
    /// Whether labels are so. An absent label is not equal to any value.
    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::Is(key, value) => labels.get(key) == Some(value),
            Requirement::IsNot(key, value) => labels.get(key) != Some(value),
            Requirement::Has(key) => labels.contains_key(key),
            Requirement::HasNot(key) => !labels.contains_key(key),
        })
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(|part| requirement(part.trim())).collect::<Result<_, _>>().map(Self)
    }
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let key = |key: &str| {
        let key = key.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if key.is_empty() || !key.chars().all(fits) {
            return Err(format!("\"{text}\" is no label requirement: write a=b, a!=b, a or !a"));
        }
        Ok(key.to_owned())
    };
    if let Some((name, value)) = text.split_once("!=") {
        return Ok(Requirement::IsNot(key(name)?, value.trim().to_owned()));
    }
    if let Some((name, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Requirement::Is(key(name)?, value.trim().to_owned()));
    }
    match text.strip_prefix('!') {
        Some(name) => key(name).map(Requirement::HasNot),
        None => key(text).map(Requirement::Has),
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
        ] {
            assert_eq!(selector.parse::<Selector>().unwrap().matches(&labels), expected, "{selector}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "=web", "a b", "app in (web)", "!", ","] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
