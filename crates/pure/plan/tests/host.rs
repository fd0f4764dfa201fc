//! Plans for a host, carried out on a simulated one: whatever is on it, one round makes it right, and no step is unsafe.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../compile/tests/common/mod.rs"]
mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{SHOP, model, network, worlds};
use madang_addr::Mac;
use madang_compile::{End, Network, compile};
use madang_datapath::{PortId, Tables, UplinkId};
use madang_plan::{
    Action, HostObserved, ObservedPort, ObservedUplink, ObservedWorkload, Plan, WorkloadState, plan,
};
use proptest::prelude::*;

/// A host that does as it is told, and refuses what is unsafe.
struct Sim<'a> {
    network: &'a Network,
    host: HostObserved,
    next_index: u32,
}

impl Sim<'_> {
    fn plan(&self) -> Plan {
        plan(&self.network.for_host(&self.host.host()), &self.host)
    }

    fn carry_out(&mut self, plan: &Plan) {
        plan.actions.iter().for_each(|action| self.act(action));
    }

    fn port(&mut self, uid: &str) -> &mut ObservedPort {
        self.host.ports.get_mut(uid).unwrap_or_else(|| panic!("{uid} has no port"))
    }

    /// Who has ended for good needs neither port nor namespace.
    fn runs(&self, uid: &str) -> bool {
        self.host.workloads.get(uid).is_some_and(|workload| workload.state != WorkloadState::Ended)
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::StopWorkload { uid, .. } => assert!(self.host.workloads.remove(uid).is_some()),
            Action::DeletePort { uid, port, .. } => {
                assert!(!self.runs(uid), "something runs behind the port of {uid}");
                assert_eq!(self.host.ports.remove(uid).unwrap().port, *port);
            }
            Action::DeleteNamespace { uid } => {
                assert!(!self.host.ports.contains_key(uid) && !self.runs(uid));
                assert!(self.host.namespaces.remove(uid));
            }
            Action::CreateNamespace { uid, .. } | Action::BindHost { uid, .. } => {
                assert!(self.host.namespaces.insert(uid.clone()));
            }
            Action::CreatePort(spec) => {
                assert!(self.host.namespaces.contains(&spec.uid));
                self.next_index += 1;
                let port = ObservedPort {
                    complete: true,
                    name: spec.name.clone(),
                    port: PortId(self.next_index),
                    mac: spec.mac,
                    mtu: spec.mtu,
                    up: false,
                    attached: false,
                    reaches: match &spec.end {
                        End::Instance | End::Unmanaged => BTreeSet::new(),
                        End::Host(reaches) => reaches.clone(),
                    },
                };
                assert!(self.host.ports.insert(spec.uid.clone(), port).is_none());
            }
            Action::NamePort { uid, name } => self.port(uid).name.clone_from(name),
            Action::AttachPort { uid, .. } => self.port(uid).attached = true,
            Action::AttachUplink { interface } => {
                self.host.uplinks.get_mut(interface).unwrap().attached = true
            }
            Action::DetachUplink { interface } => {
                self.host.uplinks.get_mut(interface).unwrap().attached = false
            }
            Action::WriteTables => self.host.tables = Some(self.network.for_host(&self.host.host()).tables),
            Action::SetPortUp { uid, .. } => {
                let tables = self.host.tables.clone().unwrap_or_default();
                let port = self.port(uid);
                assert!(port.attached && tables.ports.contains_key(&port.port), "{uid} would send unguarded");
                port.up = true;
            }
            Action::WriteHosts { uid, .. } => {
                let hash = self.hosts_hash(uid);
                self.host.workloads.get_mut(uid).unwrap().hosts_hash = Some(hash);
            }
            Action::StartWorkload { uid, name } => {
                assert!(self.port(uid).up, "{uid} would start without a network");
                let alive = self.host.workloads.get(uid).is_some_and(|w| w.state != WorkloadState::Lost);
                assert!(!alive, "{uid} runs already");
                let spec_hash = self
                    .network
                    .for_host(&self.host.host())
                    .workloads
                    .iter()
                    .find(|w| w.uid == *uid)
                    .unwrap()
                    .spec_hash
                    .clone();
                let (hosts_hash, state) = (Some(self.hosts_hash(uid)), WorkloadState::Alive);
                let workload = ObservedWorkload { name: name.clone(), spec_hash, hosts_hash, state };
                self.host.workloads.insert(uid.clone(), workload);
            }
        }
    }

    fn hosts_hash(&self, uid: &str) -> u64 {
        self.network.vpcs[&self.network.instances[uid].vpc].hosts.hash
    }
}

