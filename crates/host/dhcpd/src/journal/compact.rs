//! A snapshot in place of the files that it says all of: of each address the last record, in the order of those.

use std::collections::{BTreeSet, HashMap};
use std::io;

use super::block;
use super::disk::Disk;
use super::replay::{Broken, Replay};
use super::{Number, put, snapshot_name};

/// How long a block of a snapshot gets.
const BLOCK: usize = 64 << 10;

/// Makes a snapshot of all that files up to this number say, and removes them; those that are `damaged` keep their bytes under
/// another name. Nobody writes to them any more. Returns how long the snapshot is.
pub(crate) fn compact<D: Disk>(disk: &D, most: Number, damaged: &BTreeSet<String>) -> io::Result<u64> {
    let mut last: HashMap<u32, u64> = HashMap::new();
    let mut first = Replay::up_to(disk, most).map_err(io::Error::other)?;
    for (at, record) in (0..).zip(first.by_ref()) {
        last.insert(record.address.into(), at);
    }
    let (next, more) = first.end().map_err(io::Error::other)?;
    let new = format!("{}.new", snapshot_name(most));
    let mut second = Replay::up_to(disk, most).map_err(io::Error::other)?;
    let records =
        (0..).zip(second.by_ref()).filter(|(at, record)| last.get(&record.address.into()) == Some(at));
    let written = write(disk, &new, records.map(|(_, record)| record), next - 1);
    let written = written.and_then(|length| second.end().map_err(io::Error::other).map(|_| length));
    let length = match written {
        Ok(length) => length,
        Err(error) => {
            let _ = disk.remove(&new);
            return Err(error);
        }
    };
    disk.rename(&new, &snapshot_name(most))?;
    disk.sync_names()?;
    let damaged = damaged.union(&more).cloned().collect();
    remove(disk, most, &damaged)?;
    Ok(length)
}

fn write<D: Disk>(
    disk: &D,
    name: &str,
    records: impl Iterator<Item = madang_dhcp::Record>,
    covered: u64,
) -> io::Result<u64> {
    let file = disk.create(name)?;
    disk.write(&file, 0, &block::file_header(block::SNAPSHOT))?;
    let (mut at, mut sequence, mut count) = (block::FILE_HEADER, 0, 0_u64);
    let (mut payload, mut bytes) = (Vec::new(), Vec::new());
    let mut block = |kind, payload: &mut Vec<u8>| {
        sequence += 1;
        bytes.clear();
        block::put_as(kind, sequence, payload, &mut bytes);
        payload.clear();
        disk.write(&file, at, &bytes)?;
        at += bytes.len() as u64;
        io::Result::Ok(())
    };
    for record in records {
        put(&record, &mut payload);
        count += 1;
        if payload.len() >= BLOCK {
            block(block::RECORDS, &mut payload)?;
        }
    }
    if !payload.is_empty() {
        block(block::RECORDS, &mut payload)?;
    }
    payload.extend_from_slice(&covered.to_be_bytes());
    payload.extend_from_slice(&count.to_be_bytes());
    block(block::END, &mut payload)?;
    disk.sync(&file)?;
    Ok(at)
}

/// Removes what the snapshot of this number stands for.
fn remove<D: Disk>(disk: &D, most: Number, damaged: &BTreeSet<String>) -> io::Result<()> {
    let stale = Replay::up_to(disk, most).map_err(|error| match error {
        Broken::Names { source } => source,
        error => io::Error::other(error),
    })?;
    for name in stale.stale() {
        if damaged.contains(name) {
            disk.rename(name, &format!("{name}.damaged"))?;
        } else {
            disk.remove(name)?;
        }
    }
    disk.sync_names()
}
