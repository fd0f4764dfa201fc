//! The files of a store's directory: on the disk, or a test's double of a disk that loses power.
//!
//! What is in a file is safe after its `sync_data`, and under which name it stands after [`Files::sync`]. Nobody here
//! relies on more.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::StoreError;

/// The index: redb's file.
pub(super) const INDEX: &str = "store.redb";

/// What ends so is not complete yet; if nobody is at work, it never will be.
pub(super) const UNFINISHED: &str = ".new";

/// A file, by place. It knows no end of its own: it can be read as far as it is long.
pub(super) type Handle = Box<dyn StorageBackend>;

/// One directory's files.
pub(super) trait Files: Debug + Send + Sync {
    /// The directory, to name it.
    fn directory(&self) -> &Path;
    /// What is there.
    fn names(&self) -> io::Result<Vec<String>>;
    /// The file, if it is there.
    fn open(&self, name: &str) -> io::Result<Option<Handle>>;
    /// The file, empty, also if it was there.
    fn create(&self, name: &str) -> io::Result<Handle>;
    /// Gives it another name, at which nothing else is afterwards.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Gives it a second name, which nothing may have.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;
    /// Takes a name away.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes the names safe.
    fn sync(&self) -> io::Result<()>;
}

impl dyn Files + '_ {
    /// Where the file of this name stands.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// What this error of this file means.
    pub(super) fn failed(&self, operation: &'static str, name: &str, error: io::Error) -> StoreError {
        failed(operation, &self.path(name), error)
    }

    /// Puts a finished file under its name.
    pub(super) fn finish(&self, unfinished: &str, name: &str) -> Result<(), StoreError> {
        let done = self.rename(unfinished, name).and_then(|()| self.sync());
        done.map_err(|error| self.failed("put in its place", name, error))
    }

    /// Keeps a file under a name that says why it is no longer used: `store.redb.damaged-1768046400`.
    pub(super) fn set_aside(&self, name: &str, why: &str) -> Result<PathBuf, StoreError> {
        let aside = self.aside(name, why)?;
        self.rename(name, &aside).map_err(|error| self.failed("set aside", name, error))?;
        Ok(self.path(&aside))
    }

    /// A name for a file that is kept: nothing has it.
    pub(super) fn aside(&self, name: &str, why: &str) -> Result<String, StoreError> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let taken = self.names().map_err(|error| self.failed("list", "", error))?;
        let names = (now..).map(|at| format!("{name}.{why}-{at}"));
        Ok(names.into_iter().find(|name| !taken.contains(name)).unwrap_or_default())
    }
}

/// A directory on the disk.
#[derive(Debug)]
pub(super) struct Disk {
    directory: PathBuf,
    /// Open as long as nobody else may use the directory; none: only to look.
    lock: Option<File>,
}

impl Disk {
    /// The directory, for nobody else as long as this lives. It is made (mode 0700) if there is none.
    pub(super) fn open(directory: &Path) -> Result<Arc<dyn Files>, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|error| failed("create the directory", directory, error))?;
        // Nothing in it is safe before its own name is. Who may not look above cannot have made it just now.
        for above in directory.ancestors().skip(1).take(2) {
            let _ = File::open(above).and_then(|above| above.sync_all());
        }
        match lock(directory)? {
            Some(lock) => Ok(Arc::new(Self { directory: directory.to_owned(), lock: Some(lock) })),
            None => Err(StoreError::InUse { path: directory.join(INDEX) }),
        }
    }

    /// The directory, to read what is there, whoever uses it: nothing can be written.
    pub(super) fn look(directory: &Path) -> Arc<dyn Files> {
        Arc::new(Self { directory: directory.to_owned(), lock: None })
    }

    fn options(&self) -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(self.lock.is_some()).mode(0o600);
        options
    }
}

impl Files for Disk {
    fn directory(&self) -> &Path {
        &self.directory
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.directory)?.collect::<Result<Vec<_>, _>>()?;
        let mut names: Vec<_> =
            entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Option<Handle>> {
        let file = match self.options().open(self.directory.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        if self.lock.is_some() && file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        backend(file).map(Some)
    }

    fn create(&self, name: &str) -> io::Result<Handle> {
        backend(self.options().create(true).truncate(true).open(self.directory.join(name))?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.directory.join(from), self.directory.join(to))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        fs::hard_link(self.directory.join(from), self.directory.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }
}

/// Keeps everybody else from opening the directory's store, as long as it is held. None: somebody has it open.
pub(super) fn lock(directory: &Path) -> Result<Option<File>, StoreError> {
    let lock = File::open(directory).map_err(|error| failed("open", directory, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed("lock", directory, error)),
    }
}

/// What an error of the system means for who uses the store.
pub(super) fn failed(operation: &'static str, path: &Path, error: io::Error) -> StoreError {
    if is_full(&error) {
        return StoreError::Full { path: path.to_owned(), source: Arc::new(error) };
    }
    StoreError::Io { operation, path: path.to_owned(), source: Arc::new(error) }
}

/// Whether there is no room for what was written.
pub(super) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

fn backend(file: File) -> io::Result<Handle> {
    // It locks nothing before redb asks for it.
    FileBackend::new(file).map(|backend| Box::new(backend) as Handle).map_err(io::Error::other)
}
