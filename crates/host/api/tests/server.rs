//! What the server does with requests that are odd, wrong, too many or too slow; and how it comes and goes.
#![expect(clippy::unwrap_used, reason = "a test")]

mod world;

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::sync::Arc;
use std::time::Duration;

use madang_api::{ApiError, Bundle, ExecRequest, Limits, LogOptions, Registry, ServeError, Server};
use madang_model::{Kind, ObjectRef};
use madang_store::Memory;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use world::{Host, World, raw, shop, soon, typed, vpc};

const ROOT: &str = "/apis/madang.dev/v1alpha1";

#[tokio::test]
async fn a_body_may_leave_out_what_the_url_says() {
    let world = World::new().await;
    let body = json!({ "metadata": { "name": "shop" }, "spec": { "cidrs": ["10.0.0.0/16"] } });
    let (code, created) =
        world.ask("POST", &format!("{ROOT}/namespaces/default/vpcs"), &body.to_string()).await;
    assert_eq!(
        (code, &created["kind"], &created["metadata"]["namespace"]),
        (201, &json!("Vpc"), &json!("default"))
    );
    let body = json!({ "spec": { "cidrs": ["10.0.0.0/16", "10.1.0.0/16"] } });
    let (code, updated) = world.ask("PUT", &format!("{ROOT}/vpcs/shop"), &body.to_string()).await;
    assert_eq!((code, &updated["metadata"]["generation"]), (200, &json!(2)), "{updated}");
    let (code, list) = world.ask("GET", &format!("{ROOT}/vpcs?limit=500"), "").await;
    assert_eq!(
        (code, &list["kind"], &list["metadata"]["resourceVersion"]),
        (200, &json!("VpcList"), &json!("2"))
    );
    assert_eq!(list["items"][0], updated);
    let (_, list) = world.ask("GET", &format!("{ROOT}/namespaces/other/vpcs"), "").await;
    assert_eq!(list["items"], json!([]));
    let (code, status) = world.ask("DELETE", &format!("{ROOT}/vpcs/shop"), "").await;
    assert_eq!((code, &status["status"]), (200, &json!("Success")));
    assert_eq!(status["details"]["uid"], updated["metadata"]["uid"]);
}

