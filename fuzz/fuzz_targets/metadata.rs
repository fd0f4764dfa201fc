//! Requests to the metadata service, and what the daemon says about who asks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use madang_fuzz::input::Input;
use madang_metadata::{Identities, Request, respond};

const KEY: &[u8] = b"a key that is thirty-two bytes..";
const NOW: u64 = 1_800_000_000;

const IDENTITIES: &str = r#"{ "key": [], "askers": { "7": {
  "uid": "5d0a8a4e-0000-4000-8000-000000000007", "name": "web", "project": "default", "vpc": "shop", "subnet": "web",
  "range": "10.0.1.0/24", "ranges": ["10.0.0.0/16"], "address": "10.0.1.4", "mac": "02:00:00:00:01:04",
  "domain": "shop.internal", "groups": ["web", "all"], "labels": { "app": "web", "madang.dev/a": "b", "": "" },
  "host": "node-1", "user_data": "hello" } } }"#;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let (flags, token, ttl, path) = (input.u8(), input.piece(), input.piece(), input.piece());
    let (Ok(token), Ok(ttl), Ok(path)) =
        (std::str::from_utf8(token), std::str::from_utf8(ttl), std::str::from_utf8(path))
    else {
        return;
    };
    let told = input.rest();
    // A worker is told a line of JSON.
    let identities: Identities = match serde_json::from_slice(told) {
        Ok(identities) => identities,
        Err(_) => serde_json::from_str(IDENTITIES).expect("it is written here"),
    };
    let Some(identity) = identities.askers.values().next() else { return };
    let key = if flags & 1 == 0 { KEY } else { &identities.key };
    let asked = Request {
        method: ["GET", "PUT", "HEAD", ""][usize::from(flags >> 1) % 4],
        path,
        token: (flags & 8 != 0).then_some(token),
        token_ttl: (flags & 16 != 0).then_some(ttl),
        forwarded: flags & 32 != 0,
    };
    let guessed = respond(&asked, identity, key, NOW);
    assert!([200, 400, 401, 403, 404, 405, 503].contains(&guessed.status));
    let told = guessed.status == 200 && asked.method == "GET";
    assert!(!told || asked.token.is_some(), "nothing is told without a token");

    // The same with a token that was given.
    let put =
        Request { method: "PUT", path: "/latest/api/token", token_ttl: Some("60"), ..Request::default() };
    let given = respond(&put, identity, KEY, NOW);
    assert_eq!((given.status, given.token_ttl), (200, Some(60)));
    let asked = Request { token: Some(&given.body), method: "GET", ..asked };
    let answer = respond(&asked, identity, KEY, NOW);
    assert!([200, 404, 405].contains(&answer.status), "{}", answer.status);
    assert_eq!(respond(&asked, identity, KEY, NOW + 60).status, if answer.status == 405 { 405 } else { 401 });
});
