//! What an HTTP request asks for, read from its method and URL alone, as Kubernetes' API server does it.
//!
//! It does not know which resources exist: what is no resource here is refused or not found later. Whoever routes requests
//! must read a path the same way; where there could be two ways (an encoded slash), there is none.

use std::borrow::Cow;

use crate::{Attributes, ResourceTarget, Target};

/// A path that could be read in more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// A `%` that two hexadecimal digits do not follow, or bytes that are no text.
    #[error("the path has an escape that stands for no character")]
    Escape,
    /// A slash or a null byte, written as an escape.
    #[error("the path has an escaped slash: a name has none")]
    Slash,
}

impl Attributes {
    /// What a request asks for.
    ///
    /// # Errors
    /// The path could be read in more than one way.
    pub fn of_request(method: &str, path: &str, query: Option<&str>) -> Result<Self, BadPath> {
        let parts = path_parts(path)?;
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        let (group, rest) = match parts.as_slice() {
            ["api", _version, rest @ ..] if !rest.is_empty() => ("", rest),
            ["apis", group, _version, rest @ ..] if !rest.is_empty() => (*group, rest),
            _ => return Ok(Self::path(method.to_ascii_lowercase(), format!("/{}", parts.join("/")))),
        };
        let mut target = target(group, rest);
        let verb = verb(method, &mut target, query.unwrap_or_default());
        Ok(Self { verb, target: Target::Resource(target) })
    }
}

/// A path's parts without their escapes: what whoever routes requests must go by too.
///
/// # Errors
/// The path could be read in more than one way.
pub fn path_parts(path: &str) -> Result<Vec<Cow<'_, str>>, BadPath> {
    path.trim_matches('/')
        .split('/')
        .map(|part| match decoded(part, false)? {
            text if text.contains(['/', '\0']) => Err(BadPath::Slash),
            text => Ok(text),
        })
        .collect()
}

/// Which resources the part of a path after group and version names.
fn target(group: &str, rest: &[&str]) -> ResourceTarget {
    // A project itself is asked for in that project, so that who has a role there can look at it.
    let (namespace, rest) = match rest {
        ["namespaces", namespace, part, ..] if matches!(*part, "status" | "finalize") => (*namespace, rest),
        ["namespaces", namespace] => (*namespace, rest),
        ["namespaces", namespace, inside @ ..] => (*namespace, inside),
        _ => ("", rest),
    };
    let at = |n: usize| rest.get(n).copied().unwrap_or_default().to_owned();
    ResourceTarget {
        group: group.to_owned(),
        resource: at(0),
        name: at(1),
        subresource: at(2),
        namespace: namespace.to_owned(),
    }
}

fn verb(method: &str, target: &mut ResourceTarget, query: &str) -> String {
    let of_all = target.name.is_empty();
    let verb = match method {
        "GET" | "HEAD" if of_all && watches(query) => "watch",
        "GET" | "HEAD" if of_all => "list",
        "GET" | "HEAD" => "get",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if of_all => "deletecollection",
        "DELETE" => "delete",
        other => return other.to_ascii_lowercase(),
    };
    if of_all && matches!(verb, "list" | "watch" | "deletecollection") {
        target.name = selected(query).unwrap_or_default();
    }
    verb.to_owned()
}

fn watches(query: &str) -> bool {
    let off = |value: &str| value == "0" || value.eq_ignore_ascii_case("false");
    values(query, "watch").any(|value| !off(&value))
}

/// The one name that a list is narrowed down to by its field selector. Two selectors narrow it down to nothing certain.
fn selected(query: &str) -> Option<String> {
    let mut selectors = values(query, "fieldSelector");
    let (selector, None) = (selectors.next()?, selectors.next()) else { return None };
    let name = selector.split(',').find_map(|term| {
        let value = term.trim().strip_prefix("metadata.name")?.trim_start().strip_prefix('=')?;
        Some(value.strip_prefix('=').unwrap_or(value).trim().to_owned())
    })?;
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '\\' | '=' | '!');
    name.chars().all(plain).then_some(name)
}

fn values<'a>(query: &'a str, wanted: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
    query.split('&').filter_map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |text: &'a str| decoded(text, true).unwrap_or(Cow::Borrowed(text));
        (decoded(name) == wanted).then(|| decoded(value))
    })
}

