//! The workers behind the services: started once their namespace is there, told what changes, started again when they end.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use madang_compile::{Host, NAMES_PORT, Network, SERVER, SERVICES};
use madang_datapath::abi::SEEN_NETWORK;
use madang_dns::{Directory, Zone};
use madang_kernel::Layout;
use madang_model::bare;
use madang_workers::{Briefing, Kind, Launch, Worker};

use crate::runtime::chain;
use crate::world::World;

/// How long to wait before a worker that ended is started again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// A worker that lived this long had no trouble starting.
const SETTLED: Duration = Duration::from_secs(60);
/// Whom the host itself asks for names.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The services of this host.
pub(crate) struct Services {
    launch: Launch,
    /// Whom the worker asks, if the host's own resolvers are not to be asked.
    resolvers: Option<Vec<SocketAddr>>,
    /// Those of the host, and when their file was written.
    of_host: (Option<SystemTime>, Vec<SocketAddr>),
    running: Option<Running>,
    pause: Duration,
    again: Instant,
    trouble: Option<String>,
}

struct Running {
    worker: Worker,
    since: Instant,
    /// Which namespace it listens in.
    namespace: u64,
    told: Option<Told>,
    /// Whether it serves, and those of an earlier daemon are ended.
    alone: bool,
}

/// What a briefing is made of.
struct Told {
    world: Arc<World>,
    host: Host,
    resolvers: Vec<SocketAddr>,
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.world, &other.world)
            && (&self.host, &self.resolvers) == (&other.host, &other.resolvers)
    }
}

impl Services {
    pub(crate) fn new(layout: &Layout, executable: PathBuf, resolvers: Option<Vec<SocketAddr>>) -> Self {
        let launch = Launch {
            kind: Kind::Dns,
            executable,
            place: place(layout),
            netns: layout.netns(SERVICES),
            address: SocketAddr::new(SERVER, NAMES_PORT),
        };
        Self {
            launch,
            resolvers,
            of_host: (None, Vec::new()),
            running: None,
            pause: PAUSE.0,
            again: Instant::now(),
            trouble: None,
        }
    }

    /// Makes the worker run and know what it must. What is wrong with it, if something is.
    pub(crate) fn turn(&mut self, world: &Arc<World>, host: &Host) -> Option<String> {
        let namespace = std::fs::metadata(&self.launch.netns).map(|file| file.ino()).ok();
        let Some(namespace) = namespace.filter(|_| host.ports.contains_key(SERVICES)) else {
            self.end();
            return None;
        };
        if let Err(trouble) = self.keep(namespace, world, host) {
            if let Some(mut running) = self.running.take() {
                running.worker.kill();
            }
            self.again = Instant::now() + self.pause;
            self.pause = (self.pause * 2).min(PAUSE.1);
            self.trouble = Some(format!("the name service does not run: {trouble}"));
        }
        self.trouble.clone()
    }

    fn keep(&mut self, namespace: u64, world: &Arc<World>, host: &Host) -> Result<(), String> {
        if let Some(running) = &mut self.running {
            if let Some(how) = running.worker.ended() {
                return Err(format!("its worker has ended: {how}"));
            }
            if running.namespace != namespace {
                running.worker.kill();
                self.running = None;
            }
        }
        if self.running.is_none() {
            if Instant::now() < self.again {
                return Ok(());
            }
            let worker = self.launch.start().map_err(|error| chain(&error))?;
            let since = Instant::now();
            self.running = Some(Running { worker, since, namespace, told: None, alone: false });
        }
        let resolvers = self.resolvers();
        let Some(running) = &mut self.running else { return Ok(()) };
        let told = Told { world: Arc::clone(world), host: host.clone(), resolvers };
        if running.told.as_ref() != Some(&told) {
            let directory = directory(&world.network, host);
            let briefing = Briefing { directory, resolvers: told.resolvers.clone() };
            running.worker.tell(&briefing).map_err(|error| chain(&error))?;
            running.told = Some(told);
        }
        if !running.alone && running.worker.is_ready() {
            let Launch { kind, place, .. } = &self.launch;
            let own = Some(running.worker.pid());
            madang_workers::end_all(*kind, place, own).map_err(|error| chain(&error))?;
            running.alone = true;
            self.trouble = None;
        }
        if running.since.elapsed() > SETTLED {
            self.pause = PAUSE.0;
        }
        Ok(())
    }

    fn resolvers(&mut self) -> Vec<SocketAddr> {
        if let Some(resolvers) = &self.resolvers {
            return resolvers.clone();
        }
        let written = std::fs::metadata(RESOLV_CONF).and_then(|file| file.modified()).ok();
        if written.is_none() || written != self.of_host.0 {
            let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
            self.of_host = (written, resolvers_of(&text));
        }
        self.of_host.1.clone()
    }

    /// Ends the worker, and what an earlier daemon left.
    fn end(&mut self) {
        if self.running.take().is_some()
            && let Err(error) = madang_workers::end_all(self.launch.kind, &self.launch.place, None)
        {
            tracing::warn!("cannot end the name service: {}", chain(&error));
        }
        self.trouble = None;
    }
}

/// Where the workers have their marks.
pub(crate) fn place(layout: &Layout) -> PathBuf {
    layout.run_dir().join("workers")
}

/// Ends all workers, and removes their directory.
pub(crate) fn remove(place: &Path) -> Result<(), String> {
    madang_workers::end_all(Kind::Dns, place, None).map_err(|error| chain(&error))?;
    match std::fs::remove_dir_all(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", place.display()))
        }
        _ => Ok(()),
    }
}

/// Who may ask on this host, and the names of each VPC.
fn directory(network: &Network, host: &Host) -> Directory {
    let asker = |(uid, port): (&String, &madang_datapath::PortId)| {
        let instance = network.instances.get(uid)?;
        Some((port.0 & !SEEN_NETWORK, instance.vpc.0))
    };
    let zone = |vpc: &madang_compile::VpcNetwork| Zone {
        domain: vpc.domain(),
        ranges: vpc.cidrs.clone(),
        ..Zone::default()
    };
    let mut directory = Directory {
        askers: host.ports.iter().filter_map(asker).collect(),
        zones: network.vpcs.iter().map(|(id, vpc)| (id.0, zone(vpc))).collect(),
    };
    for instance in network.instances.values() {
        if let Some(zone) = directory.zones.get_mut(&instance.vpc.0) {
            zone.hosts.insert(bare(&instance.name).to_owned(), instance.address);
        }
    }
    directory
}

/// The resolvers that a `resolv.conf` names.
fn resolvers_of(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        Some(SocketAddr::new(address.parse().ok()?, NAMES_PORT))
    };
    text.lines().filter_map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_resolvers_are_read() {
        let text = "# a comment\nsearch example.org\nnameserver 192.0.2.1\n nameserver  2001:db8::1 \nnameserver x\n";
        let expected = ["192.0.2.1:53", "[2001:db8::1]:53"].map(|text| text.parse().unwrap());
        assert_eq!(resolvers_of(text), expected);
    }
}
