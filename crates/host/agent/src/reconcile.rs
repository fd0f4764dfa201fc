//! The loop: what is declared, what is there, what differs; do it, and say what is true.

mod drift;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use madang_api::{ApiError, INSTANCE_FINALIZER, Reason};
use madang_compile::Desired;
use madang_compute::State;
use madang_datapath::PortId;
use madang_model::{Kind, Layout, ObjectRef, Resource};
use madang_plan::{Action, Plan};
use madang_store::Revision;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::AgentError;
use crate::controllers::{Controllers, GroupReport};
use crate::daemon::Agent;
use crate::dhcp_servers::DhcpServers;
use crate::events::story;
use crate::exhaustion::Exhaustion;
use crate::host::{Facts, Host, subject};
use crate::memory::OutOfMemory;
use crate::runtime::chain;
use crate::services::Services;
use crate::status::{InstanceFacts, More, Verdict, updated};
use crate::workloads::Workloads;
use crate::world::World;

/// How long the loop sleeps when nothing is under way: what drifts is mended after this.
const IDLE: Duration = Duration::from_millis(1_750);
/// How often the memory that a change took is given back.
const MEMORY: Duration = Duration::from_secs(15);
/// How long it sleeps while something is under way.
const BUSY: Duration = Duration::from_millis(50);

/// What the loop saw and wanted last.
#[derive(Clone, Default)]
pub(crate) struct Picture {
    pub(crate) world: Arc<World>,
    pub(crate) desired: Arc<Desired>,
    /// The interfaces that `desired` is for.
    interfaces: madang_compile::Host,
}

/// The loop's thread.
pub(crate) struct Reconciler {
    /// Comes back when the loop ends; never, if it breaks off.
    host: oneshot::Receiver<Host>,
}

impl Reconciler {
    /// Starts the loop.
    pub(crate) fn start(
        agent: Arc<Agent>,
        host: Host,
        services: Services,
        dhcp_servers: DhcpServers,
    ) -> Result<Self, AgentError> {
        agent.registry.ensure_default_project()?;
        let node = crate::node::register(&agent.registry)?;
        let version = env!("CARGO_PKG_VERSION");
        agent.events.normal(&node, "DaemonStarted", format!("madang {version} looks after this host"));
        let (ended, receiver) = oneshot::channel();
        let runtime = Handle::current();
        let workloads = Workloads::new(agent.driver.clone(), runtime.clone());
        let memory = OutOfMemory::new(&agent.layout);
        let controllers = Controllers::new(agent.registry.clone(), agent.events.clone());
        let body = move || {
            let mut this = Loop {
                agent,
                host,
                workloads,
                services,
                dhcp_servers,
                memory,
                exhaustion: Exhaustion::default(),
                controllers,
                addresses: story::Addresses::default(),
                world: None,
                settled: None,
                seen: None,
                said: BTreeSet::new(),
            };
            this.run(&runtime);
            let _ = ended.send(this.host);
        };
        let thread = std::thread::Builder::new().name("reconcile".to_owned()).spawn(body);
        thread.map_err(AgentError::Thread)?;
        Ok(Self { host: receiver })
    }

    /// Waits for the loop to end; it does after [`Agent::shutdown`] was set.
    ///
    /// # Errors
    /// It has broken off.
    pub(crate) async fn ended(&mut self) -> Result<Host, AgentError> {
        (&mut self.host).await.map_err(|_| AgentError::Loop)
    }
}

struct Loop {
    agent: Arc<Agent>,
    host: Host,
    workloads: Workloads,
    services: Services,
    dhcp_servers: DhcpServers,
    memory: OutOfMemory,
    exhaustion: Exhaustion,
    controllers: Controllers,
    addresses: story::Addresses,
    /// What is declared, and the store's revision at which it was read.
    world: Option<(Revision, Arc<World>)>,
    /// What was declared when the host last was as declared: what differs from that then was not done by Madang.
    settled: Option<Arc<World>>,
    /// What was last reported on.
    seen: Option<(Revision, Facts, Turn)>,
    /// The troubles of the last turn, so that one that stays is said once.
    said: BTreeSet<String>,
}

