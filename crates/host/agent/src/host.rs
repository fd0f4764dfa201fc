//! The host's side of the agent: what is on it, and how each step of a plan is carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use madang_addr::{Mac, Prefix};
use madang_compile::{Desired, End, Instance, PortSpec};
use madang_compute::ObservedWorkload;
use madang_datapath::{PortId, UplinkId};
use madang_kernel::datapath::{Attached, Datapath};
use madang_kernel::guard::Guard;
use madang_kernel::link::{Link, Links};
use madang_kernel::port::{self, GUEST_LINK, Port};
use madang_kernel::{Changes, Layout, Netlink, netns};
use madang_plan::{Action, HostObserved, ObservedPort, ObservedUplink, Plan};

use crate::runtime::chain;
use crate::workloads::Workloads;
use crate::world::World;

/// How often flows that have expired are cleared away, where many go and where few do.
const COLLECT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));
/// How many expired entries are many.
const MUCH: usize = 512;

type Result<T> = std::result::Result<T, String>;

/// What is on the host, and of what processes.
#[derive(Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) observed: HostObserved,
    pub(crate) processes: BTreeMap<String, ObservedWorkload>,
}

/// What carrying out a plan came to.
#[derive(Default)]
pub(crate) struct Done {
    /// What failed, by the instance's uid.
    pub(crate) failed: BTreeMap<String, String>,
    /// What failed for everybody.
    pub(crate) broken: Option<String>,
    /// What the host must have, and the interfaces that this is for, if there are new ones.
    pub(crate) desired: Option<(Desired, madang_compile::Host)>,
}

/// The host, as far as it is ours.
pub(crate) struct Host {
    layout: Layout,
    datapath: Datapath,
    guard: Guard,
    /// What the firewall's table was last seen to hold, and what tells of changes of it since.
    guarded: Option<(BTreeSet<String>, Changes)>,
    /// The Ethernet addresses of the instances' ends, which nobody changes from here.
    macs: BTreeMap<String, (PortId, Mac)>,
    watched: Option<Links>,
    /// The indices of all interfaces, when last seen.
    links: BTreeSet<u32>,
    /// When what has expired was last cleared away, and how long after that it is again.
    collected: (Instant, Duration),
}

impl Host {
    pub(crate) fn new(layout: Layout, datapath: Datapath) -> Self {
        let guard = Guard::new(&layout);
        Self {
            layout,
            datapath,
            guard,
            guarded: None,
            macs: BTreeMap::new(),
            watched: None,
            links: BTreeSet::new(),
            collected: (Instant::now(), COLLECT.0),
        }
    }

    /// What is on the host now, but for the workloads.
    pub(crate) fn observe(&mut self, world: &World) -> Result<HostObserved> {
        let said = |error: madang_kernel::Error| chain(&error);
        let namespaces = self.namespaces()?;
        // Taken out, so that the rest can be borrowed; after a failure they are watched anew.
        let watched = self.watched.take().map_or_else(Links::watch, Ok);
        let mut watched = watched.map_err(said)?;
        let links = watched.now().map_err(said)?;
        let attached = self.datapath.attached().map_err(|e| chain(&e))?;
        let mut ports = BTreeMap::new();
        let known = world.network.instances.keys().chain(&namespaces).collect::<BTreeSet<_>>();
        for uid in known {
            if let Some(link) = links.get(&self.layout.port_name(uid)) {
                ports.insert(uid.clone(), self.observed_port(uid, link, &attached, world)?);
            }
        }
        let uplinks = links.values().filter(|link| {
            world.network.uplinks.contains_key(&link.name)
                || attached.get(&link.index) == Some(&Attached::Uplink)
        });
        let uplinks = uplinks.map(|link| (link.name.clone(), observed_uplink(link, &attached))).collect();
        self.links = links.values().map(|link| link.index).collect();
        self.watched = Some(watched);
        // As long as an older datapath is on the interfaces, what is in our maps is in force nowhere.
        let tables = match self.datapath.is_behind() {
            true => None,
            false => Some(self.datapath.reader().observe().map_err(|e| chain(&e))?),
        };
        Ok(HostObserved { namespaces, ports, uplinks, workloads: BTreeMap::new(), tables })
    }

