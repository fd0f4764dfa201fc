//! What one host must have.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use madang_addr::hash::{START, fnv1a};
use madang_addr::{Mac, Prefix};
use madang_datapath::{Endpoint, Entry, Outside, Port, PortId, Tables, UplinkId, VpcId, VpcTables};
use madang_model::{Kind, ProcessSpec, Resources, bare};

use crate::network::{Instance, Network};
use crate::origin::{Origin, Origins};
use crate::outside::Uplink;
use crate::services::{self, SERVICES};

/// What only the host knows: the interfaces that exist on it now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The ports, by the instance's uid; that of the services is [`SERVICES`].
    pub ports: BTreeMap<String, PortId>,
    /// The interfaces to the outside, by name.
    pub uplinks: BTreeMap<String, HostUplink>,
}

/// An interface to the outside that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostUplink {
    /// Its index.
    pub id: UplinkId,
    /// Its Ethernet address.
    pub mac: Mac,
    /// The largest IP packet that it carries.
    pub mtu: u16,
}

/// What one host must have. All but the tables is the same before and after its interfaces exist.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// For the datapath. An instance without a port on this host is not in them, nor is an address whose interface is
    /// missing.
    pub tables: Tables,
    /// Where each entry of the tables comes from.
    pub origins: Origins,
    /// The ports, in the order of the instances' uids, and then that of the services.
    pub ports: Vec<PortSpec>,
    /// The interfaces to the outside, in the order of their names.
    pub uplinks: Vec<Uplink>,
    /// The workloads, in the order of the instances' uids.
    pub workloads: Vec<WorkloadSpec>,
}

/// An instance's port, and how the instance's end of it is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSpec {
    /// The instance's uid.
    pub uid: String,
    /// The instance's name.
    pub name: String,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its subnet.
    pub subnet: Prefix,
    /// Its default route.
    pub gateway: IpAddr,
    /// The largest IP packet.
    pub mtu: u16,
    /// Whose the other end is.
    pub end: End,
}

/// Whose the end of a port is that is not the datapath's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// An instance's: in a namespace of its own, with all that it has for a way.
    Instance,
    /// The same, without address and routes: it has a stack of its own.
    Unmanaged,
    /// The host's: beside its other interfaces. These addresses and no others it reaches by it: those of the VPC.
    Host(BTreeSet<Prefix>),
}

/// What an instance runs.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkloadSpec {
    /// The instance's uid.
    pub uid: String,
    /// The instance's name.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
    /// The command.
    pub process: ProcessSpec,
    /// Whether it has a network stack of its own.
    pub unmanaged: bool,
    /// What it may use of the host.
    pub resources: Resources,
    /// The names that it knows.
    pub hosts: Arc<Hosts>,
    /// Its name servers.
    pub nameservers: Vec<IpAddr>,
    /// What its VPC's names end in.
    pub domain: String,
    /// Of all that cannot change while it runs, which its name can: the same in every version that starts it alike. Who
    /// starts it may have another way to tell, and write that here.
    pub spec_hash: String,
}

/// The names of a VPC's instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// As in `/etc/hosts`: an address, and its names with spaces between them. In the order of addresses.
    pub lines: Vec<(IpAddr, String)>,
    /// Of the lines.
    pub hash: u64,
}

impl Hosts {
    pub(crate) fn of(domain: &str, instances: &[Instance]) -> Self {
        let names = |name: &str| format!("{name} {name}.{domain}");
        let mut lines: Vec<_> = instances.iter().map(|i| (i.address, names(bare(&i.name)))).collect();
        lines.sort_unstable();
        let line = |(address, names): &(IpAddr, String)| format!("{address} {names}\n");
        let hash = lines.iter().fold(START, |hash, own| fnv1a(hash, line(own).as_bytes()));
        Self { lines, hash }
    }
}