/// An instance that is declared, but cannot be right beside the others now (its security group is gone, say), is cut off,
/// since it is in no table, but not ended: what is missing may come back.
fn spare(plan: &mut Plan, world: &World) {
    let declared: BTreeSet<&str> = world.resources.iter().filter_map(declared_uid).collect();
    plan.actions.retain(|action| match action {
        Action::StopWorkload { uid, .. }
        | Action::DeletePort { uid, .. }
        | Action::DeleteNamespace { uid } => {
            world.network.instances.contains_key(uid) || !declared.contains(uid.as_str())
        }
        _ => true,
    });
}

fn declared_uid(resource: &Resource) -> Option<&str> {
    let metadata = resource.metadata();
    let instance = matches!(resource, Resource::Instance(_)) && metadata.deletion_timestamp.is_none();
    metadata.uid.as_deref().filter(|_| instance)
}

/// What one turn came to.
#[derive(Clone, Debug, Default, PartialEq)]
struct Turn {
    /// What failed, by the instance's uid.
    failed: BTreeMap<String, String>,
    /// What failed for everybody.
    broken: Option<String>,
    /// How each group of instances is, by its uid.
    groups: BTreeMap<String, GroupReport>,
    /// How each DHCP server is, by its uid.
    servers: BTreeMap<String, Verdict>,
    /// What is not well, in words.
    troubles: BTreeSet<String>,
    /// Whether something was done, so that there is more to see soon.
    busy: bool,
}

