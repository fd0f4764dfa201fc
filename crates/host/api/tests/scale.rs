//! What holds with many resources and many who watch. Prints what it saw (`--no-capture`).
#![expect(clippy::unwrap_used, reason = "a test that reports figures")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use madang_api::{Registry, Server};
use madang_model::{Kind, ObjectRef, Resource};
use madang_store::Embedded;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

mod world;
use world::Host;

const RESOURCES: usize = 10_000;
const WRITERS: usize = 64;
const WATCHERS: usize = 1_000;

fn group(n: usize) -> Resource {
    let rules: Vec<_> = (0..4)
        .map(|rule| json!({ "protocol": "tcp", "ports": [80 + rule, "8000-8100"], "from": ["10.0.0.0/8"] }))
        .collect();
    let group = json!({
        "apiVersion": madang_model::API_VERSION, "kind": "SecurityGroup",
        "metadata": { "name": format!("group-{n:05}"), "labels": { "app": format!("app-{}", n % 10) } },
        "spec": { "vpc": "shop", "description": "one of very many", "ingress": rules },
    });
    madang_model::from_json(group).unwrap()
}

/// What this process has in memory, in bytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

async fn get(socket: &Path, path: &str) -> (Duration, usize) {
    let begin = Instant::now();
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer[..200]));
    (begin.elapsed(), answer.len())
}

/// Reads the lines of a watch until one has this text; when that was.
async fn watcher(
    socket: Arc<Path>,
    from: u64,
    ready: Arc<tokio::sync::Barrier>,
    text: &'static str,
) -> Instant {
    let mut stream = UnixStream::connect(&*socket).await.unwrap();
    let path = format!("/apis/madang.dev/v1alpha1/securitygroups?watch=true&resourceVersion={from}");
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    // The answer's head comes at once, the first line when something happens.
    while !lines.next_line().await.unwrap().unwrap().is_empty() {}
    ready.wait().await;
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains(text) {
            return Instant::now();
        }
    }
    panic!("the watch ended")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_resources_and_a_thousand_watchers() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Embedded::open(&directory.path().join("state")).unwrap());
    let registry = Registry::new(store);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let registry = &registry;
            scope.spawn(move || {
                for n in (writer..RESOURCES).step_by(WRITERS) {
                    registry.create(group(n)).unwrap();
                }
            });
        }
    });
    let written = begin.elapsed();
    let socket: Arc<Path> = directory.path().join("madang.sock").into();
    let server = Server::bind(&socket).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(registry.clone(), Arc::new(Host::default()), async {
        let _ = stopped.await;
    }));

    let list = "/apis/madang.dev/v1alpha1/securitygroups";
    get(&socket, list).await;
    let mut lists = Vec::new();
    for _ in 0..5 {
        lists.push(get(&socket, list).await);
    }
    lists.sort();
    let (listed, length) = lists[2];
    let selected = get(&socket, &format!("{list}?labelSelector=app%3Dapp-1&limit=500")).await.0;

    let ready = Arc::new(tokio::sync::Barrier::new(WATCHERS + 1));
    let from = registry.revision().0;
    let watchers: Vec<_> = (0..WATCHERS)
        .map(|_| tokio::spawn(watcher(Arc::clone(&socket), from, Arc::clone(&ready), "marked-now")))
        .collect();
    ready.wait().await;
    let mut marked = registry.get(&ObjectRef::new(Kind::SecurityGroup, "group-00077")).unwrap();
    marked.metadata_mut().labels.insert("note".into(), "marked-now".into());
    let writing = registry.clone();
    let at = tokio::task::spawn_blocking(move || {
        writing.update(marked).unwrap();
        Instant::now()
    })
    .await
    .unwrap();
    let mut told = Vec::new();
    for watcher in watchers {
        told.push(watcher.await.unwrap().saturating_duration_since(at));
    }
    told.sort();
    let memory = memory();
    eprintln!(
        "{RESOURCES} creates by {WRITERS} writers: {:.0} a second; list of all ({length} bytes): {listed:?}; a tenth by \
         label: {selected:?}; {WATCHERS} watchers told after {:?} (median), {:?} (last); memory {} MB",
        RESOURCES as f64 / written.as_secs_f64(),
        told[WATCHERS / 2],
        told[WATCHERS - 1],
        memory >> 20
    );
    // Far from what an idle machine does, so that a busy one passes too; what was seen is in the book.
    assert!(written < Duration::from_secs(40), "{written:?}");
    assert!(listed < Duration::from_millis(1_000), "{listed:?}");
    assert!(told[WATCHERS - 1] < Duration::from_millis(2_000), "{:?}", told[WATCHERS - 1]);
    assert!(memory < 400 << 20, "{memory}");
    let _ = stop.send(());
    serving.await.unwrap();
}

fn network(kind: &str, name: &str, spec: serde_json::Value) -> serde_json::Value {
    json!({ "apiVersion": madang_model::API_VERSION, "kind": kind, "metadata": { "name": name }, "spec": spec })
}

#[test]
fn addresses_are_given_beside_ten_thousand_instances() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::new(Arc::new(Embedded::open(&directory.path().join("state")).unwrap()));
    let mut items = vec![network("Vpc", "shop", json!({ "cidrs": ["10.0.0.0/16"] }))];
    items.extend((0..40).map(|n| {
        network(
            "Subnet",
            &format!("apps-{n}"),
            json!({ "vpc": "shop", "cidr": format!("10.0.{}.0/22", n * 4) }),
        )
    }));
    let instance = |n: usize| {
        network(
            "Instance",
            &format!("web-{n:05}"),
            json!({ "subnet": format!("apps-{}", n % 40), "process": { "command": ["sleep", "infinity"] } }),
        )
    };
    items.extend((0..RESOURCES).map(instance));
    let begin = Instant::now();
    registry.apply(madang_api::Bundle { items, ..Default::default() }).unwrap();
    let applied = begin.elapsed();
    let mut took = Vec::new();
    for n in RESOURCES..RESOURCES + 41 {
        let resource = madang_model::from_json(instance(n)).unwrap();
        let begin = Instant::now();
        registry.create(resource).unwrap();
        took.push(begin.elapsed());
    }
    took.sort();
    eprintln!("a bundle of {RESOURCES} instances: {applied:?}; one more: {:?} (median)", took[20]);
    assert!(took[20] < Duration::from_millis(200), "{:?}", took[20]);
}