/// A text without its escapes (RFC 3986, section 2.1); in a query a plus is a space.
fn decoded(text: &str, in_query: bool) -> Result<Cow<'_, str>, BadPath> {
    if !text.contains('%') && !(in_query && text.contains('+')) {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|d| u8::try_from(d).ok());
                let (Some(high), Some(low)) = (digit(), digit()) else { return Err(BadPath::Escape) };
                high << 4 | low
            }
            b'+' if in_query => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| BadPath::Escape)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(method: &str, url: &str) -> Attributes {
        let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
        Attributes::of_request(method, path, query).unwrap()
    }

    fn own(verb: &str, resource: &str) -> Attributes {
        Attributes::resource(verb, "madang.dev", resource)
    }

    #[test]
    fn a_request_asks_for_what_kubernetes_says_it_asks_for() {
        let v1 = "/apis/madang.dev/v1alpha1";
        let core = |verb: &str, resource: &str| Attributes::resource(verb, "", resource);
        for (method, url, asked_for) in [
            ("GET", format!("{v1}/vpcs"), own("list", "vpcs")),
            ("GET", format!("{v1}/vpcs?watch=true"), own("watch", "vpcs")),
            ("GET", format!("{v1}/vpcs?watch=0"), own("list", "vpcs")),
            ("GET", format!("{v1}/namespaces/a/vpcs"), own("list", "vpcs").in_namespace("a")),
            ("HEAD", format!("{v1}/namespaces/a/vpcs/b"), own("get", "vpcs").in_namespace("a").named("b")),
            ("POST", format!("{v1}/namespaces/a/vpcs"), own("create", "vpcs").in_namespace("a")),
            ("PUT", format!("{v1}/namespaces/a/vpcs/b"), own("update", "vpcs").in_namespace("a").named("b")),
            ("PATCH", format!("{v1}/nodes/b"), own("patch", "nodes").named("b")),
            ("DELETE", format!("{v1}/nodes/b"), own("delete", "nodes").named("b")),
            ("DELETE", format!("{v1}/namespaces/a/vpcs"), own("deletecollection", "vpcs").in_namespace("a")),
            (
                "POST",
                format!("{v1}/namespaces/a/instances/i/exec"),
                own("create", "instances").in_namespace("a").named("i").part("exec"),
            ),
            ("POST", format!("{v1}/bundles"), own("create", "bundles")),
            (
                "GET",
                format!("{v1}/vpcs?fieldSelector=metadata.name%3Dshop&watch=1"),
                own("watch", "vpcs").named("shop"),
            ),
            ("GET", format!("{v1}/vpcs?fieldSelector=metadata.name!%3Dshop"), own("list", "vpcs")),
            (
                "GET",
                format!("{v1}/vpcs?fieldSelector=metadata.name%3Da&fieldSelector=metadata.name%3Db"),
                own("list", "vpcs"),
            ),
            ("GET", "/api/v1/namespaces".to_owned(), core("list", "namespaces")),
            (
                "GET",
                "/api/v1/namespaces/a".to_owned(),
                core("get", "namespaces").in_namespace("a").named("a"),
            ),
            (
                "PUT",
                "/api/v1/namespaces/a/finalize".to_owned(),
                core("update", "namespaces").in_namespace("a").named("a").part("finalize"),
            ),
            (
                "GET",
                "/api/v1/namespaces/a/secrets/s".to_owned(),
                core("get", "secrets").in_namespace("a").named("s"),
            ),
            ("GET", "/apis".to_owned(), Attributes::path("get", "/apis")),
            ("GET", "/api/v1".to_owned(), Attributes::path("get", "/api/v1")),
            ("GET", v1.to_owned(), Attributes::path("get", v1)),
            ("POST", "/shutdown".to_owned(), Attributes::path("post", "/shutdown")),
            ("GET", "/".to_owned(), Attributes::path("get", "/")),
        ] {
            assert_eq!(asked(method, &url), asked_for, "{method} {url}");
        }
    }

    #[test]
    fn an_escape_hides_nothing() {
        assert_eq!(asked("GET", "/%61pis/madang.dev/v1alpha1/vpcs"), own("list", "vpcs"));
        assert_eq!(asked("GET", "//apis/madang.dev/v1alpha1/vpcs/"), own("list", "vpcs"));
        let of = |path| Attributes::of_request("GET", path, None);
        assert_eq!(of("/apis/madang.dev/v1alpha1%2Fvpcs"), Err(BadPath::Slash));
        assert_eq!(of("/a%00"), Err(BadPath::Slash));
        assert_eq!(of("/a%zz"), Err(BadPath::Escape));
        assert_eq!(of("/a%f"), Err(BadPath::Escape));
        assert_eq!(of("/%ff"), Err(BadPath::Escape));
    }

    proptest! {
        #[test]
        fn any_url_is_read_or_refused(method in "[A-Z]{0,6}", path in "\\PC*", query in "\\PC*") {
            let _ = Attributes::of_request(&method, &path, Some(&query));
        }

        #[test]
        fn what_has_a_resource_in_its_path_is_never_taken_for_a_path(
            namespace in "[a-z]{1,4}", resource in "[a-z]{1,4}", name in "[a-z]{0,4}",
        ) {
            let url = format!("/apis/g/v1/namespaces/{namespace}/{resource}/{name}");
            let asked = asked("GET", &url);
            let target = asked.target().unwrap();
            prop_assert_eq!(&target.namespace, &namespace);
        }
    }
}
