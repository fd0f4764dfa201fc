//! The pinned maps, typed: reads and writes of many entries in few calls.

use std::collections::BTreeMap;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::Error;
use super::abi::{
    AddressKey, ClassKey, DropKey, EndpointRecord, FlowKeyRecord, FlowRecord, ForwardKeyRecord,
    ForwardRecord, NatRecord, NumberKey, PortRecord, RouteKey, RouteRecord, RuleKey, UplinkRecord, VpcRecord,
};
use super::sys::{self, Cursor, Record};

/// How many entries one call reads or writes at most.
const BATCH: usize = 4096;

/// A pinned map from K to V.
#[derive(Debug)]
pub(super) struct Map<K, V> {
    name: &'static str,
    fd: OwnedFd,
    types: PhantomData<fn(K) -> V>,
}

/// The first fields of the kernel's `struct bpf_map_info`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct MapInfo {
    kind: u32,
    id: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
}

impl<K: Record, V: Record> Map<K, V> {
    /// Opens the map that is pinned in this directory, if its records are as long as ours.
    pub(super) fn open(directory: &Path, name: &'static str) -> Result<Self, Error> {
        let path = directory.join(name);
        let fd = sys::open_pinned(&path).map_err(|source| Error::OpenPin { path: path.clone(), source })?;
        let info: MapInfo =
            sys::info(fd.as_fd()).map_err(|source| Error::Map { name, action: "inspect", source })?;
        if (info.key_size as usize, info.value_size as usize) != (size_of::<K>(), size_of::<V>()) {
            return Err(Error::Layout { path });
        }
        Ok(Self { name, fd, types: PhantomData })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> Error {
        let name = self.name;
        move |source| Error::Map { name, action, source }
    }

    /// How many entries it has room for.
    pub(super) fn capacity(&self) -> Result<usize, Error> {
        let info: MapInfo = sys::info(self.fd()).map_err(self.failed("inspect"))?;
        Ok(info.max_entries as usize)
    }

    /// The value of a key, if there is one.
    pub(super) fn lookup(&self, key: &K) -> Result<Option<V>, Error> {
        sys::lookup(self.fd(), key).map_err(self.failed("read"))
    }

    /// Writes one entry, which readers see as a whole.
    pub(super) fn write(&self, key: &K, value: &V) -> Result<(), Error> {
        sys::update(self.fd(), key, value).map_err(self.failed("write"))
    }

    /// Deletes one entry; whether it was there.
    pub(super) fn delete(&self, key: &K) -> Result<bool, Error> {
        sys::delete(self.fd(), key).map_err(self.failed("delete from"))
    }

    /// All entries. What others change meanwhile may be there or not.
    pub(super) fn entries(&self) -> Result<BTreeMap<K, V>, Error> {
        let mut all = BTreeMap::new();
        let mut size = BATCH;
        let (mut keys, mut values) = (vec![K::new_zeroed(); size], vec![V::new_zeroed(); size]);
        let mut cursor = Cursor::start();
        loop {
            match sys::lookup_batch(self.fd(), &mut cursor, &mut keys, &mut values) {
                Ok((count, more)) => {
                    all.extend(keys.iter().copied().zip(values.iter().copied()).take(count));
                    if !more {
                        return Ok(all);
                    }
                }
                // A hash map's bucket has more entries than fit: the cursor stayed where it was.
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => {
                    size *= 2;
                    (keys, values) = (vec![K::new_zeroed(); size], vec![V::new_zeroed(); size]);
                }
                Err(error) => return Err(self.failed("read")(error)),
            }
        }
    }

    /// Writes many entries.
    pub(super) fn write_all(&self, entries: &BTreeMap<K, V>) -> Result<usize, Error> {
        let keys: Vec<K> = entries.keys().copied().collect();
        let values: Vec<V> = entries.values().copied().collect();
        for (keys, values) in keys.chunks(BATCH).zip(values.chunks(BATCH)) {
            sys::update_batch(self.fd(), keys, values).map_err(self.failed("write"))?;
        }
        Ok(keys.len())
    }

    /// Deletes many entries; how many were there.
    pub(super) fn delete_all(&self, keys: &[K]) -> Result<usize, Error> {
        let mut deleted = 0;
        let mut rest = keys;
        while !rest.is_empty() {
            let (batch, _) = rest.split_at(rest.len().min(BATCH));
            let (count, outcome) = sys::delete_batch(self.fd(), batch);
            deleted += count;
            rest = match outcome {
                Ok(()) => rest.get(batch.len()..).unwrap_or_default(),
                // The one after those that were deleted is not there: somebody else was faster.
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                    rest.get(count + 1..).unwrap_or_default()
                }
                Err(error) => return Err(self.failed("delete from")(error)),
            };
        }
        Ok(deleted)
    }
}

/// The epoch's only key.
const EPOCH: u32 = 0;

/// All maps.
#[derive(Debug)]
pub(super) struct Maps {
    pub(super) epoch: Map<u32, u32>,
    pub(super) ports: Map<u32, PortRecord>,
    pub(super) vpcs: Map<u32, VpcRecord>,
    pub(super) endpoints: Map<AddressKey, EndpointRecord>,
    pub(super) classes: Map<ClassKey, u32>,
    pub(super) routes: Map<RouteKey, RouteRecord>,
    pub(super) rules: Map<RuleKey, u8>,
    pub(super) addresses: Map<AddressKey, u32>,
    pub(super) nats: Map<NumberKey, NatRecord>,
    pub(super) uplinks: Map<NumberKey, UplinkRecord>,
    pub(super) forwards: Map<ForwardKeyRecord, ForwardRecord>,
    pub(super) flows: Map<FlowKeyRecord, FlowRecord>,
    pub(super) drops: Map<DropKey, u64>,
}

impl Maps {
    /// Opens what is pinned in this directory.
    pub(super) fn open(directory: &Path) -> Result<Self, Error> {
        Ok(Self {
            epoch: Map::open(directory, "epoch")?,
            ports: Map::open(directory, "ports")?,
            vpcs: Map::open(directory, "vpcs")?,
            endpoints: Map::open(directory, "endpoints")?,
            classes: Map::open(directory, "classes")?,
            routes: Map::open(directory, "routes")?,
            rules: Map::open(directory, "rules")?,
            addresses: Map::open(directory, "addresses")?,
            nats: Map::open(directory, "nats")?,
            uplinks: Map::open(directory, "uplinks")?,
            forwards: Map::open(directory, "forwards")?,
            flows: Map::open(directory, "flows")?,
            drops: Map::open(directory, "drops")?,
        })
    }

    /// The number of the last change.
    pub(super) fn epoch(&self) -> Result<u32, Error> {
        Ok(self.epoch.lookup(&EPOCH)?.unwrap_or(0))
    }

    /// Switches to the tables of a new change, all VPCs' at once.
    pub(super) fn switch_to(&self, epoch: u32) -> Result<(), Error> {
        self.epoch.write(&EPOCH, &epoch)
    }
}