impl Loop {
    fn run(&mut self, runtime: &Handle) {
        let done = self.workloads.done();
        let mut changed = self.agent.registry.changed();
        let mut asked = self.agent.shutdown.subscribe();
        let mut given_back = Instant::now();
        while asked.borrow_and_update().is_none() {
            changed.mark_unchanged();
            let turn = self.turn();
            for trouble in turn.troubles.difference(&self.said) {
                tracing::warn!("{trouble}");
            }
            self.said = turn.troubles;
            if !turn.busy && given_back.elapsed() > MEMORY {
                madang_kernel::process::give_back_memory();
                given_back = Instant::now();
            }
            let pause = if turn.busy { BUSY } else { IDLE };
            runtime.block_on(async {
                tokio::select! {
                    _ = changed.changed() => {}
                    _ = asked.changed() => {}
                    () = done.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            });
        }
    }

    fn turn(&mut self) -> Turn {
        let mut turn = Turn { failed: self.workloads.settle(), ..Turn::default() };
        let last = self.agent.picture();
        let world = match self.world() {
            Ok(world) => world,
            Err(error) => {
                turn.troubles.insert(format!("cannot read what is declared: {}", chain(&error)));
                return turn;
            }
        };
        let controlled = self.controllers.turn(&world);
        turn.groups = controlled.groups;
        turn.troubles.extend(controlled.troubles);
        let facts = match self.look(&world, &last) {
            Ok((picture, facts)) => {
                if let Err(error) = self.host.collect() {
                    turn.troubles.insert(format!("cannot clear away what has expired: {error}"));
                }
                let picture = match self.mend(&picture, &facts, &mut turn) {
                    Some((desired, interfaces)) => {
                        Picture { desired: Arc::new(desired), interfaces, ..picture }
                    }
                    None => picture,
                };
                turn.troubles.extend(self.services.turn(&picture.world, &picture.interfaces));
                turn.servers = self.dhcp_servers.turn(&picture.world);
                self.agent.show(picture);
                facts
            }
            Err(error) => {
                turn.broken = Some(format!("cannot see this host's state: {error}"));
                Facts::default()
            }
        };
        turn.troubles.extend(turn.failed.values().chain(&turn.broken).cloned());
        self.tell_of_memory(&world, &facts);
        self.tell_of_exhaustion(&world, &mut turn);
        self.report(&world, facts, &mut turn);
        turn
    }

    /// What is declared now.
    fn world(&mut self) -> Result<Arc<World>, ApiError> {
        // What is written from here on is read in the next turn, if it was not read already.
        let revision = self.agent.registry.revision();
        let last = match &self.world {
            Some((read, world)) if *read == revision => return Ok(Arc::clone(world)),
            Some((_, world)) => Arc::clone(world),
            None => Arc::default(),
        };
        let world = World::read(&self.agent.registry, &self.agent.layout, &last)?;
        self.world = Some((revision, Arc::clone(&world)));
        Ok(world)
    }

    /// What is on the host now, and what it must have.
    fn look(&mut self, world: &Arc<World>, last: &Picture) -> Result<(Picture, Facts), String> {
        let mut observed = self.host.observe(world)?;
        let interfaces = observed.host();
        let same = Arc::ptr_eq(world, &last.world) && interfaces == last.interfaces;
        let desired =
            if same { Arc::clone(&last.desired) } else { Arc::new(world.network.for_host(&interfaces)) };
        let mut running = self.agent.driver.observe().map_err(|error| chain(&error))?;
        running.extend(crate::workloads::ended_before(world, &running));
        observed.workloads = self.workloads.observed(world, &desired, &running);
        let processes = running.into_iter().map(|workload| (workload.uid.clone(), workload)).collect();
        Ok((Picture { world: Arc::clone(world), desired, interfaces }, Facts { observed, processes }))
    }

    /// Does what differs. Gives what the host must have, and for which interfaces, if there are new ones.
    fn mend(
        &mut self,
        picture: &Picture,
        facts: &Facts,
        turn: &mut Turn,
    ) -> Option<(Desired, madang_compile::Host)> {
        let mut plan = madang_plan::plan(&picture.desired, &facts.observed);
        spare(&mut plan, &picture.world);
        turn.troubles.extend(plan.not_done.iter().map(|not_done| format!("not done: {not_done}")));
        if plan.is_empty() {
            match self.host.sweep(&picture.desired, &facts.observed) {
                Ok(Some(mended)) => {
                    let node = picture.world.find(&ObjectRef::new(Kind::Node, crate::node::name()));
                    let message = format!("somebody else had changed this on the host; put right: {mended}");
                    node.into_iter().for_each(|node| self.agent.events.normal(node, "Mended", &message));
                }
                Ok(None) => {}
                Err(error) => drop(turn.troubles.insert(format!("cannot keep the host tidy: {error}"))),
            }
            if turn.failed.is_empty() {
                self.settled = Some(Arc::clone(&picture.world));
            }
            return None;
        }
        let is_idle = |action: &Action| subject(action).is_some_and(|uid| self.workloads.is_busy(uid));
        let idle = plan.actions.iter().all(is_idle);
        let shutdown = self.agent.shutdown.subscribe();
        let is_ending = || shutdown.borrow().is_some();
        let both = (&*picture.desired, &facts.observed);
        let done = self.host.carry_out(&plan, &picture.world, both, &mut self.workloads, is_ending);
        let settled = self.settled.take().filter(|settled| settled.network == picture.world.network);
        if settled.is_some() {
            for (resource, message) in drift::mended(&plan, &done, &picture.world) {
                self.agent.events.normal(resource, "Mended", message);
            }
        }
        turn.busy = !idle && done.failed.is_empty() && done.broken.is_none();
        turn.failed.extend(done.failed);
        turn.broken = done.broken;
        done.desired
    }

    /// Writes what is true of every resource, and lets go of what is gone.
    fn report(&mut self, world: &World, facts: Facts, turn: &mut Turn) {
        let now = (world.revision, facts, turn.clone());
        if self.seen.as_ref() == Some(&now) {
            return;
        }
        let (_, facts, _) = &now;
        self.workloads.forget(|uid| !world.workloads.contains_key(uid) && !facts.processes.contains_key(uid));
        let uids: BTreeSet<_> = world.resources.iter().filter_map(|r| r.metadata().uid.as_deref()).collect();
        self.addresses.forget(|uid| uids.contains(uid));
        let time = crate::node::now();
        let node = crate::node::name();
        if world.find(&ObjectRef::new(Kind::Node, &node)).is_none()
            && let Err(error) = crate::node::register(&self.agent.registry)
        {
            turn.troubles.insert(format!("cannot record this host: {}", chain(&error)));
        }
        // Kinds that are nothing but what they say have no status.
        for resource in world.resources.iter().filter(|r| r.kind().layout() == Layout::Spec) {
            let written = if resource.metadata().deletion_timestamp.is_some() {
                self.let_go(resource, facts, turn)
            } else {
                let (verdict, more) = self.verdict(resource, (world, &node), facts, turn);
                self.write(resource, updated(resource, &verdict, more, &time))
            };
            match written {
                // Somebody was faster: the next turn sees it.
                Err(error) if error.is(Reason::Conflict) || error.is(Reason::NotFound) => {}
                Err(error) => {
                    // The disk is full, say: the others would fare no better.
                    turn.troubles.insert(format!("cannot record a status: {}", chain(&error)));
                    return;
                }
                Ok(()) => {}
            }
        }
        self.seen = Some(now);
    }
}

impl Loop {
    /// What is to be said of a resource, and of an instance's process.
    fn verdict(
        &self,
        resource: &Resource,
        (world, node): (&World, &str),
        facts: &Facts,
        turn: &mut Turn,
    ) -> (Verdict, More) {
        if let Some(wrong) = world.wrong.get(&resource.object_ref()) {
            return (wrong.clone(), More::Nothing);
        }
        if !world.holds(resource) {
            let message = "something that it refers to is not right: look at what that says";
            return (Verdict::not_ready("DependencyNotReady", message), More::Nothing);
        }
        if let Some(asserted) = world.asserted.get(&resource.object_ref()) {
            return (asserted.clone(), More::Nothing);
        }
        let verdict = match resource {
            Resource::Instance(instance) => {
                let uid = instance.metadata.uid.as_deref().unwrap_or_default();
                return self.instance((uid, instance.spec.host.is_some()), node, facts, turn);
            }
            Resource::InstanceGroup(group) => {
                let report = turn.groups.get(group.metadata.uid.as_deref().unwrap_or_default());
                return match report {
                    Some(report) => (report.verdict.clone(), More::Group(report.clone())),
                    None => (Verdict::not_ready("Scaling", "its instances are being made"), More::Nothing),
                };
            }
            Resource::DhcpServer(server) => {
                let uid = server.metadata.uid.as_deref().unwrap_or_default();
                let starting = || Verdict::not_ready("Starting", "its process is starting");
                turn.servers.get(uid).cloned().unwrap_or_else(starting)
            }
            Resource::Namespace(_) => Verdict::ready("Active", "resources can be made in it"),
            Resource::Node(other) if other.metadata.name != node => {
                Verdict::not_ready("NotThisHost", format!("this daemon runs on {node}"))
            }
            _ => match (&turn.broken, world.interface(resource)) {
                (Some(trouble), _) => Verdict::not_ready("HostError", trouble),
                (None, Some(interface)) if !facts.observed.uplinks.contains_key(interface) => {
                    let message = format!(
                        "this host has no interface {interface}: create it, or correct the pool's spec.interface"
                    );
                    Verdict::not_ready("InterfaceNotFound", message)
                }
                (None, _) if matches!(resource, Resource::Node(_)) => {
                    Verdict::ready("AgentRunning", "the agent runs and the datapath is loaded")
                }
                (None, _) => Verdict::ready("Programmed", "in force on this host"),
            },
        };
        (verdict, More::Nothing)
    }

