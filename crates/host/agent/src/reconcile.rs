//! The loop: what is declared, what is there, what differs; do it, and say what is true.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use madang_api::{ApiError, INSTANCE_FINALIZER, Reason};
use madang_compile::Desired;
use madang_compute::State;
use madang_model::Resource;
use madang_plan::{Action, Plan};
use tokio::runtime::Handle;

use crate::AgentError;
use crate::daemon::Agent;
use crate::host::Facts;
use crate::runtime::chain;
use crate::status::{InstanceFacts, Verdict, updated};
use crate::workloads::Workloads;
use crate::world::World;

/// How long the loop sleeps when nothing is under way: what drifts is mended after this.
const IDLE: Duration = Duration::from_secs(1);
/// How long it sleeps while something is under way.
const BUSY: Duration = Duration::from_millis(50);

/// What the loop saw and wanted last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    pub(crate) world: World,
    pub(crate) desired: Desired,
}

/// The loop's thread.
pub(crate) struct Reconciler {
    thread: JoinHandle<()>,
}

impl Reconciler {
    /// Starts the loop.
    pub(crate) fn start(agent: Arc<Agent>) -> Result<Self, AgentError> {
        let runtime = Handle::current();
        crate::node::register(&agent.registry)?;
        let body = move || Loop { workloads: Workloads::default(), said: BTreeSet::new(), agent, runtime }.run();
        let thread = std::thread::Builder::new().name("reconcile".to_owned()).spawn(body);
        let thread = thread.map_err(AgentError::Thread)?;
        Ok(Self { thread })
    }

    /// Waits for the loop to end; it does after [`Agent::shutdown`] was set.
    pub(crate) async fn join(self) {
        let _ = tokio::task::spawn_blocking(move || self.thread.join()).await;
    }
}

struct Loop {
    agent: Arc<Agent>,
    runtime: Handle,
    workloads: Workloads,
    /// What has been logged already, so that a trouble that stays is said once.
    said: BTreeSet<String>,
}

