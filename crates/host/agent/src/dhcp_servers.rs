//! The DHCP servers on links of this host: each a process of this program (`dhcp serve`), which is nobody and outlives the
//! daemon. It is ended and started again when what it is told changes; its leases are on the disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use madang_kernel::Layout;
use madang_kernel::process::ProcessId;
use madang_model::{DhcpReservation, DhcpServerSpec, Kind, ObjectRef, Resource};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::runtime::chain;
use crate::status::Verdict;
use crate::world::World;

/// How long to wait before one that ended is started again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long one may take to end.
const GRACE: Duration = Duration::from_secs(5);
/// A server that lived this long had no trouble starting.
const SETTLED: Duration = Duration::from_secs(60);

/// The servers of this host.
pub(crate) struct DhcpServers {
    executable: PathBuf,
    root: Option<PathBuf>,
    /// Where their marks and what they say are.
    place: PathBuf,
    /// Where they are asked.
    sockets: PathBuf,
    servers: BTreeMap<String, Server>,
}

/// One server.
#[derive(Default)]
struct Server {
    running: Option<Running>,
    pause: Duration,
    again: Option<Instant>,
    trouble: Option<String>,
    /// What it was told when it was started last.
    told: Vec<String>,
}

struct Running {
    mark: Mark,
    /// None if an earlier daemon has started it.
    child: Option<Child>,
    since: Instant,
    /// Since when it is to end.
    ending: Option<Instant>,
}

/// A server's process, and what it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    pid: u32,
    start_time: u64,
    arguments: Vec<String>,
}

impl Mark {
    fn process(&self) -> ProcessId {
        ProcessId { pid: self.pid, start_time: self.start_time }
    }
}

impl DhcpServers {
    /// With those that an earlier daemon has left.
    pub(crate) fn new(layout: &Layout, executable: &Path) -> Self {
        let place = place(layout);
        let left = marks(&place).into_iter().map(|(uid, mark)| {
            let running = Running { mark, child: None, since: Instant::now(), ending: None };
            (uid, Server { running: Some(running), ..Server::default() })
        });
        Self {
            executable: executable.to_owned(),
            root: layout.root().map(Path::to_owned),
            sockets: layout.run_dir().join("dhcp"),
            servers: left.collect(),
            place,
        }
    }

    /// Makes those run that are wanted, and no others. How each is, by its uid.
    pub(crate) fn turn(&mut self, world: &World) -> BTreeMap<String, Verdict> {
        let wanted: BTreeMap<&str, &DhcpServerSpec> = world
            .resources
            .iter()
            .filter_map(|resource| match resource {
                Resource::DhcpServer(server) if server.metadata.deletion_timestamp.is_none() => {
                    let object = ObjectRef::new(Kind::DhcpServer, &server.metadata.name);
                    let right = !world.wrong.contains_key(&object);
                    Some((server.metadata.uid.as_deref()?, &server.spec)).filter(|_| right)
                }
                _ => None,
            })
            .collect();
        let uids: Vec<String> =
            self.servers.keys().cloned().chain(wanted.keys().map(|uid| (*uid).to_owned())).collect();
        let mut verdicts = BTreeMap::new();
        for uid in uids {
            let spec = wanted.get(uid.as_str()).copied();
            let mut server = self.servers.remove(&uid).unwrap_or_default();
            let verdict = self.keep(&uid, &mut server, spec);
            if spec.is_some() || server.running.is_some() {
                self.servers.insert(uid.clone(), server);
            }
            if spec.is_some() {
                verdicts.insert(uid, verdict);
            }
        }
        verdicts
    }

    fn keep(&self, uid: &str, server: &mut Server, spec: Option<&DhcpServerSpec>) -> Verdict {
        let arguments = spec.map(|spec| self.arguments(spec));
        if let Some(running) = &mut server.running {
            if running.is_over() {
                if running.ending.is_none() {
                    server.trouble = Some(self.last_words(uid));
                    let pause = if running.since.elapsed() > SETTLED { Duration::ZERO } else { server.pause };
                    server.again = Some(Instant::now() + pause);
                    server.pause = (pause * 2).clamp(PAUSE.0, PAUSE.1);
                }
                server.running = None;
                let _ = fs::remove_file(self.mark(uid));
            } else if running.ending.is_some() || arguments.as_ref() != Some(&running.mark.arguments) {
                running.end();
            }
        }
        let Some((arguments, spec)) = arguments.zip(spec) else { return starting() };
        // Something else may go well at once.
        if server.told != arguments {
            (server.pause, server.again, server.trouble) = (Duration::ZERO, None, None);
            server.told.clone_from(&arguments);
        }
        if server.running.is_none() && server.again.is_none_or(|again| Instant::now() >= again) {
            match self.start(uid, arguments) {
                Ok(running) => server.running = Some(running),
                Err(trouble) => {
                    server.trouble = Some(trouble);
                    server.pause = (server.pause * 2).clamp(PAUSE.0, PAUSE.1);
                    server.again = Some(Instant::now() + server.pause);
                }
            }
        }
        let running = server.running.as_ref().filter(|running| running.ending.is_none());
        let socket = self.sockets.join(format!("{}.sock", spec.interface));
        if running.is_some_and(|running| listener(&socket) == Some(running.mark.pid)) {
            server.trouble = None;
            return Verdict::ready("Serving", format!("it leases addresses on {}", spec.interface));
        }
        match &server.trouble {
            Some(trouble) => Verdict::not_ready("Failed", trouble.clone()),
            None => starting(),
        }
    }

