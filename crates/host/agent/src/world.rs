//! What is declared, and what follows from it, at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use madang_api::{ApiError, List, Registry};
use madang_compile::{Host, Network, WorkloadSpec};
use madang_compute::Workload;
use madang_kernel::Layout;
use madang_model::{Model, ObjectRef, Resource};
use madang_store::Revision;

use crate::status::{Verdict, wrong};

/// What is declared, and what follows from it, at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    /// The store's revision at that moment.
    pub(crate) revision: Revision,
    /// Everything that is declared: all but events.
    pub(crate) resources: Vec<Resource>,
    /// What of it is right, compiled.
    pub(crate) network: Network,
    /// What is wrong with the rest.
    pub(crate) wrong: BTreeMap<ObjectRef, Verdict>,
    /// Whether each assertion holds.
    pub(crate) asserted: BTreeMap<ObjectRef, Verdict>,
    /// What is right, together with all that it needs.
    pub(crate) model: Model,
    /// What each instance runs, as the driver is told it, and the driver's hash of it.
    pub(crate) workloads: BTreeMap<String, (Workload, String)>,
}

impl World {
    /// As it is now. The last one, if nothing that is declared has changed since: events do not count.
    pub(crate) fn read(
        registry: &Registry,
        layout: &Layout,
        last: &Arc<Self>,
    ) -> Result<Arc<Self>, ApiError> {
        let list = registry.declared()?;
        Ok(if list.items == last.resources { Arc::clone(last) } else { Arc::new(Self::of(list, layout)) })
    }

    fn of(list: List, layout: &Layout) -> Self {
        let (model, diagnostics) = madang_model::check(&list.items);
        let network = madang_compile::compile(&model);
        let workloads = network.for_host(&Host::default()).workloads.into_iter().map(|spec| {
            let workload = workload(layout, spec);
            let hash = workload.spec_hash();
            (workload.uid.clone(), (workload, hash))
        });
        let workloads = workloads.collect();
        let wrong = wrong(&diagnostics);
        let asserted = madang_plan::assess(&list.items, &model, &network);
        let asserted = asserted.iter().map(|a| (a.object.clone(), Verdict::asserted(a))).collect();
        let (revision, resources) = (list.revision, list.items);
        Self { revision, resources, network, wrong, asserted, model, workloads }
    }

    /// Whether the resource is right, and so is all that it needs.
    pub(crate) fn holds(&self, resource: &Resource) -> bool {
        self.model.contains(&resource.object_ref())
    }

    /// The interface that a resource of the outside stands on.
    pub(crate) fn interface<'a>(&'a self, resource: &'a Resource) -> Option<&'a str> {
        let pool = match resource {
            Resource::AddressPool(pool) => return Some(&pool.spec.interface),
            Resource::NatGateway(nat) => &nat.spec.pool,
            Resource::PublicAddress(address) => &address.spec.pool,
            _ => return None,
        };
        self.model.address_pools().get(pool).map(|pool| pool.spec.interface.as_str())
    }

    /// The resource of this name.
    pub(crate) fn find(&self, object: &ObjectRef) -> Option<&Resource> {
        self.resources.iter().find(|r| r.object_ref() == *object)
    }
}

fn workload(layout: &Layout, spec: WorkloadSpec) -> Workload {
    Workload {
        netns: layout.netns(&spec.uid),
        uid: spec.uid,
        name: spec.name,
        process: spec.process,
        unmanaged: spec.unmanaged,
        resources: spec.resources,
        address: spec.address,
        hosts: spec.hosts.lines.clone(),
        nameservers: spec.nameservers,
        domain: spec.domain,
    }
}
