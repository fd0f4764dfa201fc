//! The socket by which a server is asked.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::error::Doing;
use crate::{Error, Result};

/// The socket by which the server is asked: root's alone. One that nobody listens at any more is replaced.
pub(super) fn control(path: &Path) -> Result<UnixListener> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .doing(format!("make {}", directory.display()))?;
    if UnixStream::connect(path).is_ok() {
        return Err(Error::ControlTaken { path: path.to_owned() });
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).doing(format!("remove {}", path.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).doing(format!("listen at {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .doing(format!("protect {}", path.display()))?;
    Ok(listener)
}
