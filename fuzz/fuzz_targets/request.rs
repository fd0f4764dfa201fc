//! What a request to the API is taken for, and the words in it: paths, queries, selectors, credentials, scalars.

#![no_main]

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use madang_access::{
    Attributes, Policy, Target, User, access_review, defaults, path_parts, rules_review, self_review,
};
use madang_addr::{Mac, Prefix};
use madang_identity::{Fingerprint, Token};
use madang_model::{FieldSelector, Kind, Resource, Selector, did_you_mean, is_dns_label};

static DEFAULTS: LazyLock<Vec<Resource>> = LazyLock::new(defaults);
static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::new(DEFAULTS.iter()));

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match kind % 3 {
        0 => url(text),
        1 => review(text),
        _ => words(text),
    }
});

/// `METHOD PATH?QUERY`.
fn url(text: &str) {
    let (method, url) = text.split_once(' ').unwrap_or(("GET", text));
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    let parts = path_parts(path);
    let asked = Attributes::of_request(method, path, query);
    assert_eq!(parts.is_err(), asked.is_err(), "who routes a request reads its path as who allows it");
    let (Ok(parts), Ok(asked)) = (parts, asked) else { return };
    assert!(parts.iter().all(|part| !part.contains('/')));
    let user = User::anonymous();
    let decision = POLICY.allows(&user, &asked);
    assert!(!asked.forbidden_to(&user.name, &decision.reason).is_empty());
    if let Target::Resource(target) = &asked.target {
        assert!(!decision.allowed, "who is nobody reads no resource: {asked}");
        assert!(target.resource.is_empty() || parts.iter().any(|part| *part == target.resource));
    }
    let master = User::new("root", [madang_access::MASTERS]);
    assert!(POLICY.allows(&master, &asked).allowed);
}

/// The JSON of a question about rights.
fn review(text: &str) {
    let Ok(asked) = serde_json::from_str(text) else { return };
    for user in [User::anonymous(), User::new("ana", ["dev"]), User::new("root", [madang_access::MASTERS])] {
        let _ = access_review(&asked, &user, &POLICY).map_err(|error| error.to_string());
        let _ = rules_review(&asked, &user, &POLICY).map_err(|error| error.to_string());
        assert!(self_review(&user).is_object());
    }
}

fn words(text: &str) {
    same_again::<Prefix>(text);
    same_again::<Mac>(text);
    if let Ok(selector) = text.parse::<Selector>() {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let labels: [BTreeMap<_, _>; 2] = [labels(&[]), labels(&[("app", "web"), ("tier", "")])];
        let _ = labels.each_ref().map(|labels| selector.matches(labels));
    }
    for kind in Kind::ALL.iter().copied() {
        if let Ok(selector) = FieldSelector::parse(text, kind) {
            let _ = (selector.is_empty(), selector.matches(&Resource::least(kind)));
        }
    }
    if let Some(token) = Token::parse(text) {
        assert_eq!(token.reveal(), text, "a token has one text");
        let kept = Fingerprint::parse(&token.fingerprint().to_string()).expect("what was written is read");
        assert!(kept.is_of(&token));
    }
    let _ = (Fingerprint::parse(text), is_dns_label(text), did_you_mean(text, "kind", &["Vpc", "Subnet"]));
}

/// What can be read is written so that it is read as the same.
fn same_again<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string().parse().ok(), Some(read));
    }
}
