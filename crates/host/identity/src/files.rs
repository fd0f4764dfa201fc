//! Files that must be whole and private: made together, or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::IdentityError;

/// Makes a directory with these files (name, text, mode), so that after a crash at any point all of them are there or the
/// directory is not.
pub(crate) fn make_directory(directory: &Path, files: &[(&str, &str, u32)]) -> Result<(), IdentityError> {
    let mut unfinished = directory.to_owned().into_os_string();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", &unfinished)(error));
        }
        _ => {}
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&unfinished);
    made.map_err(failed("make the directory", &unfinished))?;
    for (name, text, mode) in files {
        let path = unfinished.join(name);
        let file = OpenOptions::new().create_new(true).write(true).mode(*mode).open(&path);
        let mut file = file.map_err(failed("make", &path))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed("write", &path))?;
    }
    sync(&unfinished)?;
    fs::rename(&unfinished, directory).map_err(failed("put in its place", directory))?;
    directory.parent().map_or(Ok(()), sync)
}

/// A file's text; none, if it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, IdentityError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// Takes a private file away from everybody but its owner.
pub(crate) fn keep_private(path: &Path) -> Result<(), IdentityError> {
    let mode = fs::metadata(path).map_err(failed("look at", path))?.mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    tracing::warn!(path = %path.display(), "a private key could be read by others: it no longer can; think of who may have read it");
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed("set the mode of", path))
}

fn sync(directory: &Path) -> Result<(), IdentityError> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(failed("sync", directory))
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IdentityError {
    move |source| IdentityError::Io { operation, path: path.to_owned(), source }
}
