//! The socket: taken by one daemon at a time, and given back.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

use super::{ServeError, socket_group};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A socket that is ours. Dropped, it is removed, unless somebody replaced it.
#[derive(Debug)]
pub(super) struct Claim {
    socket: PathBuf,
    inode: u64,
    /// Held as long as the socket is ours: of two daemons that find a dead one's socket, one replaces it.
    _lock: Lock,
}

#[derive(Debug)]
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Claim {
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.socket).is_ok_and(|found| found.ino() == self.inode) {
            remove(&self.socket);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still locked: who waits for this file finds that it is no longer the one at the path.
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "a file could not be removed");
    }
}

/// Takes the socket and listens.
pub(super) async fn claim(socket: &Path) -> Result<(UnixListener, Claim), ServeError> {
    if let Some(directory) = socket.parent().filter(|directory| !directory.exists()) {
        let made = DirBuilder::new().recursive(true).mode(0o750).create(directory);
        made.map_err(|e| failed("create the directory", directory, e))?;
    }
    let lock = lock(socket)?;
    remove_dead(socket).await?;
    let listener = UnixSocket::new_stream().map_err(|e| failed("make the socket", socket, e))?;
    listener.bind(socket).map_err(|e| failed("bind the socket", socket, e))?;
    // Before it listens: nobody can connect to it while its owners or its mode are still others.
    if let Some(group) = socket_group() {
        std::os::unix::fs::chown(socket, None, Some(group))
            .map_err(|e| failed("give to the group madang", socket, e))?;
    }
    fs::set_permissions(socket, Permissions::from_mode(0o660))
        .map_err(|e| failed("set the mode of", socket, e))?;
    let inode = fs::symlink_metadata(socket).map_err(|e| failed("look at", socket, e))?.ino();
    let listener = listener.listen(BACKLOG).map_err(|e| failed("listen on", socket, e))?;
    Ok((listener, Claim { socket: socket.to_owned(), inode, _lock: lock }))
}

/// Removes the socket of a daemon that died. One that lives is left alone.
async fn remove_dead(socket: &Path) -> Result<(), ServeError> {
    match fs::symlink_metadata(socket) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at", socket, error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ServeError::NoSocket { path: socket.to_owned() });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(socket).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(socket).map_err(|e| failed("remove the dead socket", socket, e))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("find out who serves", socket, error)),
        Ok(_) => Err(ServeError::InUse { socket: socket.to_owned() }),
    }
}

/// Locks the file beside the socket, or finds that another daemon has.
fn lock(socket: &Path) -> Result<Lock, ServeError> {
    let mut path = socket.to_owned().into_os_string();
    path.push(".lock");
    let path = PathBuf::from(path);
    loop {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(|e| failed("open", &path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ServeError::InUse { socket: socket.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &path, error)),
        }
        let locked = file.metadata().map_err(|e| failed("look at", &path, e))?;
        if fs::metadata(&path).is_ok_and(|found| (found.dev(), found.ino()) == (locked.dev(), locked.ino())) {
            return Ok(Lock { path, _file: file });
        }
    }
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> ServeError {
    ServeError::Io { operation, path: path.to_owned(), source }
}
