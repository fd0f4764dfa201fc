//! This host, as a resource.

use std::time::SystemTime;

use madang_api::{ApiError, Reason, Registry};
use madang_kernel::features::{Host, Interface, Status, findings};
use madang_model::{
    Kind, Metadata, NodeInterface, NodeSpec, NodeStatus, Object, ObjectRef, Resource, is_dns_label,
};

use crate::runtime::chain;

/// The name that this host has as a Node: its host name, if that can be a name.
pub(crate) fn name() -> String {
    let uname = rustix::system::uname();
    let host = uname.nodename().to_string_lossy().to_lowercase();
    let label = host.split('.').next().unwrap_or_default();
    if is_dns_label(label) { label.to_owned() } else { "node".to_owned() }
}

/// Makes this host's Node, if it is not there, and brings what it says of the host up to date.
pub(crate) fn register(registry: &Registry) -> Result<Resource, ApiError> {
    let object = ObjectRef::new(Kind::Node, name());
    let resource = match registry.find(&object)? {
        Some(resource) => resource,
        None => {
            let metadata = Metadata { name: name(), ..Metadata::default() };
            let node = Object { metadata, spec: NodeSpec::default(), status: NodeStatus::default() };
            match registry.create(Resource::Node(node)) {
                Err(error) if error.is(Reason::AlreadyExists) => registry.get(&object)?,
                created => created?,
            }
        }
    };
    let Resource::Node(mut node) = resource else { return Ok(resource) };
    node.status = NodeStatus { conditions: node.status.conditions, ..facts()? };
    node.metadata.resource_version = None;
    registry.update_status(Resource::Node(node))
}

fn facts() -> Result<NodeStatus, ApiError> {
    let host = Host::observe().map_err(|error| ApiError::internal(chain(&error)))?;
    let interface = |found: &Interface| NodeInterface {
        name: found.link.name.clone(),
        mac: found.link.mac,
        addresses: found.addresses.iter().map(|a| format!("{}/{}", a.address, a.length)).collect(),
        up: found.link.up,
    };
    let usable = findings().into_iter().filter(|finding| finding.status == Status::Ok);
    Ok(NodeStatus {
        cpus: host.cpus,
        memory: host.memory,
        interfaces: host.interfaces.iter().map(interface).collect(),
        kernel: host.kernel,
        architecture: host.architecture,
        features: usable.map(|finding| finding.name.to_owned()).collect(),
        ..NodeStatus::default()
    })
}

/// The time, as statuses tell it.
pub(crate) fn now() -> String {
    rfc3339(SystemTime::now())
}

/// A time in RFC 3339, to the second.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    jiff::Timestamp::from_second(i64::try_from(since).unwrap_or(i64::MAX)).unwrap_or_default().to_string()
}

/// The time that this means in RFC 3339.
pub(crate) fn time_of(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_to_the_second() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_700_000_000_999);
        assert_eq!(rfc3339(time), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn the_host_has_a_name_that_can_be_one() {
        assert!(is_dns_label(&name()));
    }
}