    /// Tells of instances in which something was killed for lack of memory.
    fn tell_of_memory(&mut self, world: &World, facts: &Facts) {
        let there: BTreeSet<_> = facts.processes.keys().map(String::as_str).collect();
        for uid in self.memory.news(&there) {
            let found = world.resources.iter().find(|r| r.metadata().uid.as_ref() == Some(&uid));
            let Some(resource @ Resource::Instance(instance)) = found else { continue };
            let limit = instance.spec.resources.memory;
            let limit = limit.map(|limit| format!(" ({limit})")).unwrap_or_default();
            let message = format!(
                "a process in it was killed: it needed more than its limit of memory{limit}; allow it more with spec.resources.memory"
            );
            self.agent.events.warning(resource, "OOMKilled", message);
        }
    }

    /// Tells the instances, or this host, that connections were dropped because something has run out.
    fn tell_of_exhaustion(&mut self, world: &World, turn: &mut Turn) {
        let now = Instant::now();
        if !self.exhaustion.is_due(now) {
            return;
        }
        let counts = match self.agent.kernel.drops() {
            Ok(counts) => counts,
            Err(error) => {
                turn.troubles.insert(format!("cannot read the drop counters: {}", chain(&error)));
                return;
            }
        };
        let picture = self.agent.picture();
        let instance = |ifindex| {
            let port = picture.desired.tables.ports.get(&PortId(ifindex))?;
            let mut instances = world.network.instances.values();
            let found = instances.find(|i| (i.vpc, i.address) == (port.vpc, port.address))?;
            world.find(&ObjectRef::new(Kind::Instance, &found.name))
        };
        let node = || world.find(&ObjectRef::new(Kind::Node, crate::node::name()));
        for news in self.exhaustion.news(&counts, now) {
            if let Some(whose) = instance(news.ifindex).or_else(node) {
                self.agent.events.warning(whose, news.name(), news.message());
            }
        }
    }

