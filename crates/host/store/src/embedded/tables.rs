//! What stands in the index, and what its errors mean.

use std::io;
use std::path::Path;
use std::sync::Arc;

use redb::TableDefinition;

use super::files::failed;
use crate::StoreError;

/// The version of these tables, and of what stands beside them. Raised when an older build could not use them.
pub(super) const SCHEMA: u64 = 2;

/// Key -> the revision that wrote it, and the value.
pub(super) const OBJECTS: TableDefinition<'_, &str, (u64, &[u8])> = TableDefinition::new("objects");

/// Revision and number within it -> key, value after, value before.
pub(super) const EVENTS: TableDefinition<'_, (u64, u32), EventRow<'_>> = TableDefinition::new("events");

/// The counters below.
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// In [`META`]: the version of these tables.
pub(super) const META_SCHEMA: &str = "schema";
/// In [`META`]: the last revision that was given to a transaction.
pub(super) const META_REVISION: &str = "revision";
/// In [`META`]: the checksum of the journal's frame that this revision is the last of.
pub(super) const META_CHAIN: &str = "chain";
/// In [`META`]: events up to this revision are gone.
pub(super) const META_COMPACTED: &str = "compacted";

/// In [`META`]: how long the keys and values of all events are. Missing where no build has counted yet.
pub(super) const META_EVENT_BYTES: &str = "eventBytes";

/// What Linux says when a disk cannot read or write a sector.
const EIO: i32 = 5;

pub(super) type EventRow<'a> = (&'a str, Option<&'a [u8]>, Option<&'a [u8]>);

/// What an error of redb means for who uses the store.
pub(super) fn failure(path: &Path, operation: &'static str, error: impl Into<redb::Error>) -> StoreError {
    let path = path.to_owned();
    match error.into() {
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse { path },
        redb::Error::Io(error) => match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                StoreError::Corrupt { path, detail: error.to_string() }
            }
            // A sector that cannot be read is as lost as one that reads as something else.
            _ if operation != "write" && error.raw_os_error() == Some(EIO) => {
                StoreError::Corrupt { path, detail: format!("the disk cannot read it: {error}") }
            }
            _ => failed(operation, &path, error),
        },
        redb::Error::DatabaseClosed => StoreError::Closed,
        // redb refuses everything after the first error, until the file is opened again.
        error @ redb::Error::PreviousIo => {
            StoreError::Io { operation, path, source: Arc::new(io::Error::other(error.to_string())) }
        }
        error => StoreError::Corrupt { path, detail: error.to_string() },
    }
}
