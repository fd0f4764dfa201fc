//! What is allocated to resources, and what a new one is given.

use madang_model::Resource;

use crate::ApiError;

/// Gives a resource what the registry itself has said of another of its kind: nobody else writes that.
pub(super) fn take_allocations(to: &mut Resource, from: &Resource) {
    match (to, from) {
        (Resource::Namespace(to), Resource::Namespace(from)) => {
            to.status.phase.clone_from(&from.status.phase);
        }
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

/// A random UUID (RFC 9562, version 4).
pub(crate) fn new_uid() -> Result<String, ApiError> {
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
pub(crate) fn now() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

/// Letters and digits that make no words and are not taken for each other, as Kubernetes' names end.
pub(super) fn random_name(length: usize) -> Result<String, ApiError> {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes)
        .map_err(|error| ApiError::internal(format!("the system gives no random bytes: {error}")))?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect())
}
