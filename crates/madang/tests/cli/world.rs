//! A daemon without a host: the real API over a store in memory, on a socket below a root of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use madang_api::frames::{Frame, FrameReader, FrameWriter};
use madang_api::{
    Answer, ApiError, Because, Dropped, Drops, Duplex, ExecRequest, ExplainQuery, Explanation, LogOptions,
    Registry, Runtime, Server, StageLine,
};
use madang_kernel::Layout;
use madang_model::{Condition, ConditionStatus, Kind, ObjectRef, Resource};
use madang_store::Memory;
use tempfile::TempDir;
use tokio::io::AsyncRead;

/// A small shop.
pub(crate) const SHOP: &str = "\
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: shop }
spec: { cidrs: [10.0.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: web }
spec: { vpc: shop, cidr: 10.0.1.0/24 }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: web-1, labels: { app: web } }
spec: { subnet: web, process: { command: [sleep, infinity] } }
";

/// A root of its own, and what stands there.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    runtime: tokio::runtime::Runtime,
    pub(crate) registry: Registry,
    pub(crate) host: Arc<Host>,
}

impl World {
    /// Without a daemon.
    pub(crate) fn empty() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            registry: Registry::new(Arc::new(Memory::new())),
            host: Arc::default(),
        }
    }

    /// With one.
    pub(crate) fn new() -> Self {
        let world = Self::empty();
        let server = world.runtime.block_on(Server::bind(&world.layout().socket())).unwrap();
        let host: Arc<dyn Runtime> = Arc::clone(&world.host) as Arc<dyn Runtime>;
        world.runtime.spawn(server.serve(world.registry.clone(), host, std::future::pending()));
        world
    }

    /// With one that has the shop.
    pub(crate) fn with_shop() -> Self {
        let world = Self::new();
        let file = world.file("shop.yaml", SHOP);
        let applied = world.madang(&["apply", "-f", file.to_str().unwrap()]);
        assert!(applied.status.success(), "{}", stderr(&applied));
        world
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout::new(Some(&self.dir.path().canonicalize().unwrap()))
    }

    /// Writes a file beside the root.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The command, in a plain environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_madang"));
        command.arg("--root").arg(self.dir.path()).args(args);
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        for name in ["NO_COLOR", "COLUMNS", "LC_ALL", "LC_CTYPE"] {
            command.env_remove(name);
        }
        command.env("LANG", "C.UTF-8").env("TERM", "xterm");
        command
    }

    /// What the command says.
    pub(crate) fn madang(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Says of everything that it is ready.
    pub(crate) fn make_ready(&self) {
        for resource in self.registry.all().unwrap().items {
            self.set_ready(resource, ConditionStatus::True, "Programmed", "");
        }
    }

    /// Says of a resource whether it is ready.
    pub(crate) fn set_ready(
        &self,
        mut resource: Resource,
        status: ConditionStatus,
        reason: &str,
        message: &str,
    ) {
        let ready = Condition {
            r#type: "Ready".to_owned(),
            status,
            reason: reason.to_owned(),
            message: message.to_owned(),
            observed_generation: resource.metadata().generation,
            last_transition_time: "2026-01-10T12:00:00Z".to_owned(),
        };
        *resource.conditions_mut() = vec![ready];
        resource.metadata_mut().resource_version = None;
        self.registry.update_status(resource).unwrap();
    }

    /// Takes the finalizers off what is being deleted, as an agent does.
    pub(crate) fn finalize(&self) {
        for resource in self.registry.all().unwrap().items {
            if resource.metadata().deletion_timestamp.is_some() {
                for finalizer in &resource.metadata().finalizers {
                    self.registry.finalize(&resource, finalizer).unwrap();
                }
            }
        }
    }

    pub(crate) fn instance(&self) -> Resource {
        self.registry.get(&ObjectRef::new(Kind::Instance, "web-1")).unwrap()
    }
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Waits until it is so, or fails.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A host that only says what it was asked.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) asked: Mutex<Vec<ExplainQuery>>,
    /// How often it was asked for what was dropped.
    looked: Mutex<u64>,
}