fn uplink(attached: bool) -> ObservedUplink {
    ObservedUplink { uplink: UplinkId(2), mac: Mac([2, 0, 0, 0, 0, 2]), mtu: 1500, attached }
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.actions.iter().map(ToString::to_string).collect()
}

/// A host that has all of the shop.
fn settled(network: &Network) -> Sim<'_> {
    let host = HostObserved {
        uplinks: BTreeMap::from([("shop-uplink".to_owned(), uplink(false))]),
        ..HostObserved::default()
    };
    let mut sim = Sim { network, host, next_index: 10 };
    let plan = sim.plan();
    assert_eq!(plan.not_done, []);
    sim.carry_out(&plan);
    sim
}

#[test]
fn an_empty_host_gets_all_in_order() {
    let network = network(SHOP);
    let host = HostObserved {
        uplinks: BTreeMap::from([("shop-uplink".to_owned(), uplink(false))]),
        ..HostObserved::default()
    };
    let mut sim = Sim { network: &network, host, next_index: 10 };
    let plan = sim.plan();
    let of_web: Vec<_> = lines(&plan)
        .into_iter()
        .filter(|line| line.contains("web-1") || line.contains("tables") || line.contains("uplink"))
        .collect();
    assert_eq!(
        of_web,
        [
            "create the network namespace of web-1".to_owned(),
            format!("create the port of web-1 (10.0.1.10, {})", network.instances["uid-web-1"].mac),
            "attach the datapath to the port of web-1".to_owned(),
            "attach the datapath to shop-uplink".to_owned(),
            "write the datapath's tables".to_owned(),
            "set the port of web-1 up".to_owned(),
            "start the process of web-1".to_owned(),
        ]
    );
    sim.carry_out(&plan);
    let again = sim.plan();
    assert!(again.is_empty(), "{again}");
    assert_eq!(again.kept, 5 + 4 + 1, "ports, processes, and the uplink");
}

#[test]
fn a_rule_change_writes_tables_alone() {
    let before = network(SHOP);
    let mut sim = settled(&before);
    let after = network(&SHOP.replace("5432", "5433"));
    sim.network = &after;
    assert_eq!(lines(&sim.plan()), ["write the datapath's tables"]);
}

#[test]
fn a_removed_instance_goes_in_reverse() {
    let before = network(SHOP);
    let mut sim = settled(&before);
    let mut after = before.clone();
    after.instances.remove("uid-twin-2");
    sim.network = &after;
    assert_eq!(
        lines(&sim.plan()),
        [
            "stop the process of twin-2: no such instance is wanted any more",
            "write the datapath's tables",
            "delete the port of twin-2: no such instance is wanted any more",
            "let go of the network namespace of instance uid-twin-2",
        ]
    );
    sim.carry_out(&sim.plan());
    assert!(sim.plan().is_empty());
}

#[test]
fn a_changed_process_is_left_and_said() {
    let before = network(SHOP);
    let mut sim = settled(&before);
    let after = network(&SHOP.replace("[sleep, infinity]", "[sleep, \"1\"]"));
    sim.network = &after;
    let plan = sim.plan();
    assert!(plan.is_empty());
    assert_eq!(
        plan.to_string(),
        "not done: process of instance twin-2: it was started by another spec, and a process is not changed while it runs: delete the instance and create it again\n"
    );
}

