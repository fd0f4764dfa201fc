//! What was dropped, told by instances instead of interfaces.

use std::collections::BTreeMap;

use madang_api::{ApiError, Dropped, Drops};
use madang_datapath::PortId;
use madang_kernel::Netlink;
use madang_model::{Kind, ObjectRef};

use crate::daemon::Agent;
use crate::runtime::chain;

/// Every counter that is not zero, of the interfaces that there are.
pub(crate) fn drops(agent: &Agent) -> Result<Drops, ApiError> {
    let counts = agent.kernel.drops().map_err(|error| ApiError::internal(chain(&error)))?;
    let links = Netlink::open().and_then(|mut netlink| netlink.links());
    let links = links.map_err(|error| ApiError::internal(chain(&error)))?;
    let names: BTreeMap<u32, String> = links.into_iter().map(|link| (link.index, link.name)).collect();
    let picture = agent.picture();
    let instance = |ifindex| {
        let port = picture.desired.tables.ports.get(&PortId(ifindex))?;
        let mut instances = picture.world.network.instances.values();
        let found = instances.find(|i| i.vpc == port.vpc && i.address == port.address)?;
        Some(ObjectRef::new(Kind::Instance, &found.name))
    };
    let dropped = counts.into_iter().filter_map(|count| {
        Some(Dropped {
            instance: instance(count.ifindex),
            interface: names.get(&count.ifindex)?.clone(),
            reason: count.reason.name().to_owned(),
            message: count.reason.sentence().to_owned(),
            hint: count.reason.hint().to_owned(),
            packets: count.packets,
        })
    });
    let mut items: Vec<_> = dropped.collect();
    items.sort_by(|a, b| (&a.instance, &a.interface, &a.reason).cmp(&(&b.instance, &b.interface, &b.reason)));
    Ok(Drops { items })
}
