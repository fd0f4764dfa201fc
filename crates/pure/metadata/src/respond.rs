//! A request and what is answered.

use std::collections::BTreeMap;

use crate::identity::Identity;
use crate::token;

/// How long a token may hold at most, in seconds.
const LONGEST: u64 = 21_600;
/// The only version, under the name that stands for the newest; programs that ask for an old one by its date get it too.
const LATEST: &str = "latest";

/// What of a request counts.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, without a query.
    pub path: &'a str,
    /// `X-aws-ec2-metadata-token`.
    pub token: Option<&'a str>,
    /// `X-aws-ec2-metadata-token-ttl-seconds`.
    pub token_ttl: Option<&'a str>,
    /// Whether somebody has passed the request on: `X-Forwarded-For` is there.
    pub forwarded: bool,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The content's type.
    pub content_type: &'static str,
    /// How long the token in it holds, if there is one.
    pub token_ttl: Option<u64>,
    /// The methods that are allowed, if another one was used.
    pub allow: Option<&'static str>,
    /// The content.
    pub body: String,
}

/// A part of the tree of what is told.
enum Node {
    Text(String),
    Json(String),
    Directory(BTreeMap<String, Node>),
}

/// What the instance is answered at this time, in seconds of a clock that nobody sets. Tokens are made with the key, which
/// is another one when that clock begins anew.
pub fn respond(request: &Request<'_>, identity: &Identity, key: &[u8], now: u64) -> Response {
    let path: Vec<&str> = request.path.split('/').filter(|part| !part.is_empty()).collect();
    let (version, rest) = path.split_first().map_or(("", &[][..]), |(version, rest)| (*version, rest));
    if rest == ["api", "token"] && version == LATEST {
        return give_token(request, identity, key, now);
    }
    if request.method != "GET" {
        return Response { allow: Some("GET"), ..error(405, "only GET is answered here") };
    }
    // A key that is not there yet makes no tokens, and knows none.
    let known =
        !key.is_empty() && request.token.is_some_and(|token| token::holds(key, &identity.uid, token, now));
    if !known {
        let how = "get a token first: PUT /latest/api/token with X-aws-ec2-metadata-token-ttl-seconds: 21600, \
                   then send it as X-aws-ec2-metadata-token";
        return error(401, how);
    }
    if version.is_empty() {
        return text(LATEST.to_owned());
    }
    if version != LATEST && !is_date(version) {
        return error(404, "there is no such version: ask for /latest/");
    }
    match find(tree(identity), rest) {
        Some(Node::Text(found)) => text(found),
        Some(Node::Json(found)) => Response { content_type: "application/json", ..text(found) },
        Some(Node::Directory(entries)) => text(list(&entries)),
        None => error(404, "there is nothing of this name"),
    }
}

fn give_token(request: &Request<'_>, identity: &Identity, key: &[u8], now: u64) -> Response {
    if request.method != "PUT" {
        return Response { allow: Some("PUT"), ..error(405, "a token is got with PUT") };
    }
    if request.forwarded {
        return error(403, "a request that somebody has passed on (X-Forwarded-For) gets no token");
    }
    if key.is_empty() {
        return error(503, "the service has just started: ask again");
    }
    let ttl = request.token_ttl.and_then(|ttl| ttl.trim().parse().ok());
    match ttl.filter(|ttl| (1..=LONGEST).contains(ttl)) {
        Some(ttl) => Response {
            token_ttl: Some(ttl),
            ..text(token::make(key, &identity.uid, now.saturating_add(ttl)))
        },
        None => {
            error(400, "X-aws-ec2-metadata-token-ttl-seconds must say how long the token holds: 1 to 21600")
        }
    }
}

fn text(body: String) -> Response {
    Response { status: 200, content_type: "text/plain", token_ttl: None, allow: None, body }
}

fn error(status: u16, what: &str) -> Response {
    Response { status, ..text(format!("{what}\n")) }
}

fn is_date(version: &str) -> bool {
    let parts: Vec<_> = version.split('-').map(str::len).collect();
    parts == [4, 2, 2] && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

fn find(node: Node, path: &[&str]) -> Option<Node> {
    path.iter().try_fold(node, |node, part| match node {
        Node::Directory(mut entries) => entries.remove(*part),
        Node::Text(_) | Node::Json(_) => None,
    })
}

/// The names in a directory, a line each; those of directories end in a slash.
fn list(entries: &BTreeMap<String, Node>) -> String {
    let name = |(name, node): (&String, &Node)| match node {
        Node::Directory(_) => format!("{name}/"),
        Node::Text(_) | Node::Json(_) => name.clone(),
    };
    entries.iter().map(name).collect::<Vec<_>>().join("\n")
}

fn directory<const N: usize>(entries: [(&str, Node); N]) -> Node {
    Node::Directory(entries.into_iter().map(|(name, node)| (name.to_owned(), node)).collect())
}

/// All that is told, under the names that AWS gives it.
fn tree(identity: &Identity) -> Node {
    let text = |text: &dyn std::fmt::Display| Node::Text(text.to_string());
    let lines = |all: &[String]| Node::Text(all.join("\n"));
    let Identity { uid, name, address, mac, domain, host, .. } = identity;
    let hostname = format!("{name}.{domain}");
    let ranges: Vec<_> = identity.ranges.iter().map(ToString::to_string).collect();
    let interface = directory([
        ("local-hostname", text(&hostname)),
        ("local-ipv4s", text(address)),
        ("mac", text(mac)),
        ("security-groups", lines(&identity.groups)),
        ("subnet-id", text(&identity.subnet)),
        ("subnet-ipv4-cidr-block", text(&identity.range)),
        ("vpc-id", text(&identity.vpc)),
        ("vpc-ipv4-cidr-blocks", lines(&ranges)),
    ]);
    let macs = Node::Directory([(mac.to_string(), interface)].into());
    // A slash would look like a directory's.
    let labels = identity.labels.iter().filter(|(key, _)| !key.contains('/'));
    let labels = Node::Directory(labels.map(|(key, value)| (key.clone(), text(value))).collect());
    let mut told = directory([
        (
            "meta-data",
            directory([
                ("hostname", text(&hostname)),
                ("instance-id", text(uid)),
                ("local-hostname", text(&hostname)),
                ("local-ipv4", text(address)),
                ("mac", text(mac)),
                ("network", directory([("interfaces", directory([("macs", macs)]))])),
                ("placement", directory([("host-id", text(host))])),
                ("security-groups", lines(&identity.groups)),
                ("tags", directory([("instance", labels)])),
            ]),
        ),
        ("dynamic", directory([("instance-identity", directory([("document", document(identity))]))])),
    ]);
    if let (Node::Directory(entries), Some(data)) = (&mut told, &identity.user_data) {
        entries.insert("user-data".to_owned(), text(data));
    }
    told
}

fn document(identity: &Identity) -> Node {
    let Identity { uid, name, project, vpc, subnet, address, host, .. } = identity;
    let document = serde_json::json!({
        "instanceId": uid,
        "name": name,
        "project": project,
        "vpc": vpc,
        "subnet": subnet,
        "privateIp": address,
        "host": host,
        "version": "2017-09-30",
    });
    Node::Json(format!("{document:#}"))
}
