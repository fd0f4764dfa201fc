//! Who may do what, as curl sees it over TLS: certificates, tokens, rights, limits, and what is noted of it.
#![expect(clippy::unwrap_used, reason = "a test")]

mod world;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use madang_api::{
    Access, AccessLimits, AuditLog, Client, CredentialKind, Endpoint, IssuedCredential, Limits, Registry,
    Rotation, Runtime, Server, TlsListener,
};
use madang_identity::{Authority, Names, Tls};
use madang_store::{Memory, Store};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use world::{Host, soon, typed, vpc};

const VPCS: &str = "/apis/madang.dev/v1alpha1/namespaces/default/vpcs";

/// A server on a socket and a port, with its CA, users and audit log.
struct World {
    directory: tempfile::TempDir,
    registry: Registry,
    client: Client,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    code: u16,
    head: String,
    body: Value,
}

impl World {
    async fn new() -> Self {
        Self::with(AccessLimits::default()).await
    }

    async fn with(limits: AccessLimits) -> Self {
        Self::within(limits, Limits::default()).await
    }

    async fn within(limits: AccessLimits, server: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path();
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let registry = Registry::new(Arc::clone(&store));
        let authority = Arc::new(Authority::open(&home.join("tls"), Timestamp::now()).unwrap());
        let tls = Tls::new(Arc::clone(&authority), Names::of_host("", []), Timestamp::now()).unwrap();
        let listener = TlsListener::bind("127.0.0.1:0".parse().unwrap(), tls.acceptor()).await.unwrap();
        let address = listener.address().unwrap();
        let log = AuditLog::open(&home.join("audit.log"), Rotation::default()).unwrap();
        let access = Access::new(registry.clone(), store, limits).audited(log);
        access.bootstrap().unwrap();
        let access = Arc::new(access.at(Endpoint { authority, url: format!("https://{address}") }));
        let socket = home.join("run/madang.sock");
        let server = Server::bind_with(&socket, server).await.unwrap().guarded(access, Some(listener));
        let (stop, stopped) = oneshot::channel::<()>();
        let host = Arc::new(Host::default()) as Arc<dyn Runtime>;
        let served = tokio::spawn(server.serve(registry.clone(), host, async move {
            let _ = stopped.await;
        }));
        let client = Client::connect(&socket).await.unwrap();
        Self { directory, registry, client, address, stop: Some(stop), served }
    }

    /// A user and a credential; certificates are put where curl finds them.
    async fn user(&self, name: &str, groups: &[&str], kind: CredentialKind) -> Vec<String> {
        let groups: Vec<_> = groups.iter().map(|group| (*group).to_owned()).collect();
        self.client.create_user(name, &groups).await.unwrap();
        let issued = self.client.give_credential(name, kind, None).await.unwrap();
        assert_eq!(issued.server, Some(format!("https://{}", self.address)));
        self.curl_options(&issued)
    }

    fn curl_options(&self, issued: &IssuedCredential) -> Vec<String> {
        if let Some(token) = &issued.token {
            return vec!["-H".to_owned(), format!("Authorization: Bearer {token}")];
        }
        let file = |end: &str, text: &Option<String>| {
            let path = self.file(&format!("{}.{end}", issued.user));
            std::fs::write(&path, text.as_ref().unwrap()).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (certificate, key) = (file("crt", &issued.certificate), file("key", &issued.key));
        vec!["--cert".to_owned(), certificate, "--key".to_owned(), key]
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What curl gets, which trusts the CA of this server alone.
    async fn curl(&self, method: &str, path: &str, options: &[String], body: Option<&Value>) -> Answer {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--include",
            "--max-time",
            "20",
            "--request",
            method,
            "--cacert",
        ]);
        curl.arg(self.file("tls/ca.crt")).args(options);
        if let Some(body) = body {
            curl.args(["-H", "Content-Type: application/json", "--data", &body.to_string()]);
        }
        let done = soon(curl.arg(format!("https://{}{path}", self.address)).output()).await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let text = String::from_utf8(done.stdout).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = serde_json::from_str(body).unwrap_or_else(|_| body.into());
        Answer { code, head: head.to_ascii_lowercase(), body }
    }