#[tokio::test]
async fn what_is_not_there_says_what_is() {
    let world = World::new().await;
    let body = vpc("shop").to_string();
    for (method, path, body, code, says) in [
        ("GET", "/", "", 404, "only below /api/v1, /apis/madang.dev/v1alpha1"),
        ("GET", "/apis/apps/v1/deployments", "", 404, "only below"),
        ("GET", "/apis/madang.dev/v1alpha1/pods", "", 404, "only nodes, addresspools, dhcpservers, vpcs"),
        ("GET", "/apis/madang.dev/v1alpha1/vpcs/none", "", 404, "there is no Vpc/none"),
        ("GET", "/apis/madang.dev/v1alpha1/vpcs/a/log", "", 404, "no such part, only status"),
        ("GET", "/apis/madang.dev/v1alpha1/namespaces/default/nodes", "", 404, "belong to the host"),
        ("PATCH", "/apis/madang.dev/v1alpha1/vpcs/a", "{}", 415, "the body is no patch"),
        ("POST", "/apis/madang.dev/v1alpha1/vpcs/a", "{}", 405, "only GET, PUT, PATCH, DELETE"),
        ("PUT", "/apis/madang.dev/v1alpha1/vpcs", "", 405, "only GET, POST, DELETE"),
        ("GET", "/apis/madang.dev/v1alpha1/bundles", "", 405, "only POST"),
        ("GET", "/apis/madang.dev/v1alpha1/vpcs?labelSelector=a+b", "", 400, "no label requirement"),
        ("GET", "/apis/madang.dev/v1alpha1/vpcs?fieldSelector=spec.mtu%3D1", "", 400, "not supported"),
        ("GET", "/apis/madang.dev/v1alpha1/vpcs?continue=x", "", 400, "none that a list has given"),
        ("GET", "/apis/madang.dev/v1alpha1/vpcs?watch=perhaps", "", 400, "write true or false"),
        ("POST", "/apis/madang.dev/v1alpha1/vpcs", "{\"a\"", 400, "cannot be read"),
        ("POST", "/apis/madang.dev/v1alpha1/vpcs", "[]", 400, "it is no object"),
        ("POST", "/apis/madang.dev/v1alpha1/subnets", &body, 400, "the URL says \"Subnet\""),
        ("PUT", "/apis/madang.dev/v1alpha1/vpcs/other", &body, 400, "the URL says \"other\""),
        (
            "POST",
            "/apis/madang.dev/v1alpha1/bundles",
            "{\"item\": []}",
            400,
            "unknown field `item`, expected",
        ),
        ("POST", "/apis/madang.dev/v1alpha1/explain", "{}", 400, "missing field `from`"),
        (
            "POST",
            "/apis/madang.dev/v1alpha1/namespaces/default/instances/a/exec",
            "{}",
            400,
            "Upgrade: madang-exec",
        ),
        ("POST", "/shutdown", "{\"purge\": true}", 400, "unknown field `purge`"),
    ] {
        let (found, status) = world.ask(method, path, body).await;
        assert_eq!(found, code, "{method} {path}: {status}");
        assert_eq!(
            (&status["kind"], &status["status"]),
            (&json!("Status"), &json!("Failure")),
            "{method} {path}"
        );
        assert_eq!(status["code"], code);
        let message = status["message"].as_str().unwrap();
        assert!(message.contains(says), "{method} {path}: {message}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_a_kubernetes_status() {
    let world = World::new().await;
    let body = json!({ "metadata": { "name": "shop" }, "spec": { "cidrs": ["10.0.0.1/16"], "mtu": 5 } });
    let (code, status) = world.ask("POST", &format!("{ROOT}/vpcs"), &body.to_string()).await;
    assert_eq!((code, &status["reason"]), (422, &json!("Invalid")), "{status}");
    assert_eq!(status["details"]["kind"], "vpcs");
    assert!(status["details"]["causes"].as_array().is_some_and(|causes| !causes.is_empty()), "{status}");
    let error: ApiError = serde_json::from_value(status.clone()).unwrap();
    assert_eq!(serde_json::to_value(&error).unwrap(), status, "both ways");
    let foreign = json!({ "kind": "Status", "reason": "Teapot", "message": "no", "code": 418 });
    let error: ApiError = serde_json::from_value(foreign).unwrap();
    assert_eq!(error.message, "no");
}

#[tokio::test]
async fn limits_hold() {
    let short = Duration::from_millis(200);
    let limits =
        Limits { body: 1000, head_time: short, body_time: short, connections: 3, ..Limits::default() };
    let world = World::with(limits).await;
    let long = format!("{{\"metadata\":{{\"name\":\"{}\"}}}}", "x".repeat(2000));
    let (code, status) = world.ask("POST", &format!("{ROOT}/vpcs"), &long).await;
    assert_eq!((code, &status["reason"]), (413, &json!("RequestEntityTooLarge")));
    let said =
        world.raw(&format!("POST {ROOT}/vpcs HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{{")).await;
    assert!(said.starts_with("HTTP/1.1 408 "), "a body that does not come: {said}");
    let said = world.raw("GET /version HTTP/1.1\r\nHost:").await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408 "), "a head that does not come: {said}");
    let said = world.raw(&format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(100_000))).await;
    assert!(said.starts_with("HTTP/1.1 4"), "a head without an end: {said}");
    let said = world.raw("\x16\x03\x01 not HTTP at all\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\nConnection: close\r\n\r\na=b";
    let said = world.raw(&format!("POST {ROOT}/vpcs HTTP/1.1\r\nHost: x\r\n{form}")).await;
    assert!(said.starts_with("HTTP/1.1 415 ") && said.contains("send JSON"), "{said}");
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(world.client.watch(Kind::Vpc, None).await.unwrap());
    }
    let said = world.raw("GET /version HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 503 ") && said.contains("too many connections"), "{said}");
    drop(held);
    soon(async {
        while world.client.version().await.is_err() {
            tokio::task::yield_now().await
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_watcher_holds_up_nobody() {
    let world = World::new().await;
    let _slow = world.client.watch(Kind::Vpc, None).await.unwrap();
    let mut fast = world.client.watch(Kind::Vpc, None).await.unwrap();
    for n in 0..300 {
        let mut vpc = vpc(&format!("v-{n}"));
        vpc["metadata"]["annotations"] = json!({ "note": "x".repeat(4000) });
        world.registry.create(typed(vpc)).unwrap();
        assert_eq!(soon(fast.next()).await.unwrap().unwrap().resource().metadata().name, format!("v-{n}"));
    }
}

#[tokio::test]
async fn requests_share_a_connection() {
    let world = World::new().await;
    let two = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let said = world.raw(two).await;
    assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 2, "{said}");
}

#[tokio::test]
async fn the_socket_is_for_its_group_and_goes_with_the_server() {
    let mut world = World::new().await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let (socket, run) = (world.socket(), world.socket().parent().unwrap().to_owned());
    assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
    assert_eq!((mode(&socket), mode(&run)), (0o660, 0o750));
    world.stop().await;
    assert_eq!(fs::read_dir(&run).unwrap().count(), 0, "nothing is left");
}

#[tokio::test]
async fn a_socket_has_one_server() {
    let mut world = World::new().await;
    let socket = world.socket();
    let second = Server::bind(&socket).await.unwrap_err();
    assert!(matches!(second, ServeError::InUse { .. }), "{second:?}");
    assert!(second.to_string().contains("another daemon serves"), "{second}");
    world.client.version().await.unwrap();
    world.stop().await;
    // Somebody else's server, without our lock.
    let other = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(matches!(Server::bind(&socket).await, Err(ServeError::InUse { .. })));
    drop(other);
    let server = Server::bind(&socket).await.unwrap();
    drop(server);
    assert!(!socket.exists());
    fs::write(&socket, "a letter").unwrap();
    assert!(matches!(Server::bind(&socket).await, Err(ServeError::NoSocket { .. })));
    assert_eq!(fs::read_to_string(&socket).unwrap(), "a letter");
}

#[tokio::test]
async fn of_many_that_find_a_dead_socket_one_takes_it() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("madang.sock");
    for _ in 0..20 {
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        let bind = || Server::bind(&socket);
        let (a, b, c) = tokio::join!(bind(), bind(), bind());
        let bound: Vec<_> = [a, b, c].into_iter().filter_map(Result::ok).collect();
        assert_eq!(bound.len(), 1);
    }
}

#[tokio::test]
async fn the_end_is_orderly() {
    let mut world = World::new().await;
    world.registry.apply(Bundle { items: shop(), ..Bundle::default() }).unwrap();
    let name = ObjectRef::new(Kind::Instance, "web-1");
    let mut watching = world.client.watch(Kind::Vpc, None).await.unwrap();
    soon(watching.next()).await.unwrap().unwrap();
    let mut log = world.client.logs(&name, LogOptions { follow: true, tail: Some(0) }).await.unwrap();
    let command = ExecRequest { command: vec!["cat".into()], tty: false, columns: 0, rows: 0 };
    let mut exec = world.client.exec(&name, &command).await.unwrap();
    let idle = UnixStream::connect(world.socket()).await.unwrap();
    // A request that is half sent when the end comes is answered all the same.
    let mut half = UnixStream::connect(world.socket()).await.unwrap();
    let head = format!("POST {ROOT}/vpcs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
    let body = vpc("late").to_string();
    let head = format!("{head}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", body.len());
    half.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    soon(half.read_exact(&mut go_on)).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    soon(exec.read_u8()).await.unwrap();
    let host = Arc::clone(&world.host);
    let rest = async {
        assert!(soon(watching.next()).await.unwrap().is_none(), "a watch ends");
        assert_eq!(soon(log.read(&mut [0; 8])).await.unwrap(), 0, "a followed log ends");
        let mut left = Vec::new();
        let _ = soon(exec.read_to_end(&mut left)).await;
        assert_eq!(*host.ended.lock().unwrap(), 1, "a session ends");
        half.write_all(body.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        soon(half.read_to_end(&mut answer)).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 201 "), "{}", String::from_utf8_lossy(&answer));
    };
    let began = std::time::Instant::now();
    tokio::join!(world.stop(), rest);
    assert!(began.elapsed() < Limits::default().grace, "it waits only for what is under way");
    assert!(world.registry.get(&ObjectRef::new(Kind::Vpc, "late")).is_ok());
    drop(idle);
}

#[tokio::test]
async fn readiness_follows_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("madang.sock");
    let server = Server::bind(&socket).await.unwrap();
    // Bound and not served yet: who connects waits for the answer.
    let early = tokio::spawn({
        let socket = socket.clone();
        async move { raw(&socket, "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await }
    });
    let registry = Registry::new(Arc::new(Memory::new()));
    let served = tokio::spawn(server.serve(registry, Arc::new(Host::default()), std::future::pending()));
    assert!(soon(early).await.unwrap().starts_with("HTTP/1.1 200 OK"));
    served.abort();
    assert!(soon(served).await.unwrap_err().is_cancelled());
    assert!(!socket.exists(), "also if it is dropped");
}

/// Keeps what is logged for the audit.
#[derive(Clone, Default)]
struct Audit(Arc<std::sync::Mutex<Vec<String>>>);

impl tracing::Subscriber for Audit {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "madang::audit"
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Line(String);
        impl tracing::field::Visit for Line {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{field}={value:?} ");
            }
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn each_write_is_logged_with_who_it_came_from_and_without_what_it_says() {
    let audit = Audit::default();
    let _guard = tracing::subscriber::set_default(audit.clone());
    let world = World::new().await;
    let mut vpc = vpc("shop");
    vpc["metadata"]["annotations"] = json!({ "note": "hunter2" });
    world.client.create(&typed(vpc)).await.unwrap();
    world.client.list(Kind::Vpc).await.unwrap();
    let (code, _) = world.ask("DELETE", &format!("{ROOT}/vpcs/none"), "").await;
    assert_eq!(code, 404);
    let lines = audit.0.lock().unwrap().clone();
    assert_eq!(lines.len(), 2, "a look is not logged: {lines:?}");
    let uid =
        fs::metadata(world.socket()).map(|socket| std::os::unix::fs::MetadataExt::uid(&socket)).unwrap();
    let pid = std::process::id();
    assert!(
        lines[0].contains(&format!("uid={uid} ")) && lines[0].contains(&format!("pid={pid} ")),
        "{lines:?}"
    );
    assert!(lines[0].contains("method=POST") && lines[0].contains("code=201"), "{lines:?}");
    assert!(
        lines[1].contains("path=\"/apis/madang.dev/v1alpha1/vpcs/none\"") && lines[1].contains("code=404")
    );
    assert!(!lines.concat().contains("hunter2"));
}
