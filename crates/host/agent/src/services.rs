//! The workers behind the services: started once their namespace is there, told what changes, started again when they end.

mod identities;
mod keeper;
mod leases;

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use madang_compile::{Host, LEASES_PORT, METADATA_PORT, NAMES_PORT, Network, SERVER, SERVICES};
use madang_datapath::PortId;
use madang_datapath::abi::SEEN_NETWORK;
use madang_dns::{Directory, Zone};
use madang_kernel::Layout;
use madang_metadata::Identities;
use madang_model::bare;
use madang_workers::{Briefing, Kind, Launch, Leases};

use self::identities::{Key, identities};
use self::keeper::Keeper;
use self::leases::leases;
use crate::runtime::chain;
use crate::world::World;

/// Whom the host itself asks for names.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The services of this host.
pub(crate) struct Services {
    netns: PathBuf,
    names: Keeper<(Told, Vec<SocketAddr>), Briefing>,
    metadata: Keeper<Told, Identities>,
    leases: Keeper<Told, Leases>,
    key: Key,
    /// Whom the name service asks, if the host's own resolvers are not to be asked.
    resolvers: Option<Vec<SocketAddr>>,
    /// Those of the host, and when their file was written.
    of_host: (Option<SystemTime>, Vec<SocketAddr>),
}

/// What a briefing is made of.
#[derive(Clone)]
struct Told {
    world: Arc<World>,
    host: Host,
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.world, &other.world) && self.host == other.host
    }
}

impl Services {
    pub(crate) fn new(layout: &Layout, executable: &Path, resolvers: Option<Vec<SocketAddr>>) -> Self {
        let (place, netns) = (place(layout), layout.netns(SERVICES));
        let launch = |kind, port| Launch {
            kind,
            executable: executable.to_owned(),
            place: place.clone(),
            netns: netns.clone(),
            address: SocketAddr::new(SERVER, port),
        };
        Self {
            names: Keeper::new(launch(Kind::Dns, NAMES_PORT)),
            metadata: Keeper::new(launch(Kind::Metadata, METADATA_PORT)),
            leases: Keeper::new(launch(Kind::Dhcp, LEASES_PORT)),
            key: Key::new(&place),
            netns,
            resolvers,
            of_host: (None, Vec::new()),
        }
    }

    /// Makes the workers run and know what they must. What is wrong with them.
    pub(crate) fn turn(&mut self, world: &Arc<World>, host: &Host) -> Vec<String> {
        let namespace = std::fs::metadata(&self.netns).map(|file| file.ino()).ok();
        let Some(namespace) = namespace.filter(|_| host.ports.contains_key(SERVICES)) else {
            self.names.end();
            self.metadata.end();
            self.leases.end();
            return Vec::new();
        };
        let resolvers = self.resolvers();
        let told = Told { world: Arc::clone(world), host: host.clone() };
        let names = self.names.keep(namespace, &(told.clone(), resolvers.clone()), || Briefing {
            directory: directory(&world.network, host),
            resolvers: resolvers.clone(),
        });
        let metadata = match self.key.get() {
            Ok(key) => self.metadata.keep(namespace, &told, || identities(world, host, key.clone())),
            Err(trouble) => Some(trouble),
        };
        let leases = self.leases.keep(namespace, &told, || leases(world, host));
        names.into_iter().chain(metadata).chain(leases).collect()
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
}

/// Where the workers have their marks.
pub(crate) fn place(layout: &Layout) -> PathBuf {
    layout.run_dir().join("workers")
}

/// Ends all workers, and removes their directory.
pub(crate) fn remove(place: &Path) -> Result<(), String> {
    for kind in Kind::ALL {
        madang_workers::end_all(kind, place).map_err(|error| chain(&error))?;
    }
    match std::fs::remove_dir_all(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", place.display()))
        }
        _ => Ok(()),
    }
}

/// As whom a service sees who has this port.
fn seen(port: PortId) -> u32 {
    port.0 & !SEEN_NETWORK
}

/// Who may ask on this host, and the names of each VPC.
fn directory(network: &Network, host: &Host) -> Directory {
    let asker = |(uid, port): (&String, &PortId)| {
        let instance = network.instances.get(uid)?;
        Some((seen(*port), instance.vpc.0))
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
