//! What the metadata service tells each instance.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use madang_compile::Host;
use madang_metadata::{Identities, Identity};
use madang_model::{DEFAULT_NAMESPACE, InstanceSpec, InstanceStatus, Object, Resource, bare};

use super::seen;
use crate::world::World;

/// How long the key is, in bytes: as much as the code that is made with it.
const LENGTH: usize = 32;

/// What tokens are made with: it stays over starts of the daemon, so that tokens do too, until the host starts anew.
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
            self.key = match fs::read(&self.path) {
                Ok(key) if key.len() == LENGTH => key,
                _ => self
                    .make()
                    .map_err(|error| format!("cannot make the key {}: {error}", self.path.display()))?,
            };
        }
        Ok(self.key.clone())
    }

    fn make(&self) -> std::io::Result<Vec<u8>> {
        let mut key = vec![0; LENGTH];
        getrandom::fill(&mut key).map_err(std::io::Error::other)?;
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
        file.write_all(&key)?;
        Ok(key)
    }
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