    async fn get(&self, path: &str, options: &[String]) -> Answer {
        self.curl("GET", path, options, None).await
    }

    fn bind(&self, role: &str, group: &str) {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": format!("{group}-{role}"), "namespace": "default" },
            "subjects": [{ "kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group }],
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        });
        self.registry.create(typed(binding)).unwrap();
    }

    /// Stops the server, and reads what it noted.
    async fn audit(mut self) -> Vec<Value> {
        self.stop.take().unwrap().send(()).unwrap();
        soon(&mut self.served).await.unwrap();
        let text = std::fs::read_to_string(self.file("audit.log")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn a_user_may_do_what_its_groups_may_until_it_is_deleted() {
    let world = World::new().await;
    world.registry.create(typed(vpc("shop"))).unwrap();
    for kind in [CredentialKind::Certificate, CredentialKind::Token] {
        let name = format!("ana-{}", kind.name());
        let ana = world.user(&name, &["dev", "ops"], kind).await;
        let refused = world.get(VPCS, &ana).await;
        assert_eq!((refused.code, &refused.body["reason"]), (403, &json!("Forbidden")), "{refused:?}");
        let message = format!(
            r#"vpcs.madang.dev is forbidden: User "{name}" cannot list resource "vpcs" in API group "madang.dev" in the namespace "default""#
        );
        assert_eq!(refused.body["message"], message);
    }
    world.bind("view", "ops");
    for kind in [CredentialKind::Certificate, CredentialKind::Token] {
        let name = format!("ana-{}", kind.name());
        let issued = world.client.give_credential(&name, kind, None).await.unwrap();
        let ana = world.curl_options(&issued);
        let list = world.get(VPCS, &ana).await;
        assert_eq!(
            (list.code, &list.body["items"][0]["metadata"]["name"]),
            (200, &json!("shop")),
            "{list:?}"
        );
        let refused = world.curl("DELETE", &format!("{VPCS}/shop"), &ana, None).await;
        assert_eq!(refused.code, 403, "to look is not to change: {refused:?}");
        let who = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
        let who =
            world.curl("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", &ana, Some(&who)).await;
        assert_eq!(who.body["status"]["userInfo"]["username"], name.as_str(), "{who:?}");
        assert_eq!(who.body["status"]["userInfo"]["groups"], json!(["dev", "ops", "system:authenticated"]));
        world.client.delete_user(&name).await.unwrap();
        let gone = world.get(VPCS, &ana).await;
        assert_eq!((gone.code, &gone.body["reason"]), (401, &json!("Unauthorized")), "{gone:?}");
        assert!(gone.head.contains("www-authenticate: bearer"), "{}", gone.head);
    }
}

#[tokio::test]
async fn nobody_is_let_in_but_to_see_that_it_lives() {
    let world = World::new().await;
    let health = world.get("/healthz", &[]).await;
    assert_eq!((health.code, &health.body), (200, &json!("ok")));
    for path in [VPCS, "/apis", "/api/v1/namespaces/default/secrets", "/nowhere"] {
        let refused = world.get(path, &[]).await;
        assert_eq!(refused.code, 401, "{path}: {refused:?}");
        assert!(refused.head.contains("audit-id: "), "{}", refused.head);
    }
    let refused = world.curl("POST", "/shutdown", &[], Some(&json!({}))).await;
    assert_eq!(refused.code, 401, "{refused:?}");
    let refused = world.get("/apis/madang.dev/v1alpha1%2Fvpcs", &[]).await;
    assert_eq!(refused.code, 400, "a path that can be read in two ways is read in none: {refused:?}");
    // The same questions over the socket need no user.
    assert!(world.client.users().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_connection_that_was_silent_too_long_ends_with_a_word() {
    let silence = Duration::from_millis(300);
    let world =
        World::within(AccessLimits::default(), Limits { head_time: silence, ..Limits::default() }).await;
    let mut client = Command::new("openssl");
    client.args(["s_client", "-quiet", "-verify_return_error", "-CAfile"]).arg(world.file("tls/ca.crt"));
    client.args(["-connect", &world.address.to_string()]);
    let mut client =
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = client.stdin.take().unwrap();
    said.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let done = soon(client.wait_with_output()).await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(out.starts_with("HTTP/1.1 200"), "{out}{err}");
    assert!(done.status.success() && !err.contains("unexpected eof"), "{err}");
}

#[tokio::test]
async fn what_goes_on_ends_with_the_right_to_it() {
    let again = Duration::from_millis(200);
    let world = World::with(AccessLimits { again, ..AccessLimits::default() }).await;
    world.bind("view", "dev");
    let ana = world.user("ana", &["dev"], CredentialKind::Token).await;
    let ben = world.user("ben", &["dev"], CredentialKind::Certificate).await;
    let watch = |options: &[String]| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--no-buffer", "--cacert"]).arg(world.file("tls/ca.crt")).args(options);
        curl.arg(format!("https://{}{VPCS}?watch=true&timeoutSeconds=99999999", world.address));
        curl.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
    };
    let (of_ana, of_ben) = (watch(&ana), watch(&ben));
    tokio::time::sleep(3 * again).await;
    world.registry.create(typed(vpc("seen"))).unwrap();
    world.client.delete_user("ana").await.unwrap();
    let ended = soon(of_ana.wait_with_output()).await.unwrap();
    assert!(ended.status.success(), "it ends as any watch does: {ended:?}");
    assert!(String::from_utf8_lossy(&ended.stdout).contains("seen"), "{ended:?}");
    let view = typed(json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": "dev-view", "namespace": "default" }, "subjects": [],
        "roleRef": { "kind": "ClusterRole", "apiGroup": "rbac.authorization.k8s.io", "name": "view" } }));
    world.registry.delete(&view.object_ref()).unwrap();
    soon(of_ben.wait_with_output()).await.unwrap();
}

#[tokio::test]
async fn a_name_with_signs_of_a_url_is_a_name() {
    let world = World::new().await;
    let root = world.user("root", &["system:masters"], CredentialKind::Token).await;
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
    let role = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": { "name": "x#y?z" }, "rules": [] });
    assert_eq!(world.curl("POST", roles, &root, Some(&role)).await.code, 201);
    let name = format!("{roles}/x%23y%3Fz");
    assert_eq!(world.get(&name, &root).await.body["metadata"]["name"], "x#y?z");
    let object = typed(role).object_ref();
    assert_eq!(world.client.get(&object).await.unwrap().metadata().name, "x#y?z");
    assert_eq!(world.curl("DELETE", &name, &root, None).await.code, 200);
    assert_eq!(world.get(&name, &root).await.code, 404);
}

#[tokio::test]
async fn strangers_do_not_fill_the_audit_log() {
    let world = World::new().await;
    let long = format!("/{}", "x".repeat(20_000));
    assert_eq!(world.get(&long, &[]).await.code, 401);
    let mut requests = String::new();
    for _ in 0..400 {
        requests += &format!("url = https://{}/nowhere\noutput = /dev/null\n", world.address);
    }
    let config = world.file("requests");
    std::fs::write(&config, requests).unwrap();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--cacert"]).arg(world.file("tls/ca.crt")).arg("--config").arg(config);
    assert!(soon(curl.status()).await.unwrap().success());
    let lines = world.audit().await;
    let path = lines[0]["path"].as_str().unwrap();
    assert!(path.len() < 300 && path.ends_with("..."), "{path}");
    let refused = lines.iter().filter(|line| line["code"] == 401 || line["code"] == 429).count();
    let counted: u64 = lines.iter().filter_map(|line| line["refusedRequests"].as_u64()).sum();
    assert!((100..150).contains(&refused), "{refused}");
    assert_eq!(refused as u64 + counted, 401, "those without a line are counted");
}

#[tokio::test]
async fn too_many_requests_and_watches_are_refused_with_a_time_to_wait() {
    let rate = madang_access::Rate { per_second: 1, burst: 3 };
    let world =
        World::with(AccessLimits { rate, watches_each: 1, watches: 10, ..AccessLimits::default() }).await;
    world.bind("view", "dev");
    let ana = world.user("ana", &["dev"], CredentialKind::Token).await;
    let mut watching = Command::new("curl");
    watching.args(["--silent", "--no-buffer", "--cacert"]).arg(world.file("tls/ca.crt")).args(&ana);
    watching.arg(format!("https://{}{VPCS}?watch=true", world.address)).kill_on_drop(true);
    let mut watching = watching.stdout(Stdio::piped()).spawn().unwrap();
    world.registry.create(typed(vpc("shop"))).unwrap();
    let mut first = [0; 8];
    let out = watching.stdout.as_mut().unwrap();
    soon(tokio::io::AsyncReadExt::read_exact(out, &mut first)).await.unwrap();
    assert_eq!(&first, b"{\"type\":");
    let second = world.get(&format!("{VPCS}?watch=true"), &ana).await;
    assert_eq!((second.code, &second.body["reason"]), (429, &json!("TooManyRequests")), "{second:?}");
    assert!(second.head.contains("retry-after: "), "{}", second.head);
    soon(watching.kill()).await.unwrap();
    // Its room is free again when the server sees that nobody listens.
    let again = async {
        loop {
            world.registry.delete(&typed(vpc("shop")).object_ref()).ok();
            world.registry.create(typed(vpc("shop"))).ok();
            let mut curl = Command::new("curl");
            curl.args([
                "--silent",
                "--max-time",
                "1",
                "--output",
                "/dev/null",
                "--write-out",
                "%{http_code}",
            ]);
            curl.arg("--cacert").arg(world.file("tls/ca.crt")).args(&ana);
            let done =
                curl.arg(format!("https://{}{VPCS}?watch=true", world.address)).output().await.unwrap();
            if done.stdout == b"200" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon(again).await;
    let mut codes = Vec::new();
    for _ in 0..8 {
        codes.push(world.get(VPCS, &ana).await.code);
    }
    assert!(codes.contains(&429) && codes.iter().all(|code| [200, 429].contains(code)), "{codes:?}");
}

#[tokio::test]
async fn what_was_done_is_noted_and_no_secret_of_it() {
    let world = World::new().await;
    world.bind("edit", "dev");
    let ana = world.user("ana", &["dev"], CredentialKind::Token).await;
    let created = world.curl("POST", VPCS, &ana, Some(&vpc("shop"))).await;
    assert_eq!(created.code, 201, "{created:?}");
    world.get(VPCS, &ana).await;
    world.get(&VPCS.replace("default", "other"), &ana).await;
    world.get(VPCS, &["-H".to_owned(), "Authorization: Bearer madang_0_0".to_owned()]).await;
    let id = created.head.lines().find_map(|line| line.strip_prefix("audit-id: ")).unwrap().to_owned();
    let uid = u64::from(rustix::process::getuid().as_raw());
    let token = ana[1].rsplit('_').next().unwrap().to_owned();
    let lines = world.audit().await;
    let brief: Vec<_> = lines
        .iter()
        .map(|line| {
            let part = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {}/{} {}",
                part("user"),
                part("verb"),
                part("resource"),
                part("name"),
                line["code"]
            )
        })
        .collect();
    assert_eq!(
        brief,
        [
            "system:root create users/ana 201",
            "system:root create users/ana 201",
            "ana create vpcs/- 201",
            "ana list vpcs/- 403",
            "- list vpcs/- 401",
        ]
    );
    assert_eq!(lines[0]["source"]["socket"]["uid"], uid);
    assert_eq!((&lines[1]["subresource"], &lines[2]["id"]), (&json!("token"), &json!(id)));
    assert!(lines[2]["source"]["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!((&lines[3]["namespace"], &lines[2]["groups"]), (&json!("other"), &json!(["dev"])));
    assert!(!format!("{lines:?}").contains(&token));
}