#[test]
fn a_missing_uplink_is_said() {
    let network = network(SHOP);
    let mut sim = settled(&network);
    sim.host.uplinks.clear();
    let plan = sim.plan();
    assert_eq!(lines(&plan), ["write the datapath's tables"]);
    assert!(
        plan.not_done[0]
            .to_string()
            .starts_with("interface shop-uplink of address pool internet: this host has no interface")
    );
}

#[test]
fn what_broke_is_mended() {
    let network = network(SHOP);
    let uid = "uid-web-1";
    type Break = fn(&mut HostObserved);
    let cases: [(Break, &[&str]); 7] = [
        (
            |host| host.ports.get_mut("uid-web-1").unwrap().attached = false,
            &["attach the datapath to the port of web-1"],
        ),
        (|host| host.ports.get_mut("uid-web-1").unwrap().up = false, &["set the port of web-1 up"]),
        (|host| host.tables = None, &["write the datapath's tables"]),
        (
            |host| host.ports.get_mut("uid-web-1").unwrap().name = "web-0".to_owned(),
            &["note at its port that the instance is web-1"],
        ),
        (
            |host| host.workloads.get_mut("uid-web-1").unwrap().state = WorkloadState::Lost,
            &["start the process of web-1"],
        ),
        (
            |host| host.workloads.get_mut("uid-web-1").unwrap().hosts_hash = Some(0),
            &["renew the host names that web-1 knows"],
        ),
        (
            |host| host.ports.get_mut("uid-web-1").unwrap().mtu = 1400,
            &[
                "stop the process of web-1: its port is made anew",
                "delete the port of web-1: its MTU is 1400, and must be 1500",
                "create the port of web-1 (10.0.1.10, MAC)",
                "attach the datapath to the port of web-1",
                "write the datapath's tables",
                "set the port of web-1 up",
                "start the process of web-1",
            ],
        ),
    ];
    for (damage, expected) in cases {
        let mut sim = settled(&network);
        damage(&mut sim.host);
        let plan = sim.plan();
        let mac = network.instances[uid].mac.to_string();
        assert_eq!(lines(&plan).iter().map(|line| line.replace(&mac, "MAC")).collect::<Vec<_>>(), expected);
        sim.carry_out(&plan);
        assert!(sim.plan().is_empty());
    }
}

#[test]
fn the_host_gets_an_interface_and_nothing_is_started() {
    const HOST: &str = "---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: this-host }
spec: { subnet: web, securityGroups: [web], host: {} }
";
    let network = network(&format!("{SHOP}{HOST}"));
    let mut sim = settled(&network);
    let (uid, instance) = network.instances.iter().find(|(_, i)| i.name == "this-host").unwrap();
    assert!(!sim.host.workloads.contains_key(uid));
    let cidrs: BTreeSet<_> = network.vpcs[&instance.vpc].cidrs.iter().copied().collect();
    assert_eq!(sim.port(uid).reaches, cidrs);
    assert!(sim.host.tables.as_ref().unwrap().vpcs[&instance.vpc].endpoints[&instance.address].of_host);

    // Somebody has taken a route away, or the address, or has set it down.
    sim.port(uid).reaches.clear();
    let plan = sim.plan();
    assert_eq!(
        lines(&plan)[..3],
        [
            "delete the port of this-host: the host's end of it is not as it must be".to_owned(),
            format!("create the port of this-host ({}, {})", instance.address, instance.mac),
            "attach the datapath to the port of this-host".to_owned(),
        ]
    );
    sim.carry_out(&plan);
    assert!(sim.plan().is_empty());
}