impl Runtime for Host {
    fn explain(&self, query: ExplainQuery) -> Answer<'_, Explanation> {
        let because = Because {
            object: ObjectRef::new(Kind::Instance, "web-1"),
            path: "spec".to_owned(),
            file: Some(Path::new("/srv/shop.yaml").display().to_string()),
            line: Some(12),
        };
        let allowed = query.port != Some(23);
        let stage = |stage: &str, because| StageLine {
            stage: stage.to_owned(),
            decision: "as the double says".to_owned(),
            because,
        };
        let explanation = Explanation {
            packet: format!("{} {} -> {}", query.protocol, query.from, query.to),
            allowed,
            verdict: if allowed { "delivered" } else { "dropped: nobody lets it in" }.to_owned(),
            reason: (!allowed).then(|| "ingressDenied".to_owned()),
            hint: None,
            stages: vec![stage("guard", vec![because]), stage("ingress", vec![])],
            live: None,
        };
        self.asked.lock().unwrap().push(query);
        Box::pin(std::future::ready(Ok(explanation)))
    }

    /// The more, the more often it was asked.
    fn drops(&self) -> Answer<'_, Drops> {
        let times = {
            let mut looked = self.looked.lock().unwrap();
            *looked += 1;
            *looked
        };
        let dropped = |instance: Option<&str>, reason: &str, packets| Dropped {
            instance: instance.map(|name| ObjectRef::new(Kind::Instance, name)),
            interface: if instance.is_some() { "md00000001" } else { "eth0" }.to_owned(),
            reason: reason.to_owned(),
            message: "The double says so.".to_owned(),
            hint: "Nothing.".to_owned(),
            packets,
        };
        let items = vec![dropped(Some("web-1"), "ingressDenied", 2 + times), dropped(None, "noForward", 7)];
        Box::pin(std::future::ready(Ok(Drops { items })))
    }

    fn logs(&self, _: ObjectRef, options: LogOptions) -> Answer<'_, Box<dyn AsyncRead + Send + Unpin>> {
        let lines = (1..=20_000).map(|n| format!("line {n}\n")).collect::<Vec<_>>();
        let from = options.tail.map_or(0, |tail| lines.len().saturating_sub(tail));
        let text = std::io::Cursor::new(lines[from..].concat().into_bytes());
        Box::pin(async move { Ok(Box::new(text) as Box<dyn AsyncRead + Send + Unpin>) })
    }

    fn exec(&self, _: ObjectRef, request: ExecRequest, stream: Box<dyn Duplex>) -> Answer<'_, ()> {
        Box::pin(async move {
            // Whatever fails here shows in what the client says.
            let _ = command(request, stream).await;
            Ok(())
        })
    }

    fn shutdown(&self, _: bool) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Err(ApiError::bad_request("the double does not end"))))
    }
}

/// A few commands that say how they were run.
async fn command(
    request: ExecRequest,
    stream: Box<dyn Duplex>,
) -> Result<(), madang_api::frames::FrameError> {
    let (read, write) = tokio::io::split(stream);
    let (mut frames, mut writer) = (FrameReader::new(read), FrameWriter::new(write));
    let words: Vec<&str> = request.command.iter().map(String::as_str).collect();
    let mut exit = Frame::Exit { code: 0, message: String::new() };
    match words.as_slice() {
        ["cat"] => {
            while let Some(frame) = frames.next().await? {
                match frame {
                    Frame::Stdin(data) if data.is_empty() => break,
                    Frame::Stdin(data) => writer.send(&Frame::Stdout(data)).await?,
                    _ => {}
                }
            }
        }
        ["exit", code] => exit = Frame::Exit { code: code.parse().unwrap(), message: String::new() },
        ["size"] => {
            let text = format!("tty={} {}x{}\r\n", request.tty, request.columns, request.rows);
            writer.send(&Frame::Stdout(text.into())).await?;
            while let Some(frame) = frames.next().await? {
                match frame {
                    Frame::Resize { columns, rows } => {
                        writer.send(&Frame::Stdout(format!("now {columns}x{rows}\r\n").into())).await?;
                    }
                    Frame::Stdin(data) if &data[..] == b"\x03" => {
                        writer.send(&Frame::Stdout("interrupted\r\n".into())).await?;
                        break;
                    }
                    _ => {}
                }
            }
        }
        ["both"] => {
            writer.send(&Frame::Stdout("data\n".into())).await?;
            writer.send(&Frame::Stderr("words\n".into())).await?;
        }
        _ => exit = Frame::Exit { code: 127, message: format!("{} was not found", words[0]) },
    }
    writer.send(&exit).await?;
    writer.close().await?;
    Ok(())
}