    fn namespaces(&self) -> Result<BTreeSet<String>> {
        let directory = self.layout.netns("x").parent().map(std::path::Path::to_owned).unwrap_or_default();
        let files = netns::list(&directory).map_err(|e| chain(&e))?;
        let name =
            |path: &std::path::PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        // A file to which nothing is bound was left by a crash: it is to be removed, or made anew, all the same.
        for path in files.iter().filter(|path| !netns::is_bound(path)) {
            netns::delete(path).map_err(|e| chain(&e))?;
        }
        Ok(files.iter().filter(|path| path.exists()).filter_map(name).collect())
    }

    fn observed_port(
        &mut self,
        uid: &str,
        link: &Link,
        attached: &BTreeMap<u32, Attached>,
        world: &World,
    ) -> Result<ObservedPort> {
        let port = PortId(link.index);
        let instance = world.network.instances.get(uid);
        let of_host = instance.filter(|instance| instance.process.is_none());
        let mac = match self.macs.get(uid).filter(|(of, _)| *of == port) {
            Some((_, mac)) => *mac,
            // Not known is not wrong: it is looked at again in the next turn.
            None => self
                .look_up_mac(uid, port, of_host.is_some())
                .unwrap_or_else(|_| instance.map(|instance| instance.mac).unwrap_or_default()),
        };
        Ok(ObservedPort {
            name: link.alias.clone().unwrap_or_else(|| uid.to_owned()),
            port,
            complete: link.alias.is_some(),
            mac,
            mtu: u16::try_from(link.mtu).unwrap_or(u16::MAX),
            up: Port::is_up(link),
            attached: attached.get(&link.index) == Some(&Attached::Port),
            reaches: of_host.map_or_else(|| Ok(BTreeSet::new()), |host| self.reached(uid, host))?,
        })
    }

    /// What the host reaches by its end of a port.
    fn reached(&self, uid: &str, instance: &Instance) -> Result<BTreeSet<Prefix>> {
        let name = self.layout.host_end_name(uid);
        let look = |mut netlink| port::reached(&mut netlink, &name, instance.address, instance.gateway);
        Netlink::open().and_then(look).map_err(|e| chain(&e))
    }

    fn look_up_mac(&mut self, uid: &str, port: PortId, of_host: bool) -> Result<Mac> {
        let name = self.layout.host_end_name(uid);
        let mac = end_mac(&self.layout, uid, if of_host { &name } else { GUEST_LINK })?;
        self.macs.insert(uid.to_owned(), (port, mac));
        Ok(mac)
    }

    /// Makes the firewall's table hold the ports that exist or are about to. Whether somebody else had changed it.
    fn keep_guard(&mut self, desired: &Desired, observed: &HostObserved) -> Result<bool> {
        let uids = desired.ports.iter().map(|port| &port.uid).chain(observed.ports.keys());
        let names: BTreeSet<String> = uids.map(|uid| self.layout.port_name(uid)).collect();
        // What is changed while it is looked at is told afterwards.
        let (before, changes) = match self.guarded.take() {
            Some((held, changes)) if !changes.any() && held == names => {
                self.guarded = Some((held, changes));
                return Ok(false);
            }
            Some((held, changes)) => (Some(held), changes),
            None => (None, Changes::of_firewall().map_err(|e| chain(&e))?),
        };
        let held = self.guard.observe().map_err(|e| chain(&e))?;
        let differs = held.as_ref() != Some(&names) && !(held.is_none() && names.is_empty());
        if differs {
            self.guard.ensure(&names).map_err(|e| chain(&e))?;
        }
        let ours = before.is_some_and(|ours| ours == names);
        self.guarded = Some((names, changes));
        Ok(differs && ours)
    }