impl Network {
    /// What this host must have.
    pub fn for_host(&self, host: &Host) -> Desired {
        let mut desired = Desired {
            origins: self.origins.clone(),
            ports: self.instances.values().map(|i| self.port_spec(i)).chain(self.services()).collect(),
            uplinks: self.uplinks.values().cloned().collect(),
            workloads: self.instances.values().filter_map(|instance| self.workload(instance)).collect(),
            tables: Tables { outside: self.outside(host), ..Tables::default() },
        };
        for (uid, port) in &host.ports {
            if uid == SERVICES && !self.instances.is_empty() {
                services::add_port(&mut desired.tables, *port);
            }
            if let Some(instance) = self.instances.get(uid) {
                self.add_port(&mut desired, instance, *port);
            }
        }
        for id in desired.tables.outside.uplinks.keys() {
            let here =
                |uplink: &&Uplink| host.uplinks.get(&uplink.interface).is_some_and(|here| here.id == *id);
            let pools = self.uplinks.values().filter(here).flat_map(|uplink| &uplink.pools);
            let because = pools.map(|pool| Origin::new(Kind::AddressPool, pool, "spec.interface")).collect();
            desired.origins.insert(Entry::Uplink(*id), because);
        }
        desired
    }

    /// The services' port: there for whoever may ask.
    fn services(&self) -> Option<PortSpec> {
        services::port_spec().filter(|_| !self.instances.is_empty())
    }

    fn add_port(&self, desired: &mut Desired, instance: &Instance, id: PortId) {
        let Instance { vpc, address, mac, subnet, gateway, policy, routes, nat, process, .. } =
            instance.clone();
        let port = Port { vpc, address, mac, subnet, gateway };
        desired.tables.ports.insert(id, port);
        let tables = desired.tables.vpcs.entry(vpc).or_insert_with(|| self.vpc_tables(vpc));
        tables
            .endpoints
            .insert(address, Endpoint { port: id, mac, policy, routes, nat, of_host: process.is_none() });
        let because = vec![Origin::new(Kind::Instance, &instance.name, "")];
        desired.origins.insert(Entry::Port(id), because.clone());
        desired.origins.insert(Entry::Endpoint(vpc, address), because);
    }

    fn vpc_tables(&self, vpc: VpcId) -> VpcTables {
        self.vpcs.get(&vpc).map_or_else(VpcTables::default, |vpc| VpcTables {
            endpoints: BTreeMap::new(),
            classes: vpc.classes.clone(),
            routes: vpc.routes.clone(),
            rules: vpc.rules.clone(),
            forwards: vpc.services.clone(),
        })
    }

    fn outside(&self, host: &Host) -> Outside {
        let present = |name: &String| host.uplinks.get(name).copied();
        let uplink = |uplink: &Uplink| {
            let HostUplink { id, mac, mtu } = present(&uplink.interface)?;
            Some((id, madang_datapath::Uplink { mac, next_hop: uplink.next_hop, mtu }))
        };
        Outside {
            uplinks: self.uplinks.values().filter_map(uplink).collect(),
            addresses: self
                .addresses
                .iter()
                .filter_map(|(a, name)| present(name).map(|here| (*a, here.id)))
                .collect(),
            nats: self.nats.clone(),
            forwards: self.forwards.clone(),
        }
    }

    fn port_spec(&self, instance: &Instance) -> PortSpec {
        let Instance { uid, name, vpc, address, mac, subnet, gateway, mtu, process, .. } = instance.clone();
        let cidrs = || self.vpcs.get(&vpc).map(|vpc| vpc.cidrs.iter().copied().collect());
        let end = match process {
            None => End::Host(cidrs().unwrap_or_default()),
            Some(_) if instance.unmanaged => End::Unmanaged,
            Some(_) => End::Instance,
        };
        PortSpec { uid, name, vpc, address, mac, subnet, gateway, mtu, end }
    }

    /// Nothing, if it is the host.
    fn workload(&self, instance: &Instance) -> Option<WorkloadSpec> {
        let Instance { uid, name, vpc, address, process, unmanaged, resources, .. } = instance.clone();
        let process = process?;
        let hosts = self.vpcs.get(&vpc).map(|vpc| Arc::clone(&vpc.hosts)).unwrap_or_default();
        let mut fixed =
            vec![serde_json::json!(address), serde_json::json!(process), serde_json::json!(resources)];
        fixed.extend(unmanaged.then(|| "unmanaged".into()));
        let text = serde_json::Value::from(fixed).to_string();
        let domain = self.vpcs.get(&vpc).map(|vpc| vpc.domain()).unwrap_or_default();
        let nameservers = services::name_server(instance.subnet).into_iter().collect();
        let spec_hash = format!("{:016x}", fnv1a(START, text.as_bytes()));
        Some(WorkloadSpec {
            uid,
            name: bare(&name).to_owned(),
            address,
            process,
            unmanaged,
            resources,
            hosts,
            nameservers,
            domain,
            spec_hash,
        })
    }
}
