//! Names, namespaces, labels.

use super::Found;
use crate::fields::Problem;
use crate::words::quote;
use crate::{Diagnostic, Kind, Metadata, Naming, RENAMED_FROM, is_dns_label};

/// How many finalizers, and how many owners, a resource has at most.
const LONGEST: usize = 100;
/// How long all annotations of a resource are together at most, as Kubernetes has it.
const ANNOTATIONS: usize = 256 << 10;

pub(super) fn metadata(found: &mut Found, metadata: &Metadata, kind: Kind) {
    name(found, metadata, kind);
    sizes(found, metadata);
    match metadata.namespace.as_deref() {
        Some(namespace) if !kind.is_namespaced() => {
            let message = format!("there is no namespace {} for this kind", quote(namespace));
            let cause = "it belongs to the host, not to a project";
            found.add(
                "metadata.namespace",
                Diagnostic::new("namespace", message).cause(cause).hint("leave it out"),
            );
        }
        Some(namespace) if !is_dns_label(namespace) => {
            let diagnostic =
                Diagnostic::new("namespace", format!("{} cannot be a project", quote(namespace)));
            found.add(
                "metadata.namespace",
                diagnostic.cause(LABEL).hint("write its name as lab, or leave it out"),
            );
        }
        _ => {}
    }
    for (key, value) in &metadata.labels {
        let path = format!("metadata.labels.{key}");
        label_key(found, &path, "label", key);
        if !(value.is_empty() || is_label_part(value)) {
            let message = format!("{} cannot be a label's value", quote(value));
            found.add(path, Diagnostic::new("invalidLabel", message).cause(LABEL_PART));
        }
    }
    for key in metadata.annotations.keys() {
        label_key(found, &format!("metadata.annotations.{key}"), "annotation", key);
    }
    if let Some(old) = metadata.annotations.get(RENAMED_FROM).filter(|old| !is_dns_label(old)) {
        let diagnostic = Diagnostic::new("invalidName", format!("{} cannot be a name", quote(old)));
        let hint = "write the name that the resource had before, as web-1: of the same kind and project";
        found.add(format!("metadata.annotations.{RENAMED_FROM}"), diagnostic.cause(LABEL).hint(hint));
    }
}

fn sizes(found: &mut Found, metadata: &Metadata) {
    let lists =
        [("finalizers", metadata.finalizers.len()), ("ownerReferences", metadata.owner_references.len())];
    for (name, length) in lists.into_iter().filter(|(_, length)| *length > LONGEST) {
        let message = format!("there are {length} {name}, more than {LONGEST}");
        let diagnostic = Diagnostic::new("tooLarge", message).hint("leave out those that nobody needs");
        found.add(format!("metadata.{name}"), diagnostic);
    }
    let annotations = metadata.annotations.iter();
    let size: usize = annotations.map(|(key, value)| key.len() + value.len()).sum();
    if size > ANNOTATIONS {
        let message = format!("the annotations have {size} bytes, more than {ANNOTATIONS}");
        let hint = "put what is large elsewhere, and its place into an annotation";
        found.add("metadata.annotations", Diagnostic::new("tooLarge", message).hint(hint));
    }
}

fn name(found: &mut Found, metadata: &Metadata, kind: Kind) {
    let name = &metadata.name;
    // The API makes up a name for who asks for one.
    let asked_for = name.is_empty() && metadata.generate_name.is_some();
    if name.is_empty() && !asked_for {
        let diagnostic = Diagnostic::new("missingField", "the field \"name\" is missing");
        return found.add("metadata.name", diagnostic.hint("add it, as name: web-1"));
    }
    let (right, cause) = match kind.naming() {
        Naming::Label => (is_dns_label(name), LABEL),
        Naming::Subdomain => (name.len() <= 253 && name.split('.').all(is_dns_label), SUBDOMAIN),
        Naming::Segment => (is_segment(name), SEGMENT),
    };
    if right || asked_for {
        return;
    }
    let diagnostic = Diagnostic::new("invalidName", format!("{} cannot be a name", quote(name))).cause(cause);
    found.add(
        "metadata.name",
        match as_label(name) {
            Some(label) => diagnostic.hint(format!("write {label}")),
            None => diagnostic.hint("write a name as web-1"),
        },
    );
}

/// Whether a name can be one part of a URL's path, as Kubernetes has it.
fn is_segment(name: &str) -> bool {
    (1..=253).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.contains(['/', '%'])
        && name.chars().all(|c| c.is_ascii_graphic())
}

const LABEL: &str =
    "a name is a DNS label: 1 to 63 lower-case letters, digits and dashes, with no dash at either end";
const SUBDOMAIN: &str =
    "a name of this kind is made of DNS labels, with dots between them: 253 characters at most";
const SEGMENT: &str = "a name of this kind has at most 253 visible characters, without / and %";

const LABEL_PART: &str =
    "it is at most 63 letters, digits, dashes, dots and underscores, with a letter or a digit at both ends";

fn label_key(found: &mut Found, path: &str, what: &str, key: &str) {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let prefix_is_right =
        prefix.is_none_or(|prefix| prefix.len() <= 253 && prefix.split('.').all(is_dns_label));
    if !prefix_is_right || !is_label_part(name) {
        let message =
            format!("{} cannot be the name of a {what}", quote(key)).replace("a annotation", "an annotation");
        let hint = "write a name as app, or with a domain before it, as example.com/app";
        let mut problem =
            Problem::new(path, Diagnostic::new("invalidLabel", message).cause(LABEL_PART).hint(hint));
        problem.at_name = true;
        found.push(problem);
    }
}

fn is_label_part(text: &str) -> bool {
    let ends = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    let inside = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    text.len() <= 63 && text.bytes().all(inside) && ends(text.bytes().next()) && ends(text.bytes().last())
}

/// The DNS label nearest to a text.
fn as_label(text: &str) -> Option<String> {
    let dashed: String =
        text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let label: String = dashed.trim_matches('-').chars().take(63).collect();
    let label = label.trim_end_matches('-').to_owned();
    is_dns_label(&label).then_some(label)
}
