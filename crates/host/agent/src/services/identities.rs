//! What the metadata service tells each instance.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use madang_compile::Host;
use madang_kernel::boot;
use madang_metadata::{Identities, Identity};
use madang_model::{DEFAULT_NAMESPACE, InstanceSpec, InstanceStatus, Object, Resource, bare};

use super::seen;
use crate::runtime::chain;
use crate::world::World;

/// How long the key is, in bytes: as much as the code that is made with it.
const LENGTH: usize = 32;

/// What tokens are made with: it stays over starts of the daemon, so that tokens do too, until the host starts anew. From then
/// on the time until which they hold would be another time. The file has the key, and which start of the host it is of.
pub(super) struct Key {
    path: PathBuf,
    key: Vec<u8>,
}

impl Key {
    pub(super) fn new(place: &Path) -> Self {
        Self { path: place.join("key"), key: Vec::new() }
    }

    /// The key, made if there is none yet.
    pub(super) fn get(&mut self) -> Result<Vec<u8>, String> {
        if self.key.is_empty() {
            let boot = boot::id().map_err(|error| chain(&error))?;
            self.key = match fs::read(&self.path).ok().and_then(|text| of_boot(text, boot)) {
                Some(key) => key,
                None => self
                    .make(boot)
                    .map_err(|error| format!("cannot make the key {}: {error}", self.path.display()))?,
            };
        }
        Ok(self.key.clone())
    }

    fn make(&self, boot: &str) -> std::io::Result<Vec<u8>> {
        let mut key = vec![0; LENGTH];
        getrandom::fill(&mut key).map_err(std::io::Error::other)?;
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
        file.write_all(&[&key, boot.as_bytes()].concat())?;
        Ok(key)
    }
}

/// The key of a file, if it is of this start of the host.
fn of_boot(mut text: Vec<u8>, boot: &str) -> Option<Vec<u8>> {
    let is_ours = text.split_at_checked(LENGTH).is_some_and(|(_, of)| of == boot.as_bytes());
    text.truncate(LENGTH);
    is_ours.then_some(text)
}

/// What each instance of this host is told.
pub(super) fn identities(world: &World, host: &Host, key: Vec<u8>) -> Identities {
    let asker = |resource: &Resource| {
        let Resource::Instance(object) = resource else { return None };
        let port = host.ports.get(object.metadata.uid.as_deref()?)?;
        Some((seen(*port), identity(world, object)?))
    };
    Identities { key, askers: world.resources.iter().filter_map(asker).collect() }
}

fn identity(world: &World, object: &Object<InstanceSpec, InstanceStatus>) -> Option<Identity> {
    let Object { metadata, spec, .. } = object;
    let uid = metadata.uid.clone()?;
    let instance = world.network.instances.get(&uid)?;
    let vpc = world.network.vpcs.get(&instance.vpc)?;
    Some(Identity {
        uid,
        name: bare(&instance.name).to_owned(),
        project: metadata.namespace.clone().unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
        vpc: bare(&vpc.name).to_owned(),
        subnet: bare(&spec.subnet).to_owned(),
        range: instance.subnet,
        ranges: vpc.cidrs.clone(),
        address: instance.address,
        mac: instance.mac,
        domain: vpc.domain(),
        groups: instance.groups.iter().map(|group| bare(group).to_owned()).collect(),
        labels: metadata.labels.clone(),
        host: crate::node::name(),
        user_data: spec.user_data.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_until_the_host_starts_anew() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("key");
        let get = || Key::new(place.path()).get().unwrap();
        let first = get();
        assert_eq!((first.len(), get()), (LENGTH, first.clone()));
        let of_another_boot = [&first[..], b"3f0c1a52-0b6e-4c5e-9a30-6c9d2f1b8e77"].concat();
        for old in [of_another_boot, first.clone(), Vec::new()] {
            fs::write(&path, &old).unwrap();
            let next = get();
            assert!(next.len() == LENGTH && next != first, "tokens of before hold no more");
            assert_eq!(get(), next);
        }
    }
}