    /// Writes a status, and tells what it says that is new.
    fn write(&mut self, old: &Resource, new: Option<Resource>) -> Result<(), ApiError> {
        let Some(new) = new else { return Ok(()) };
        let written = self.agent.registry.update_status(new)?;
        let told = self.addresses.news(old).into_iter().chain(story::between(old, &written));
        told.for_each(|told| self.agent.events.tell(&written, told));
        Ok(())
    }

    fn instance(
        &self,
        (uid, is_host): (&str, bool),
        node: &str,
        facts: &Facts,
        turn: &mut Turn,
    ) -> (Verdict, More) {
        let process = facts.processes.get(uid);
        let known = InstanceFacts {
            node: node.to_owned(),
            interface: self.agent.layout.port_name(uid),
            process: process.map(crate::workloads::status),
        };
        let port = facts.observed.ports.get(uid).is_some_and(|port| port.up && port.attached);
        let verdict = match (turn.failed.get(uid).or(turn.broken.as_ref()), process) {
            (Some(trouble), _) => Verdict::not_ready("HostError", trouble),
            (None, Some(process)) if port => match process.state {
                State::Running if process.shim.is_some() => {
                    Verdict::ready("Running", "its process runs and its port carries packets")
                }
                State::Exited if process.last_exit_code == Some(0) => {
                    Verdict::ready("Completed", "its process has done its work and ended")
                }
                State::Exited => Verdict::not_ready("Exited", process.message.clone()),
                State::Backoff => Verdict::not_ready("BackOff", process.message.clone()),
                State::Starting | State::Running => {
                    turn.busy = true;
                    Verdict::not_ready("Starting", "its process is starting")
                }
            },
            (None, None) if is_host && port => {
                let name = self.agent.layout.host_end_name(uid);
                Verdict::ready("Connected", format!("this host reaches the VPC by its interface {name}"))
            }
            (None, None) if is_host => {
                turn.busy = true;
                Verdict::not_ready("Creating", "the interface of this host is being made")
            }
            (None, _) => {
                turn.busy |= !self.workloads.is_busy(uid);
                Verdict::not_ready("Creating", "its port and its process are being made")
            }
        };
        (verdict, More::Instance(known))
    }

    /// An instance that is being deleted is let go when nothing of it is left. Other kinds are not on the host by themselves.
    fn let_go(&self, resource: &Resource, facts: &Facts, turn: &Turn) -> Result<(), ApiError> {
        if resource.kind() != Kind::Instance {
            return Ok(());
        }
        let uid = resource.metadata().uid.as_deref().unwrap_or_default();
        let observed = &facts.observed;
        let left = observed.namespaces.contains(uid)
            || observed.ports.contains_key(uid)
            || observed.workloads.contains_key(uid)
            || turn.broken.is_some();
        if left { Ok(()) } else { self.agent.registry.finalize(resource, INSTANCE_FINALIZER) }
    }
}
