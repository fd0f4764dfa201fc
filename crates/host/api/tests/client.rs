//! The client and the server, over a real socket.
#![expect(clippy::unwrap_used, reason = "a test")]

mod world;

use bytes::Bytes;
use madang_api::frames::{Frame, FrameReader, FrameWriter};
use madang_api::{
    Bundle, Client, ClientError, Deletion, ExecRequest, ExplainQuery, INSTANCE_FINALIZER, LogOptions, Reason,
    Version, WatchEvent,
};
use madang_model::{Kind, ObjectRef};
use madang_store::Revision;
use tokio::io::AsyncReadExt;
use world::{World, shop, soon, typed, vpc};

fn bundle(items: Vec<serde_json::Value>) -> Bundle {
    Bundle { items, ..Bundle::default() }
}

fn reason<T: std::fmt::Debug>(result: Result<T, ClientError>) -> Reason {
    result.unwrap_err().api().unwrap().reason
}

#[tokio::test]
async fn every_verb_does_what_the_registry_does() {
    let World { client, registry, .. } = &World::new().await;
    let created = client.create(&typed(vpc("shop"))).await.unwrap();
    assert_eq!(registry.get(&created.object_ref()).unwrap(), created);
    assert_eq!(client.get(&created.object_ref()).await.unwrap(), created);
    assert_eq!(reason(client.create(&typed(vpc("shop"))).await), Reason::AlreadyExists);
    let mut labelled = created.clone();
    labelled.metadata_mut().labels.insert("a".into(), "b".into());
    let labelled = client.update(&labelled).await.unwrap();
    assert_eq!(reason(client.update(&created).await), Reason::Conflict);
    assert_eq!(client.update_status(&labelled).await.unwrap(), labelled);
    let list = client.list(Kind::Vpc).await.unwrap();
    assert_eq!((list.items, list.revision), (vec![labelled.clone()], registry.revision()));
    assert_eq!(client.list(Kind::Node).await.unwrap().items, []);
    let uid = labelled.metadata().uid.clone().unwrap();
    assert_eq!(client.delete(&labelled.object_ref()).await.unwrap(), Deletion::Gone { uid });
    assert_eq!(reason(client.get(&labelled.object_ref()).await), Reason::NotFound);
    assert_eq!(client.version().await.unwrap(), Version::of_build());
    client.ready().await.unwrap();
}

#[tokio::test]
async fn a_bundle_goes_through_and_comes_back() {
    let World { client, registry, .. } = &World::new().await;
    let result = client.apply_bundle(&bundle(shop())).await.unwrap();
    assert_eq!(result.preview.changes.len(), 3);
    assert_eq!(registry.get(&result.items[2].object_ref()).unwrap(), result.items[2]);
    let going = client.delete(&result.items[2].object_ref()).await.unwrap();
    let Deletion::Pending(going) = going else { panic!("{going:?}") };
    assert_eq!(going.metadata().finalizers, [INSTANCE_FINALIZER]);
    let mut wrong = shop();
    wrong[1]["spec"]["cidrr"] = "10.0.1.0/24".into();
    let error = client.apply_bundle(&bundle(wrong)).await.unwrap_err();
    let api = error.api().unwrap();
    assert_eq!(api.reason, Reason::BadRequest);
    assert_eq!(api.diagnostics[0].code, "unknownField", "{api:?}");
    assert_eq!(api.diagnostics[0].object, Some(ObjectRef::new(Kind::Subnet, "web")));
}

#[tokio::test]
async fn a_watch_goes_on_from_where_it_is_told() {
    let World { client, registry, .. } = &World::new().await;
    registry.apply(bundle(shop())).unwrap();
    let mut watching = client.watch(Kind::Vpc, None).await.unwrap();
    let first = soon(watching.next()).await.unwrap().unwrap();
    assert!(
        matches!(&first, WatchEvent::Added(vpc) if vpc.metadata().name == "shop"),
        "what exists comes first"
    );
    let (name, one) = (first.resource().object_ref(), typed(vpc("one")));
    registry.create(one.clone()).unwrap();
    registry.delete(&name).unwrap();
    registry.delete(&one.object_ref()).unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(soon(watching.next()).await.unwrap().unwrap());
    }
    assert!(matches!(&seen[0], WatchEvent::Added(vpc) if vpc.metadata().name == "one"));
    assert!(matches!(&seen[1], WatchEvent::Deleted(vpc) if vpc.metadata().name == "shop"));
    let mut later = client.watch(Kind::Vpc, Some(Revision(3))).await.unwrap();
    assert_eq!(soon(later.next()).await.unwrap().unwrap(), seen[2]);
    // Of another store, or one that was put back to an earlier state: nobody can know what happened since then.
    let mut expired = client.watch(Kind::Vpc, Some(Revision(99))).await.unwrap();
    assert_eq!(reason(soon(expired.next()).await), Reason::Expired);
}

#[tokio::test]
async fn many_watchers_each_see_everything() {
    let World { client, registry, .. } = &World::new().await;
    let mut watchers = Vec::new();
    for _ in 0..200 {
        watchers.push(client.watch(Kind::Vpc, None).await.unwrap());
    }
    for n in 0..20 {
        registry.create(typed(vpc(&format!("v-{n}")))).unwrap();
    }
    for mut watcher in watchers {
        for n in 0..20 {
            let event = soon(watcher.next()).await.unwrap().unwrap();
            assert_eq!(event.resource().metadata().name, format!("v-{n}"));
        }
    }
}

