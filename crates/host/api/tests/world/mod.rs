//! A server on a socket of its own, and a host that is made up.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use madang_api::frames::{Frame, FrameReader, FrameWriter};
use madang_api::{
    Answer, ApiError, Client, Dropped, Drops, Duplex, ExecRequest, ExplainQuery, Explanation, Limits,
    LogOptions, Reason, Registry, Runtime, Server,
};
use madang_model::{Kind, ObjectRef, Resource};
use madang_store::{Memory, Store};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server and what it stands on. Dropped, its directory goes.
pub(crate) struct World {
    pub(crate) store: Arc<Memory>,
    pub(crate) registry: Registry,
    pub(crate) host: Arc<Host>,
    pub(crate) client: Client,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
    directory: tempfile::TempDir,
}

/// A host that remembers what it was asked.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) shutdowns: Mutex<Vec<bool>>,
    /// Exec sessions that have ended, also if they were cut.
    pub(crate) ended: Arc<Mutex<usize>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("run/madang.sock");
        let store = Arc::new(Memory::with_kept_events(1000));
        let registry = Registry::new(Arc::clone(&store) as Arc<dyn Store>);
        let host = Arc::new(Host::default());
        let server = Server::bind_with(&socket, limits).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = Arc::clone(&host) as Arc<dyn Runtime>;
        let served = tokio::spawn(server.serve(registry.clone(), runtime, async move {
            let _ = stopped.await;
        }));
        let client = Client::connect(&socket).await.unwrap();
        Self { store, registry, host, client, stop: Some(stop), served: Some(served), directory }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("run/madang.sock")
    }

    /// Stops the server and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        soon(self.served.take().unwrap()).await.unwrap();
    }

    /// Sends these bytes and reads all that comes until the server closes: for what a good client does not send.
    pub(crate) async fn raw(&self, bytes: &str) -> String {
        raw(&self.socket(), bytes).await
    }

    /// The HTTP status and the JSON body of a request.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = self.raw(&(head + body)).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        (code, serde_json::from_str(body).unwrap_or_else(|_| body.into()))
    }
}

pub(crate) async fn raw(socket: &Path, bytes: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    // The server may close before it has read everything: that is its answer.
    let _ = stream.write_all(bytes.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = soon(stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// What must not take long.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it took more than 20 seconds")
}

pub(crate) fn value(kind: &str, name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": "madang.dev/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec })
}

pub(crate) fn vpc(name: &str) -> Value {
    value("Vpc", name, &json!({ "cidrs": ["10.0.0.0/16"] }))
}

pub(crate) fn shop() -> Vec<Value> {
    let process = json!({ "command": ["sleep", "1"] });
    vec![
        vpc("shop"),
        value("Subnet", "web", &json!({ "vpc": "shop", "cidr": "10.0.1.0/24" })),
        value("Instance", "web-1", &json!({ "subnet": "web", "process": process })),
    ]
}

pub(crate) fn typed(value: Value) -> Resource {
    madang_model::from_json(value).unwrap()
}

/// Counts a session when it ends, in whatever way.
struct Session(Arc<Mutex<usize>>);

impl Drop for Session {
    fn drop(&mut self) {
        *self.0.lock().unwrap() += 1;
    }
}

impl Runtime for Host {
    fn explain(&self, query: ExplainQuery) -> Answer<'_, Explanation> {
        Box::pin(async move {
            if query.to == "nowhere" {
                return Err(ApiError::new(Reason::NotFound, "there is no instance called nowhere"));
            }
            Ok(Explanation {
                packet: format!(
                    "{} {} -> {}:{}",
                    query.protocol,
                    query.from,
                    query.to,
                    query.port.unwrap_or(0)
                ),
                allowed: true,
                verdict: "delivered".to_owned(),
                reason: None,
                hint: None,
                stages: Vec::new(),
                live: None,
            })
        })
    }

    fn drops(&self) -> Answer<'_, Drops> {
        let dropped = Dropped {
            instance: Some(ObjectRef::new(Kind::Instance, "web-1")),
            interface: "md00000001".to_owned(),
            reason: "egressDenied".to_owned(),
            message: "No rule allows it.".to_owned(),
            hint: "Add one.".to_owned(),
            packets: 3,
        };
        Box::pin(async { Ok(Drops { items: vec![dropped] }) })
    }

    fn logs(&self, _: ObjectRef, options: LogOptions) -> Answer<'_, Box<dyn AsyncRead + Send + Unpin>> {
        Box::pin(async move {
            let lines: Vec<_> = (0..10_000).map(|n| format!("line {n}\n")).collect();
            let skipped = lines.len() - options.tail.unwrap_or(lines.len());
            let text = std::io::Cursor::new(lines[skipped..].concat().into_bytes());
            let log: Box<dyn AsyncRead + Send + Unpin> = if options.follow {
                // Goes on for ever, and says nothing more.
                let (silent, other) = tokio::io::duplex(1);
                std::mem::forget(other);
                Box::new(text.chain(silent))
            } else {
                Box::new(text)
            };
            Ok(log)
        })
    }

    /// Says back what it hears, in capitals on one side and as it is on the other.
    fn exec(&self, instance: ObjectRef, request: ExecRequest, stream: Box<dyn Duplex>) -> Answer<'_, ()> {
        let session = Session(Arc::clone(&self.ended));
        Box::pin(async move {
            let _session = session;
            let (reader, writer) = tokio::io::split(stream);
            let (mut reader, mut writer) = (FrameReader::new(reader), FrameWriter::new(writer));
            let hello = format!("{instance}: {}", request.command.join(" "));
            writer.send(&Frame::Stdout(hello.into())).await.unwrap();
            while let Ok(Some(frame)) = reader.next().await {
                match frame {
                    Frame::Stdin(data) if data.is_empty() => break,
                    Frame::Stdin(data) => {
                        writer.send(&Frame::Stdout(data.to_ascii_uppercase().into())).await.unwrap();
                        writer.send(&Frame::Stderr(data)).await.unwrap();
                    }
                    _ => {}
                }
            }
            let _ = writer.send(&Frame::Exit { code: 7, message: String::new() }).await;
            Ok(())
        })
    }

    fn shutdown(&self, remove: bool) -> Answer<'_, ()> {
        self.shutdowns.lock().unwrap().push(remove);
        Box::pin(async { Ok(()) })
    }
}