    /// Carries out a plan, step by step, until it is told to end. What fails for one instance is not tried further for it,
    /// and goes on for the others; no port is made or set up unless the firewall's table holds it.
    pub(crate) fn carry_out(
        &mut self,
        plan: &Plan,
        world: &World,
        (desired, observed): (&Desired, &HostObserved),
        workloads: &mut Workloads,
        is_ending: impl Fn() -> bool,
    ) -> Done {
        let mut done = Done::default();
        let unguarded = self.keep_guard(desired, observed).err();
        for action in &plan.actions {
            if is_ending() {
                return done;
            }
            let uid = subject(action);
            if uid.is_some_and(|uid| done.failed.contains_key(uid) || workloads.is_busy(uid)) {
                continue;
            }
            let opens = matches!(action, Action::CreatePort(_) | Action::SetPortUp { .. });
            let result = match (action, &unguarded) {
                (_, Some(trouble)) if opens => Err(format!("the firewall's table cannot be kept: {trouble}")),
                (Action::WriteTables, _) => self.write_tables(world, &mut done),
                (Action::StopWorkload { uid, name, .. }, _) => {
                    workloads.stop(uid, name);
                    Ok(())
                }
                (Action::StartWorkload { uid, .. }, _) => {
                    workloads.start(uid, world, desired);
                    Ok(())
                }
                (Action::WriteHosts { uid, .. }, _) => {
                    workloads.tell(uid, world, desired);
                    Ok(())
                }
                (other, _) => self.carry_out_link(other),
            };
            match (result, uid) {
                (Ok(()), _) => tracing::info!("{action}"),
                (Err(error), Some(uid)) => {
                    done.failed.insert(uid.to_owned(), format!("could not {action}: {error}"));
                }
                (Err(error), None) => {
                    done.broken = Some(format!("could not {action}: {error}"));
                    return done;
                }
            }
        }
        done.broken = unguarded.map(|trouble| format!("the firewall's table cannot be kept: {trouble}"));
        done
    }

    fn write_tables(&mut self, world: &World, done: &mut Done) -> Result<()> {
        // The indices of new ports are known only now.
        let interfaces = self.observe(world)?.host();
        let desired = world.network.for_host(&interfaces);
        self.datapath.apply(&desired.tables).map_err(|e| chain(&e))?;
        done.desired = Some((desired, interfaces));
        Ok(())
    }

    fn carry_out_link(&mut self, action: &Action) -> Result<()> {
        let said = |error: madang_kernel::Error| chain(&error);
        match action {
            Action::CreateNamespace { uid, .. } => netns::create(&self.layout.netns(uid)).map_err(said),
            Action::BindHost { uid, .. } => netns::bind_current(&self.layout.netns(uid)).map_err(said),
            Action::DeleteNamespace { uid } => netns::delete(&self.layout.netns(uid)).map_err(said),
            Action::CreatePort(spec) => self.create_port(spec),
            Action::DeletePort { uid, port, .. } => self.delete_port(uid, *port),
            Action::NamePort { uid, name } => {
                let link = self.port_link(uid)?;
                Netlink::open().and_then(|mut netlink| netlink.set_alias(&link, name)).map_err(said)
            }
            Action::AttachPort { uid, .. } => {
                let link = self.port_link(uid)?;
                self.datapath.attach_port(link.index).map_err(|e| chain(&e))
            }
            Action::SetPortUp { uid, .. } => {
                let link = self.port_link(uid)?;
                Netlink::open().and_then(|mut netlink| Port::set_up(&mut netlink, &link)).map_err(said)
            }
            Action::AttachUplink { interface } => {
                let link = expect_link(interface)?;
                self.datapath.attach_uplink(link.index).map_err(|e| chain(&e))
            }
            Action::DetachUplink { interface } => {
                let link = expect_link(interface)?;
                self.datapath.detach(link.index).map_err(|e| chain(&e))
            }
            // Not of links: carried out above.
            Action::StopWorkload { .. }
            | Action::StartWorkload { .. }
            | Action::WriteHosts { .. }
            | Action::WriteTables => Ok(()),
        }
    }