#[test]
fn a_renamed_instance_runs_on() {
    let network = network(SHOP);
    let Sim { host, next_index, .. } = settled(&network);
    let renamed = common::network(&SHOP.replace("web-1", "front-1"));
    // As the store has it: another name, the same uid.
    let mut after = renamed;
    let mut instance = after.instances.remove("uid-front-1").unwrap();
    instance.uid = "uid-web-1".to_owned();
    (instance.mac, instance.address) =
        (network.instances["uid-web-1"].mac, network.instances["uid-web-1"].address);
    after.instances.insert("uid-web-1".to_owned(), instance);
    let mut sim = Sim { network: &after, host, next_index };
    let plan = sim.plan();
    assert_eq!(
        lines(&plan),
        [
            "note at its port that the instance is front-1",
            "renew the host names that db-1 knows",
            "renew the host names that front-1 knows",
        ]
    );
    assert_eq!(plan.not_done, []);
    sim.carry_out(&plan);
    assert!(sim.plan().is_empty());
}

const UIDS: [&str; 8] = ["uid-i0", "uid-i1", "uid-i2", "uid-i3", "uid-j0", "uid-j1", "gone-1", "gone-2"];

/// Whatever may be on a host: what a maker left that was stopped anywhere, and what somebody else broke.
fn hosts() -> impl Strategy<Value = HostObserved> {
    let port = (any::<bool>(), any::<bool>(), 0..4u8);
    let state = prop::sample::select(&[WorkloadState::Alive, WorkloadState::Ended, WorkloadState::Lost][..]);
    let workload = (any::<bool>(), prop::option::of(0..3u64), state);
    let each = (any::<bool>(), prop::option::of(port), prop::option::of(workload));
    let tables = prop::option::of(Just(Tables::default()));
    let uplinks = (prop::option::of(any::<bool>()), prop::option::of(any::<bool>()));
    (prop::collection::vec(each, UIDS.len()), tables, uplinks).prop_map(|(each, tables, (up0, other))| {
        let mut host = HostObserved { tables, ..HostObserved::default() };
        for (n, (uid, (namespace, port, workload))) in (10..).zip(UIDS.into_iter().zip(each)) {
            let name = uid.replace("uid-", "");
            if namespace {
                host.namespaces.insert(uid.to_owned());
            }
            if let Some((up, attached, wrong)) = port {
                let mac = if wrong == 0 { Mac([2, 2, 2, 2, 2, 2]) } else { Mac::from_seed(uid) };
                let mtu = if wrong == 1 { 1400 } else { 1500 };
                host.ports.insert(
                    uid.to_owned(),
                    ObservedPort {
                        name: name.clone(),
                        port: PortId(n),
                        complete: n % 5 != 0,
                        mac,
                        mtu,
                        up,
                        attached,
                        reaches: BTreeSet::new(),
                    },
                );
            }
            if let Some((right, hosts_hash, state)) = workload {
                let spec_hash = right.to_string();
                host.workloads
                    .insert(uid.to_owned(), ObservedWorkload { name, spec_hash, hosts_hash, state });
            }
        }
        host.uplinks.extend(up0.map(|attached| ("up0".to_owned(), uplink(attached))));
        let eth9 = |attached| ObservedUplink { uplink: UplinkId(9), ..uplink(attached) };
        host.uplinks.extend(other.map(|attached| ("eth9".to_owned(), eth9(attached))));
        host
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn one_round_makes_it_right(world in worlds(), host in hosts()) {
        let network = compile(&model(&world));
        let mut sim = Sim { network: &network, host, next_index: 100 };
        let first = sim.plan();
        sim.carry_out(&first);
        let second = sim.plan();
        prop_assert!(second.is_empty(), "{}\nthen\n{}", first, second);
        prop_assert_eq!(first.not_done, second.not_done);
    }

    #[test]
    fn it_may_be_stopped_after_any_step(world in worlds(), host in hosts(), stop in any::<prop::sample::Index>()) {
        let network = compile(&model(&world));
        let mut sim = Sim { network: &network, host, next_index: 100 };
        let first = sim.plan();
        let steps = stop.index(first.actions.len() + 1);
        first.actions[..steps].iter().for_each(|action| sim.act(action));
        sim.carry_out(&sim.plan());
        prop_assert!(sim.plan().is_empty());
    }
}
