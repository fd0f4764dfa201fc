//! Requests and what is answered.

use proptest::prelude::*;

use crate::*;

const KEY: &[u8] = &[7; 32];
const NOW: u64 = 1_800_000_000;

fn web(uid: &str) -> Identity {
    Identity {
        uid: uid.to_owned(),
        name: "web-1".to_owned(),
        project: "default".to_owned(),
        vpc: "shop".to_owned(),
        subnet: "web".to_owned(),
        range: "10.0.1.0/24".parse().unwrap(),
        ranges: ["10.0.0.0/16", "10.9.0.0/16"].map(|range| range.parse().unwrap()).to_vec(),
        address: "10.0.1.4".parse().unwrap(),
        mac: "02:ce:c2:c3:f8:c9".parse().unwrap(),
        domain: "shop.internal".to_owned(),
        groups: vec!["open".to_owned(), "web".to_owned()],
        labels: [("app", "web"), ("example.com/team", "a")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        host: "host-1".to_owned(),
        user_data: Some("#!/bin/sh\necho hello\n".to_owned()),
    }
}

fn ask(request: &Request<'_>, now: u64) -> Response {
    respond(request, &web("uid-1"), KEY, now)
}

fn token(ttl: &str) -> Response {
    ask(
        &Request { method: "PUT", path: "/latest/api/token", token_ttl: Some(ttl), ..Request::default() },
        NOW,
    )
}

fn get<'a>(path: &'a str, token: &'a str) -> Request<'a> {
    Request { method: "GET", path, token: Some(token), ..Request::default() }
}

fn read(path: &str) -> (u16, String) {
    let response = ask(&get(path, &token("60").body), NOW);
    (response.status, response.body)
}

#[test]
fn everything_is_where_programs_look_for_it() {
    let found = |text: &str| (200, text.to_owned());
    assert_eq!(read("/"), found("latest"));
    assert_eq!(read("/latest"), found("dynamic/\nmeta-data/\nuser-data"));
    assert_eq!(
        read("/latest/meta-data/"),
        found(
            "hostname\ninstance-id\nlocal-hostname\nlocal-ipv4\nmac\nnetwork/\nplacement/\nsecurity-groups\ntags/"
        )
    );
    assert_eq!(read("/latest/meta-data/instance-id"), found("uid-1"));
    assert_eq!(read("/2009-04-04/meta-data/local-ipv4"), found("10.0.1.4"));
    assert_eq!(read("/latest/meta-data/hostname"), found("web-1.shop.internal"));
    assert_eq!(read("/latest/meta-data/security-groups"), found("open\nweb"));
    assert_eq!(read("/latest/meta-data/tags/instance"), found("app"));
    assert_eq!(read("/latest/meta-data/tags/instance/app"), found("web"));
    let interface = "/latest/meta-data/network/interfaces/macs/02:ce:c2:c3:f8:c9";
    assert_eq!(read(&format!("{interface}/vpc-ipv4-cidr-blocks")), found("10.0.0.0/16\n10.9.0.0/16"));
    assert_eq!(read("/latest/user-data"), found("#!/bin/sh\necho hello\n"));
    assert!(read("/latest/dynamic/instance-identity/document").1.contains("\"instanceId\": \"uid-1\""));
    for nothing in ["/latest/meta-data/nothing", "/latest/meta-data/mac/x", "/1.0/meta-data", "/latest/../x"]
    {
        assert_eq!(read(nothing).0, 404, "{nothing}");
    }
    let none = Identity { user_data: None, ..web("uid-1") };
    assert_eq!(respond(&get("/latest/user-data", &token("60").body), &none, KEY, NOW).status, 404);
}

#[test]
fn a_token_comes_first_and_holds_for_one_instance_and_its_time() {
    let given = token("60");
    assert_eq!((given.status, given.token_ttl), (200, Some(60)));
    let path = "/latest/meta-data/mac";
    assert_eq!(ask(&get(path, &given.body), NOW + 59).status, 200);
    assert_eq!(ask(&get(path, &given.body), NOW + 60).status, 401);
    assert_eq!(ask(&Request { method: "GET", path, ..Request::default() }, NOW).status, 401);
    assert_eq!(respond(&get(path, &given.body), &web("uid-2"), KEY, NOW).status, 401, "another instance's");
    assert_eq!(respond(&get(path, &given.body), &web("uid-1"), &[8; 32], NOW).status, 401, "another host's");
    assert_eq!(respond(&get(path, &given.body), &web("uid-1"), &[], NOW).status, 401, "no key yet");
    for ttl in ["0", "21601", "x", "", "-1", "99999999999999999999999"] {
        assert_eq!(token(ttl).status, 400, "{ttl}");
    }
    let put =
        Request { method: "PUT", path: "/latest/api/token", token_ttl: Some("60"), ..Request::default() };
    assert_eq!(ask(&Request { forwarded: true, ..put.clone() }, NOW).status, 403);
    assert_eq!(ask(&Request { method: "POST", ..put.clone() }, NOW).allow, Some("PUT"));
    assert_eq!(ask(&Request { path: "/latest/user-data", ..put.clone() }, NOW).allow, Some("GET"));
    assert_eq!(respond(&put, &web("uid-1"), &[], NOW).status, 503);
}

proptest! {
    #[test]
    fn nothing_is_told_without_a_token(method in "GET|PUT|POST|HEAD", path: String, token: Option<String>, ttl: Option<String>) {
        let token = token.as_deref();
        let request = Request { method: &method, path: &path, token, token_ttl: ttl.as_deref(), forwarded: false };
        let response = ask(&request, NOW);
        prop_assert!(response.status >= 400 || response.token_ttl.is_some());
    }

    #[test]
    fn a_changed_token_is_none(at in 0usize..54, to in "[A-Za-z0-9_-]") {
        let given = token("60").body;
        let mut changed = given.clone();
        prop_assume!(at < changed.len());
        changed.replace_range(at..=at, &to);
        let status = ask(&get("/latest/meta-data/mac", &changed), NOW).status;
        prop_assert_eq!(status == 200, changed == given);
    }
}
