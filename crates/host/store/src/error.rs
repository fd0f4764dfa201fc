//! What can go wrong in a store.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::Revision;

/// Why a store did not do what it was asked. In all cases it did nothing of it, but for [`Unsure`](Self::Unsure).
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// A compare did not hold.
    #[error("{key} was changed by somebody else meanwhile")]
    Conflict {
        /// The first key whose compare did not hold.
        key: String,
    },
    /// The events are gone.
    #[error(
        "what happened after revision {after} is no longer known, only what happened after {oldest}: read all again"
    )]
    Compacted {
        /// What was asked for.
        after: Revision,
        /// From where on events can be read.
        oldest: Revision,
    },
    /// A transaction with two changes of one key.
    #[error("a transaction changes {key} twice")]
    ChangedTwice {
        /// The key.
        key: String,
    },
    /// Somebody else has the file open.
    #[error(
        "{path} is in use by another process: only one daemon can use a store. Stop the other one (`madang down --all`, or the service that runs `madang serve`), or give this one a place of its own with --root"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged, or something else, and nothing is beside it that could make up for it.
    #[error(
        "{path} is damaged, or is not a store of Madang ({detail}). It was left as it is. Restore an export (`madang store restore FILE --replace`) or put back a copy of the whole directory; or move the directory away and start again: an empty store is made, and what was declared has to be applied again"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The index is damaged, and so is what stands beside it to make up for that.
    #[error(
        "{path} is damaged ({detail}), and cannot be made anew without losing something: {lost}. Everything was left as it is. {}, and `madang store restore FILE --replace` from an export", go_on(*certain)
    )]
    Damaged {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
        /// What would be lost.
        lost: String,
        /// The last revision up to which everything is known; none: nothing is.
        certain: Option<Revision>,
    },
    /// The file was written by a newer Madang.
    #[error(
        "{path} has the schema version {found}, and this build of Madang knows versions up to {known}: it was written by a newer one. Start that newer one, or put back a copy of the file from before"
    )]
    FromFuture {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The newest version that this build can read.
        known: u64,
    },
    /// Something else was to be put in the place of a store that is not empty.
    #[error(
        "{path} is the index of a store with {objects} objects, or of a damaged one: nothing was changed. To put an export in its place, say --replace: what is there is kept beside it"
    )]
    NotEmpty {
        /// The index.
        path: PathBuf,
        /// How many objects there are.
        objects: u64,
    },
    /// The disk has no room.
    #[error(
        "there is no room for {path}: nothing was changed. Free space on its file system, then try again"
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The disk failed.
    #[error("{operation} {path} failed: nothing was changed")]
    Io {
        /// What was done, as `open`.
        operation: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The disk failed at the very end of a commit: the changes may be there or not, as a whole.
    #[error(
        "the disk failed while {path} was written ({detail}): the change was made as a whole or not at all, look before you try again"
    )]
    Unsure {
        /// The file.
        path: PathBuf,
        /// What was seen.
        detail: String,
    },
    /// The store is being closed.
    #[error("the store is closed")]
    Closed,
}

fn go_on(certain: Option<Revision>) -> String {
    match certain {
        Some(revision) => format!(
            "`madang store restore --last-good` goes on from revision {revision}, up to which everything is known"
        ),
        None => "Nothing of it is known for certain".to_owned(),
    }
}