#[tokio::test]
async fn what_was_dropped_is_told() {
    let world = World::new().await;
    let drops = world.client.drops().await.unwrap();
    assert_eq!((drops.items[0].reason.as_str(), drops.items[0].packets), ("egressDenied", 3));
    let (code, body) = world.ask("GET", "/apis/madang.dev/v1alpha1/drops", "").await;
    assert_eq!((code, &body["items"][0]["instance"]["name"]), (200, &"web-1".into()));
    assert_eq!(world.ask("POST", "/apis/madang.dev/v1alpha1/drops", "{}").await.0, 405);
}

#[tokio::test]
async fn logs_come_as_they_are() {
    let World { client, registry, .. } = &World::new().await;
    registry.apply(bundle(shop())).unwrap();
    let name = ObjectRef::new(Kind::Instance, "web-1");
    let mut text = String::new();
    let mut log = client.logs(&name, LogOptions::default()).await.unwrap();
    soon(log.read_to_string(&mut text)).await.unwrap();
    assert_eq!((text.lines().count(), text.lines().last()), (10_000, Some("line 9999")));
    let mut log = client.logs(&name, LogOptions { follow: true, tail: Some(2) }).await.unwrap();
    let mut last = [0; 20];
    soon(log.read_exact(&mut last)).await.unwrap();
    assert_eq!(&last, b"line 9998\nline 9999\n");
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(50), log.read_u8()).await;
    assert!(waiting.is_err(), "it goes on");
    let none = ObjectRef::new(Kind::Instance, "none");
    assert_eq!(reason(client.logs(&none, LogOptions::default()).await), Reason::NotFound);
}

fn request(command: &[&str]) -> ExecRequest {
    let command = command.iter().map(ToString::to_string).collect();
    ExecRequest { command, tty: false, columns: 0, rows: 0 }
}

#[tokio::test]
async fn exec_is_a_conversation() {
    let World { client, registry, host, .. } = &World::new().await;
    registry.apply(bundle(shop())).unwrap();
    let name = ObjectRef::new(Kind::Instance, "web-1");
    let stream = client.exec(&name, &request(&["cat", "-n"])).await.unwrap();
    let (reader, writer) = tokio::io::split(stream);
    let (mut reader, mut writer) = (FrameReader::new(reader), FrameWriter::new(writer));
    let hello = soon(reader.next()).await.unwrap();
    assert_eq!(hello, Some(Frame::Stdout("Instance/web-1: cat -n".into())));
    let long = Bytes::from(vec![b'x'; 300_000]);
    let sent = async {
        writer.send(&Frame::Resize { columns: 80, rows: 24 }).await.unwrap();
        writer.send(&Frame::Stdin(long.clone())).await.unwrap();
        writer.send(&Frame::Stdin(Bytes::new())).await.unwrap();
    };
    let heard = async {
        let (mut out, mut err) = (0, 0);
        loop {
            match reader.next().await.unwrap().unwrap() {
                Frame::Stdout(data) => out += data.iter().filter(|byte| **byte == b'X').count(),
                Frame::Stderr(data) => err += data.iter().filter(|byte| **byte == b'x').count(),
                Frame::Exit { code, .. } => return (out, err, code),
                other => panic!("{other:?}"),
            }
        }
    };
    let ((), heard) = soon(async { tokio::join!(sent, heard) }).await;
    assert_eq!(heard, (300_000, 300_000, 7));
    assert_eq!(soon(reader.next()).await.unwrap(), None);
    assert_eq!(*host.ended.lock().unwrap(), 1);
    let none = ObjectRef::new(Kind::Instance, "none");
    let refused = client.exec(&none, &request(&["cat"])).await.map(drop);
    assert_eq!(reason(refused), Reason::NotFound);
    let refused = client.exec(&name, &request(&[])).await.map(drop);
    assert_eq!(reason(refused), Reason::BadRequest);
}

#[tokio::test]
async fn explain_and_shutdown_are_for_the_host() {
    let World { client, host, .. } = &World::new().await;
    let query = |to: &str| ExplainQuery {
        namespace: String::new(),
        from: "web-1".into(),
        to: to.into(),
        protocol: "tcp".into(),
        port: Some(5432),
        live: false,
    };
    let explained = client.explain(&query("db-1")).await.unwrap();
    assert_eq!(explained.packet, "tcp web-1 -> db-1:5432");
    assert_eq!(reason(client.explain(&query("nowhere")).await), Reason::NotFound);
    client.shutdown(true).await.unwrap();
    client.shutdown(false).await.unwrap();
    assert_eq!(*host.shutdowns.lock().unwrap(), [true, false]);
}

#[tokio::test]
async fn who_cannot_connect_is_told_what_to_do() {
    let mut world = World::new().await;
    let missing = Client::connect(&world.socket().with_file_name("none.sock")).await.unwrap_err();
    let said = missing.to_string();
    assert!(said.starts_with("no daemon answers at ") && said.contains("`madang up`"), "{said}");
    world.stop().await;
    assert!(
        matches!(world.client.version().await, Err(ClientError::NoDaemon { .. })),
        "a client outlives it"
    );
    let dead = world.socket();
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    assert!(matches!(Client::connect(&dead).await, Err(ClientError::NoDaemon { .. })));
}
