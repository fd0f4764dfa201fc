//! The parts of resources, two of one kind at a time; and what a new one is given.

use madang_model::Resource;

use crate::ApiError;

/// Does the same to two resources of one kind, whatever it is. Of different kinds: the fallback.
macro_rules! of_one_kind {
    ($a:expr, $b:expr, |$x:ident, $y:ident| $do:expr, else $fallback:expr) => {
        match ($a, $b) {
            (Resource::Node($x), Resource::Node($y)) => $do,
            (Resource::AddressPool($x), Resource::AddressPool($y)) => $do,
            (Resource::Vpc($x), Resource::Vpc($y)) => $do,
            (Resource::SecurityGroup($x), Resource::SecurityGroup($y)) => $do,
            (Resource::NatGateway($x), Resource::NatGateway($y)) => $do,
            (Resource::RouteTable($x), Resource::RouteTable($y)) => $do,
            (Resource::Subnet($x), Resource::Subnet($y)) => $do,
            (Resource::Instance($x), Resource::Instance($y)) => $do,
            (Resource::PublicAddress($x), Resource::PublicAddress($y)) => $do,
            _ => $fallback,
        }
    };
}

/// Whether they want the same.
pub(super) fn same_spec(a: &Resource, b: &Resource) -> bool {
    of_one_kind!(a, b, |a, b| a.spec == b.spec, else false)
}

/// Gives a resource the spec of another of its kind.
pub(super) fn take_spec(to: &mut Resource, from: &Resource) {
    of_one_kind!(to, from, |to, from| to.spec.clone_from(&from.spec), else ());
}

/// Gives a resource the status of another of its kind.
pub(super) fn take_status(to: &mut Resource, from: &Resource) {
    of_one_kind!(to, from, |to, from| to.status.clone_from(&from.status), else ());
}

/// Gives a resource what was allocated to another of its kind: nobody else writes that.
pub(super) fn take_allocations(to: &mut Resource, from: &Resource) {
    match (to, from) {
        (Resource::Vpc(to), Resource::Vpc(from)) => to.status.number = from.status.number,
        (Resource::NatGateway(to), Resource::NatGateway(from)) => to.status.address = from.status.address,
        (Resource::PublicAddress(to), Resource::PublicAddress(from)) => {
            to.status.address = from.status.address
        }
        (Resource::Instance(to), Resource::Instance(from)) => {
            to.status.address = from.status.address;
            to.status.mac = from.status.mac;
        }
        _ => {}
    }
}

/// Whether something is to be allocated to a resource of this kind, and was not yet.
pub(super) fn lacks_allocation(resource: &Resource) -> bool {
    match resource {
        Resource::Vpc(o) => o.status.number.is_none(),
        Resource::NatGateway(o) => o.status.address.is_none(),
        Resource::PublicAddress(o) => o.status.address.is_none(),
        Resource::Instance(o) => o.status.address.is_none() || o.status.mac.is_none(),
        _ => false,
    }
}

/// Nothing is true of it yet.
pub(super) fn reset_status(resource: &mut Resource) {
    match resource {
        Resource::Node(o) => o.status = Default::default(),
        Resource::AddressPool(o) => o.status = Default::default(),
        Resource::Vpc(o) => o.status = Default::default(),
        Resource::SecurityGroup(o) => o.status = Default::default(),
        Resource::NatGateway(o) => o.status = Default::default(),
        Resource::RouteTable(o) => o.status = Default::default(),
        Resource::Subnet(o) => o.status = Default::default(),
        Resource::Instance(o) => o.status = Default::default(),
        Resource::PublicAddress(o) => o.status = Default::default(),
    }
}

/// A random UUID (RFC 9562, version 4).
pub(super) fn new_uid() -> Result<String, ApiError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| ApiError::internal(format!("the system gives no random bytes: {error}")))?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let n = u128::from_be_bytes(bytes);
    let part = |shift: u32, mask: u128| (n >> shift) & mask;
    Ok(format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        part(96, 0xffff_ffff),
        part(80, 0xffff),
        part(64, 0xffff),
        part(48, 0xffff),
        part(0, 0xffff_ffff_ffff)
    ))
}

/// The time, RFC 3339, to the second, as Kubernetes writes it.
pub(super) fn now() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}