    fn start(&self, uid: &str, arguments: Vec<String>) -> Result<Running, String> {
        let failed = |error: io::Error| format!("cannot start a DHCP server: {error}");
        fs::create_dir_all(&self.place).map_err(failed)?;
        let log = File::create(self.log(uid)).map_err(failed)?;
        let mut command = Command::new(&self.executable);
        if let Some(root) = &self.root {
            command.arg("--root").arg(root);
        }
        command.args(["dhcp", "serve"]).args(&arguments).env_clear().stdin(Stdio::null());
        command.stdout(log.try_clone().map_err(failed)?).stderr(log);
        // Away from the terminal of whoever runs the daemon.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(failed)?;
        let known = ProcessId::of(child.id()).map_err(|error| chain(&error)).and_then(|process| {
            let process = process.ok_or_else(|| self.last_words(uid))?;
            let mark = Mark { pid: process.pid, start_time: process.start_time, arguments };
            let text = serde_json::to_string(&mark).map_err(|error| error.to_string())?;
            // Whole, or not there.
            let new = self.place.join(format!("{uid}.new"));
            fs::write(&new, text).and_then(|()| fs::rename(&new, self.mark(uid))).map_err(failed)?;
            Ok(mark)
        });
        match known {
            Ok(mark) => Ok(Running { mark, child: Some(child), since: Instant::now(), ending: None }),
            Err(trouble) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(trouble)
            }
        }
    }

    /// What `dhcp serve` is told.
    fn arguments(&self, spec: &DhcpServerSpec) -> Vec<String> {
        let mut arguments = vec![format!("--interface={}", spec.interface)];
        let mut add = |name: &str, value: String| arguments.push(format!("--{name}={value}"));
        spec.pools.iter().for_each(|pool| add("pool", pool.to_string()));
        spec.excluded.iter().for_each(|range| add("exclude", range.to_string()));
        spec.reservations.iter().for_each(|own| add("reserve", reservation(own)));
        spec.routers.iter().for_each(|router| add("router", router.to_string()));
        spec.domain_name_servers.iter().for_each(|server| add("dns", server.to_string()));
        spec.ntp_servers.iter().for_each(|server| add("ntp", server.to_string()));
        spec.domain_name.iter().for_each(|name| add("domain", name.clone()));
        spec.known_servers.iter().for_each(|server| add("known-server", server.to_string()));
        add("lease", format!("{}s", spec.lease_seconds));
        add("longest-lease", format!("{}s", spec.max_lease_seconds));
        arguments.extend((!spec.probe).then(|| "--no-probe".to_owned()));
        arguments.extend((!spec.authoritative).then(|| "--not-authoritative".to_owned()));
        arguments
    }

    fn mark(&self, uid: &str) -> PathBuf {
        self.place.join(format!("{uid}.json"))
    }

    fn log(&self, uid: &str) -> PathBuf {
        self.place.join(format!("{uid}.log"))
    }

    /// What it said before it ended: why, and what to do.
    fn last_words(&self, uid: &str) -> String {
        let text = fs::read_to_string(self.log(uid)).unwrap_or_default();
        let error = text.rfind("error:").map_or(text.as_str(), |at| &text[at..]);
        let words: Vec<&str> = error.lines().map(str::trim).filter(|line| !line.is_empty()).take(4).collect();
        if words.is_empty() { "it has ended without a word".to_owned() } else { words.join("; ") }
    }
}

impl Running {
    fn is_over(&mut self) -> bool {
        match &mut self.child {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => !self.mark.process().is_alive().unwrap_or(false),
        }
    }

    fn end(&mut self) {
        let since = *self.ending.get_or_insert_with(Instant::now);
        let signal = if since.elapsed() > GRACE { Signal::KILL } else { Signal::TERM };
        let _ = self.mark.process().signal(signal);
    }
}

/// Whose socket this is; nobody's, if nobody takes connections there at once.
fn listener(socket: &Path) -> Option<u32> {
    let address = SocketAddrUnix::new(socket).ok()?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let ours = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    rustix::net::connect(&ours, &address).ok()?;
    let owner = rustix::net::sockopt::socket_peercred(&ours).ok()?;
    u32::try_from(owner.pid.as_raw_nonzero().get()).ok()
}

fn starting() -> Verdict {
    Verdict::not_ready("Starting", "its process is starting")
}

fn reservation(own: &DhcpReservation) -> String {
    let client = match (&own.mac, &own.client_id) {
        (Some(mac), _) => mac.clone(),
        (None, id) => format!("id:{}", id.as_deref().unwrap_or_default()),
    };
    let name = own.name.as_ref().map(|name| format!("={name}")).unwrap_or_default();
    format!("{client}={}{name}", own.address)
}

fn place(layout: &Layout) -> PathBuf {
    layout.run_dir().join("dhcp-servers")
}

/// The marks of all servers; one that is damaged is nobody's.
fn marks(place: &Path) -> Vec<(String, Mark)> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let mark = |path: PathBuf| {
        let uid = path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned();
        Some((uid, serde_json::from_str(&fs::read_to_string(&path).ok()?).ok()?))
    };
    entries.filter_map(|entry| mark(entry.path())).collect()
}

/// Ends all servers, and waits until they have. Their leases stay.
pub(crate) fn remove(layout: &Layout) -> Result<(), String> {
    let place = place(layout);
    for (uid, mark) in marks(&place) {
        let process = mark.process();
        let ended = [Signal::TERM, Signal::KILL]
            .into_iter()
            .any(|signal| !process.signal(signal).unwrap_or(true) || process.wait(GRACE).unwrap_or(false));
        if !ended {
            return Err(format!("the DHCP server {uid} (process {}) does not end", mark.pid));
        }
    }
    match fs::remove_dir_all(&place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", place.display()))
        }
        _ => Ok(()),
    }
}
