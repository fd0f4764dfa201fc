//! The workloads of this host's instances: as planned, as the driver knows them.

use std::collections::BTreeMap;
use std::time::Duration;

use madang_compile::{Desired, WorkloadSpec};
use madang_compute::{Driver, ObservedWorkload, State, Workload};
use madang_kernel::Layout;
use madang_model::ProcessStatus;
use madang_plan::{Action, Plan, WorkloadState};

use crate::runtime::chain;
use crate::world::World;

/// How long a process has between being asked to end and being made to.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// What is known of the workloads beside what the driver tells.
#[derive(Default)]
pub(crate) struct Workloads {
    /// The names that each was last told, as a hash. After a start of the daemon nobody knows: they are told again.
    told: BTreeMap<String, u64>,
}

impl Workloads {
    /// The workloads, as a plan compares them.
    pub(crate) fn observed(
        &self,
        layout: &Layout,
        world: &World,
        running: &[ObservedWorkload],
    ) -> BTreeMap<String, madang_plan::ObservedWorkload> {
        let wanted = world.network.for_host(&madang_compile::Host::default()).workloads;
        let wanted: BTreeMap<&str, &WorkloadSpec> = wanted.iter().map(|spec| (spec.uid.as_str(), spec)).collect();
        let observed = |found: &ObservedWorkload| {
            let spec = wanted.get(found.uid.as_str());
            // The driver has a hash of its own, which includes the place: equal there is equal here.
            let same = spec.filter(|spec| workload(layout, spec).spec_hash() == found.spec_hash);
            madang_plan::ObservedWorkload {
                name: spec.map_or_else(|| found.uid.clone(), |spec| spec.name.clone()),
                spec_hash: same.map(|spec| spec.spec_hash.clone()).unwrap_or_default(),
                hosts_hash: Some(self.told.get(&found.uid).copied().unwrap_or(0)),
                state: state(found),
            }
        };
        running.iter().map(|found| (found.uid.clone(), observed(found))).collect()
    }

    /// Starts a workload; if it runs already, tells it the names of its VPC's instances.
    pub(crate) async fn start(
        &mut self,
        layout: &Layout,
        uid: &str,
        desired: &Desired,
        driver: &Driver,
    ) -> Result<(), String> {
        let Some(spec) = desired.workloads.iter().find(|spec| spec.uid == uid) else { return Ok(()) };
        driver.start(&workload(layout, spec)).await.map_err(|error| chain(&error))?;
        self.told.insert(uid.to_owned(), spec.hosts.hash);
        Ok(())
    }

    /// Ends all that a plan wants ended, at once and not one after the other.
    pub(crate) async fn stop_all(&mut self, plan: &Plan, driver: &Driver, failed: &mut BTreeMap<String, String>) {
        let stopping = plan.actions.iter().filter_map(|action| match action {
            Action::StopWorkload { uid, .. } => Some((action, uid.clone())),
            _ => None,
        });
        let tasks: Vec<_> = stopping
            .map(|(action, uid)| {
                tracing::info!("{action}");
                let (driver, of) = (driver.clone(), uid.clone());
                (uid, tokio::spawn(async move { driver.stop(&of, GRACE).await }))
            })
            .collect();
        for (uid, task) in tasks {
            self.told.remove(&uid);
            let stopped = task.await.map_err(|e| e.to_string()).and_then(|done| done.map_err(|e| chain(&e)));
            if let Err(error) = stopped {
                failed.insert(uid, format!("could not stop the process: {error}"));
            }
        }
    }
}

fn workload(layout: &Layout, spec: &WorkloadSpec) -> Workload {
    Workload {
        uid: spec.uid.clone(),
        name: spec.name.clone(),
        netns: layout.netns(&spec.uid),
        process: spec.process.clone(),
        resources: spec.resources.clone(),
        address: spec.address,
        hosts: spec.hosts.lines.clone(),
        nameservers: spec.nameservers.clone(),
    }
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