/// An instance that is declared, but cannot be right beside the others now (its security group is gone, say), is cut off,
/// since it is in no table, but not ended: what is missing may come back.
fn spare(plan: &mut Plan, world: &World) {
    let declared: BTreeSet<&str> = world.resources.iter().filter_map(declared_uid).collect();
    plan.actions.retain(|action| match action {
        Action::StopWorkload { uid, .. } | Action::DeletePort { uid, .. } | Action::DeleteNamespace { uid } => {
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
#[derive(Default)]
struct Turn {
    /// What failed, by the instance's uid.
    failed: BTreeMap<String, String>,
    /// What failed for everybody.
    broken: Option<String>,
    /// Whether something was done, or is under way.
    busy: bool,
}

impl Loop {
    fn run(mut self) {
        let mut changed = self.agent.registry.changed();
        let mut asked = self.agent.shutdown.subscribe();
        while asked.borrow_and_update().is_none() {
            changed.mark_unchanged();
            let pause = match self.turn() {
                Ok(turn) if turn.busy => BUSY,
                Ok(_) => IDLE,
                Err(error) => {
                    self.say(format!("cannot read what is declared: {}", chain(&error)));
                    IDLE
                }
            };
            self.runtime.block_on(async {
                tokio::select! {
                    _ = changed.changed() => {}
                    _ = asked.changed() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            });
        }
    }

    fn turn(&mut self) -> Result<Turn, ApiError> {
        let agent = Arc::clone(&self.agent);
        let picture = Arc::clone(&agent.picture.read().unwrap_or_else(std::sync::PoisonError::into_inner));
        let world = if picture.world.revision == agent.registry.revision() && !picture.world.resources.is_empty() {
            picture.world.clone()
        } else {
            World::read(&agent.registry)?
        };
        let mut host = agent.host.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut turn = Turn::default();
        let facts = match host.observe(&world, &agent.driver, &mut self.workloads) {
            Ok(facts) => facts,
            Err(error) => {
                self.say(format!("cannot see this host's state: {error}"));
                return Ok(turn);
            }
        };
        let desired = world.network.for_host(&facts.observed.host());
        let mut plan = madang_plan::plan(&desired, &facts.observed);
        spare(&mut plan, &world);
        for not_done in &plan.not_done {
            self.say(format!("not done: {not_done}"));
        }
        turn.busy = !plan.is_empty();
        let desired = if plan.is_empty() {
            // Nothing is amiss any more: what goes wrong from now on is news.
            self.said.clear();
            desired
        } else {
            let done = self.runtime.block_on(host.carry_out(&plan, &world, desired, &agent.driver, &mut self.workloads));
            turn.busy = done.failed.is_empty() && done.broken.is_none();
            done.failed.values().chain(&done.broken).for_each(|trouble| self.say(trouble.clone()));
            (turn.failed, turn.broken) = (done.failed, done.broken);
            done.desired
        };
        if let Err(error) = host.sweep(&desired) {
            self.say(format!("cannot keep the host tidy: {error}"));
        }
        drop(host);
        let picture = Arc::new(Picture { world, desired });
        *agent.picture.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::clone(&picture);
        self.report(&picture, &facts, &mut turn);
        Ok(turn)
    }

    /// Writes what is true of every resource, and lets go of what is gone.
    fn report(&mut self, picture: &Picture, facts: &Facts, turn: &mut Turn) {
        let now = crate::node::now();
        for resource in &picture.world.resources {
            if resource.metadata().deletion_timestamp.is_some() {
                self.let_go(resource, facts, turn);
                continue;
            }
            let (verdict, instance) = self.verdict(resource, picture, facts, turn);
            if let Some(new) = updated(resource, &verdict, instance, &now)
                && let Err(error) = self.agent.registry.update_status(new)
                && !error.is(Reason::Conflict)
                && !error.is(Reason::NotFound)
            {
                self.say(format!("cannot record the status of {}: {}", resource.object_ref(), chain(&error)));
            }
        }
    }
}

impl Loop {
    /// What is to be said of a resource, and of an instance's process.
    fn verdict(
        &self,
        resource: &Resource,
        picture: &Picture,
        facts: &Facts,
        turn: &mut Turn,
    ) -> (Verdict, Option<InstanceFacts>) {
        if let Some(wrong) = picture.world.wrong.get(&resource.object_ref()) {
            return (wrong.clone(), None);
        }
        match resource {
            Resource::Instance(instance) => {
                let uid = instance.metadata.uid.as_deref().unwrap_or_default();
                self.instance(uid, picture, facts, turn)
            }
            Resource::AddressPool(pool) if !facts.observed.uplinks.contains_key(&pool.spec.interface) => {
                let message = format!(
                    "this host has no interface {}: create it, or correct spec.interface",
                    pool.spec.interface
                );
                (Verdict::not_ready("InterfaceNotFound", message), None)
            }
            Resource::Node(_) => (Verdict::ready("AgentRunning", "the agent runs and the datapath is loaded"), None),
            _ => match &turn.broken {
                Some(trouble) => (Verdict::not_ready("HostError", trouble), None),
                None => (Verdict::ready("Programmed", "in force on this host"), None),
            },
        }
    }

    fn instance(
        &self,
        uid: &str,
        picture: &Picture,
        facts: &Facts,
        turn: &mut Turn,
    ) -> (Verdict, Option<InstanceFacts>) {
        if !picture.world.network.instances.contains_key(uid) {
            let message = "something that it needs is not right: look at its subnet and VPC";
            return (Verdict::not_ready("DependencyNotReady", message), None);
        }
        let process = facts.processes.get(uid);
        let known = InstanceFacts {
            node: crate::node::name(),
            interface: self.agent.layout.port_name(uid),
            process: process.map(crate::workloads::status),
        };
        let port = facts.observed.ports.get(uid).is_some_and(|port| port.up && port.attached);
        let verdict = match (turn.failed.get(uid).or(turn.broken.as_ref()), process) {
            (Some(trouble), _) => Verdict::not_ready("HostError", trouble),
            (None, Some(process)) if port => match process.state {
                State::Running => Verdict::ready("Running", "its process runs and its port carries packets"),
                State::Exited => Verdict::not_ready("Exited", process.message.clone()),
                State::Backoff => Verdict::not_ready("BackOff", process.message.clone()),
                State::Starting => {
                    turn.busy = true;
                    Verdict::not_ready("Starting", "its process is starting")
                }
            },
            (None, _) => {
                turn.busy = true;
                Verdict::not_ready("Creating", "its port and its process are being made")
            }
        };
        (verdict, Some(known))
    }

    /// An instance that is being deleted is let go when nothing of it is left.
    fn let_go(&mut self, resource: &Resource, facts: &Facts, turn: &mut Turn) {
        let uid = resource.metadata().uid.clone().unwrap_or_default();
        let observed = &facts.observed;
        let left = observed.namespaces.contains(&uid)
            || observed.ports.contains_key(&uid)
            || observed.workloads.contains_key(&uid);
        if left {
            turn.busy |= turn.failed.is_empty();
            return;
        }
        if let Err(error) = self.agent.registry.finalize(resource, INSTANCE_FINALIZER) {
            self.say(format!("cannot let go of {}: {}", resource.object_ref(), chain(&error)));
        }
    }

    /// Says a trouble, once while it stays.
    fn say(&mut self, trouble: String) {
        if !self.said.contains(&trouble) {
            tracing::warn!("{trouble}");
            self.said.insert(trouble);
        }
    }
}
