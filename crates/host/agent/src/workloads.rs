//! The workloads of this host's instances: what is under way with them, and how they are.
//!
//! Starting and ending take their time, and nobody waits for it: each is a task of its own, at most one for an instance, and
//! the loop goes on. It is woken when one is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use madang_compile::Desired;
use madang_compute::{Driver, ObservedWorkload, State};
use madang_model::{ProcessStatus, Resource, RestartPolicy};
use madang_plan::WorkloadState;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use crate::runtime::chain;
use crate::world::World;

/// How long a process has between being asked to end and being made to.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// How many are started at once.
const AT_ONCE: usize = 4;
/// How long to wait before something that failed is tried again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What is under way with the workloads, and what came of it.
pub(crate) struct Workloads {
    driver: Driver,
    runtime: Handle,
    under_way: BTreeMap<String, JoinHandle<Result<(), String>>>,
    failed: BTreeMap<String, Failure>,
    /// The names that each was last told, as a hash. After a start of the daemon nobody knows: they are told again.
    told: BTreeMap<String, u64>,
    room: Arc<Semaphore>,
    done: Arc<Notify>,
}

/// What failed, and when it is tried again.
struct Failure {
    trouble: String,
    pause: Duration,
    again: Instant,
}

impl Workloads {
    pub(crate) fn new(driver: Driver, runtime: Handle) -> Self {
        Self {
            driver,
            runtime,
            under_way: BTreeMap::new(),
            failed: BTreeMap::new(),
            told: BTreeMap::new(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            done: Arc::default(),
        }
    }

    /// Notified when something that was under way is done.
    pub(crate) fn done(&self) -> Arc<Notify> {
        Arc::clone(&self.done)
    }

    /// Takes note of what is done. Gives what failed and was not yet tried again with success, by uid.
    pub(crate) fn settle(&mut self) -> BTreeMap<String, String> {
        let done: Vec<_> = self
            .under_way
            .iter()
            .filter(|(_, task)| task.is_finished())
            .map(|(uid, _)| uid.clone())
            .collect();
        for uid in done {
            let Some(task) = self.under_way.remove(&uid) else { continue };
            let result = self.runtime.block_on(task).map_err(|error| error.to_string()).flatten();
            match result {
                Ok(()) => drop(self.failed.remove(&uid)),
                Err(trouble) => {
                    self.told.remove(&uid);
                    let pause =
                        self.failed.get(&uid).map_or(PAUSE.0, |failure| (failure.pause * 2).min(PAUSE.1));
                    self.failed.insert(uid, Failure { trouble, pause, again: Instant::now() + pause });
                }
            }
        }
        self.failed.iter().map(|(uid, failure)| (uid.clone(), failure.trouble.clone())).collect()
    }

    /// Whether this instance is to be left alone for now: something is under way with its process, or failed just now.
    pub(crate) fn is_busy(&self, uid: &str) -> bool {
        self.under_way.contains_key(uid)
            || self.failed.get(uid).is_some_and(|failure| Instant::now() < failure.again)
    }

    /// What failed for instances that are gone is forgotten.
    pub(crate) fn forget(&mut self, is_gone: impl Fn(&str) -> bool) {
        self.failed.retain(|uid, _| !is_gone(uid));
        self.told.retain(|uid, _| !is_gone(uid));
    }

    /// Begins to start a workload.
    pub(crate) fn start(&mut self, uid: &str, world: &World, desired: &Desired) {
        let Some((workload, _)) = world.workloads.get(uid).cloned() else { return };
        if let Some(spec) = desired.workloads.iter().find(|spec| spec.uid == uid) {
            self.told.insert(uid.to_owned(), spec.hosts.hash);
        }
        let (driver, room) = (self.driver.clone(), Arc::clone(&self.room));
        self.begin(uid, async move {
            let _place = room.acquire_owned().await;
            let started = driver.start(&workload).await;
            started.map_err(|error| {
                format!("could not start the process of {}: {}", workload.name, chain(&error))
            })
        });
    }

    /// Begins to end a workload.
    pub(crate) fn stop(&mut self, uid: &str, name: &str) {
        self.told.remove(uid);
        let (driver, uid, name) = (self.driver.clone(), uid.to_owned(), name.to_owned());
        self.begin(&uid.clone(), async move {
            let stopped = driver.stop(&uid, GRACE).await;
            stopped.map_err(|error| format!("could not stop the process of {name}: {}", chain(&error)))
        });
    }

    /// Tells a running workload the names of its VPC's instances.
    pub(crate) fn tell(&mut self, uid: &str, world: &World, desired: &Desired) {
        let Some((workload, _)) = world.workloads.get(uid).cloned() else { return };
        if let Some(spec) = desired.workloads.iter().find(|spec| spec.uid == uid) {
            self.told.insert(uid.to_owned(), spec.hosts.hash);
        }
        let driver = self.driver.clone();
        self.begin(uid, async move {
            let told = driver.renew_names(&workload).await;
            told.map_err(|error| {
                format!("could not renew the names that {} knows: {}", workload.name, chain(&error))
            })
        });
    }

    fn begin(&mut self, uid: &str, work: impl Future<Output = Result<(), String>> + Send + 'static) {
        let done = Arc::clone(&self.done);
        let task = self.runtime.spawn(async move {
            let result = work.await;
            done.notify_one();
            result
        });
        self.under_way.insert(uid.to_owned(), task);
    }

    /// The workloads, as a plan compares them.
    pub(crate) fn observed(
        &self,
        world: &World,
        desired: &Desired,
        running: &[ObservedWorkload],
    ) -> BTreeMap<String, madang_plan::ObservedWorkload> {
        let specs: BTreeMap<&str, &str> =
            desired.workloads.iter().map(|spec| (spec.uid.as_str(), spec.spec_hash.as_str())).collect();
        let observed = |found: &ObservedWorkload| {
            let wanted = world.workloads.get(&found.uid);
            // The driver has a hash of its own, which includes the place: equal there is equal here.
            let same = wanted.filter(|(_, hash)| *hash == found.spec_hash);
            madang_plan::ObservedWorkload {
                name: wanted.map_or_else(|| found.uid.clone(), |(workload, _)| workload.name.clone()),
                spec_hash: same
                    .and_then(|_| specs.get(found.uid.as_str()))
                    .map(|hash| (*hash).to_owned())
                    .unwrap_or_default(),
                hosts_hash: Some(self.told.get(&found.uid).copied().unwrap_or(0)),
                state: state(found),
            }
        };
        running.iter().map(|found| (found.uid.clone(), observed(found))).collect()
    }
}

/// What ended for good before the host started anew, which forgets what ran: it is not run again. The status has how it ended.
pub(crate) fn ended_before(world: &World, running: &[ObservedWorkload]) -> Vec<ObservedWorkload> {
    let known: BTreeSet<&str> = running.iter().map(|found| found.uid.as_str()).collect();
    let ended = |resource: &Resource| {
        let Resource::Instance(object) = resource else { return None };
        let uid = object.metadata.uid.as_deref().filter(|uid| !known.contains(uid))?;
        let process = object.status.process.as_ref().filter(|process| process.pid.is_none())?;
        let code = process.last_exit_code?;
        let for_good = match object.spec.process.as_ref()?.restart_policy {
            RestartPolicy::Always => false,
            RestartPolicy::OnFailure => code == 0,
            RestartPolicy::Never => true,
        };
        // Of one that is being deleted nothing is left.
        let is_wanted = for_good && object.metadata.deletion_timestamp.is_none();
        let (_, hash) = world.workloads.get(uid).filter(|_| is_wanted)?;
        Some(ObservedWorkload {
            uid: uid.to_owned(),
            spec_hash: hash.clone(),
            shim: None,
            process_pid: None,
            state: State::Exited,
            started_at: process.started_at.as_deref().and_then(crate::node::time_of),
            restarts: process.restarts,
            last_exit_code: Some(code),
            message: format!(
                "it ended with exit status {code}, and its restart policy says that it is not started again"
            ),
        })
    };
    world.resources.iter().filter_map(ended).collect()
}

fn state(found: &ObservedWorkload) -> WorkloadState {
    match found.state {
        State::Starting | State::Running | State::Backoff if found.shim.is_some() => WorkloadState::Alive,
        State::Exited => WorkloadState::Ended,
        State::Starting | State::Running | State::Backoff => WorkloadState::Lost,
    }
}

/// A process, as a status tells it.
pub(crate) fn status(found: &ObservedWorkload) -> ProcessStatus {
    ProcessStatus {
        pid: found.process_pid,
        started_at: found.started_at.map(crate::node::rfc3339),
        restarts: found.restarts,
        last_exit_code: found.last_exit_code,
    }
}