    fn create_port(&mut self, spec: &PortSpec) -> Result<()> {
        let name = self.layout.host_end_name(&spec.uid);
        let end = match &spec.end {
            End::Instance => port::End::Instance,
            End::Unmanaged => port::End::Unmanaged,
            End::Host(reaches) => port::End::Host { name: &name, reaches },
        };
        let port = Port {
            name: &self.layout.port_name(&spec.uid),
            alias: &spec.name,
            mac: spec.mac,
            address: spec.address,
            length: spec.subnet.length(),
            gateway: spec.gateway,
            mtu: u32::from(spec.mtu),
            end,
        };
        let mut netlink = Netlink::open().map_err(|e| chain(&e))?;
        let link = port.create(&mut netlink, &self.layout.netns(&spec.uid)).map_err(|e| chain(&e))?;
        // An index comes again: what was attached to the one that had it before is not attached to this one.
        self.datapath.detach(link.index).map_err(|e| chain(&e))
    }

    /// The link goes before its program does, so that there is no moment with the one and without the other.
    fn delete_port(&mut self, uid: &str, port: PortId) -> Result<()> {
        self.macs.remove(uid);
        let name = self.layout.port_name(uid);
        Netlink::open().and_then(|mut netlink| netlink.delete_link(&name)).map_err(|e| chain(&e))?;
        self.datapath.detach(port.0).map_err(|e| chain(&e))
    }

    fn port_link(&self, uid: &str) -> Result<Link> {
        expect_link(&self.layout.port_name(uid))
    }

    /// Keeps the firewall's table. What it put right that somebody else had changed, in words.
    pub(crate) fn sweep(
        &mut self,
        desired: &Desired,
        observed: &HostObserved,
    ) -> Result<Option<&'static str>> {
        let mended = self.keep_guard(desired, observed)?;
        Ok(mended.then_some("write the firewall's table"))
    }

    /// Clears away what has expired, and counts the flows of everybody anew, if it is time: whatever else is under way.
    pub(crate) fn collect(&mut self) -> Result<()> {
        if self.collected.0.elapsed() < self.collected.1 {
            return Ok(());
        }
        // It walks the whole table, which is worth it where much goes.
        self.collected = (Instant::now(), COLLECT.0);
        if self.datapath.collect().map_err(|e| chain(&e))? < MUCH {
            self.collected.1 = COLLECT.1;
        }
        // An index comes again for another interface, which must not have the drops of this one.
        self.datapath.forget_drops(&self.links).map(drop).map_err(|e| chain(&e))
    }

    /// Removes the firewall's table.
    pub(crate) fn remove_guard(&mut self) -> Result<()> {
        self.guarded = None;
        self.guard.remove().map_err(|e| chain(&e))
    }
}

/// The instance that a step is for.
pub(crate) fn subject(action: &Action) -> Option<&str> {
    match action {
        Action::CreatePort(spec) => Some(&spec.uid),
        Action::StopWorkload { uid, .. }
        | Action::DeletePort { uid, .. }
        | Action::DeleteNamespace { uid }
        | Action::CreateNamespace { uid, .. }
        | Action::BindHost { uid, .. }
        | Action::NamePort { uid, .. }
        | Action::AttachPort { uid, .. }
        | Action::SetPortUp { uid, .. }
        | Action::WriteHosts { uid, .. }
        | Action::StartWorkload { uid, .. } => Some(uid),
        Action::AttachUplink { .. } | Action::DetachUplink { .. } | Action::WriteTables => None,
    }
}

fn expect_link(name: &str) -> Result<Link> {
    Netlink::open().and_then(|mut netlink| netlink.expect_link(name)).map_err(|e| chain(&e))
}

/// The Ethernet address of the instance's end; all zeroes if there is no such end.
fn end_mac(layout: &Layout, uid: &str, name: &str) -> Result<Mac> {
    let link = Netlink::open_in(&layout.netns(uid)).and_then(|mut netlink| netlink.link(name));
    Ok(link.map_err(|e| chain(&e))?.and_then(|link| link.mac).unwrap_or_default())
}

fn observed_uplink(link: &Link, attached: &BTreeMap<u32, Attached>) -> ObservedUplink {
    ObservedUplink {
        uplink: UplinkId(link.index),
        mac: link.mac.unwrap_or_default(),
        mtu: u16::try_from(link.mtu).unwrap_or(u16::MAX),
        attached: attached.get(&link.index) == Some(&Attached::Uplink),
    }
}
