//! The server's port, and its control socket.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use madang_dhcp::frame::SERVER_PORT;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::error::Doing;
use crate::{Error, Result};

/// Takes the server's port on a link, for sending; what comes there is heard otherwise.
pub(super) fn port(link: &str) -> Result<OwnedFd> {
    let open = || {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
        madang_kernel::link::bind_to(&socket, link)?;
        sockopt::set_socket_broadcast(&socket, true)?;
        // Nobody reads it, so nothing needs to wait there.
        sockopt::set_socket_recv_buffer_size(&socket, 0)?;
        rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, SERVER_PORT))?;
        io::Result::Ok(socket)
    };
    open().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::PortTaken { link: link.to_owned(), by: holder() },
        _ => Error::Host { doing: format!("listen on port {SERVER_PORT} of {link}"), source },
    })
}

/// Who has the server's port, as far as this namespace's sockets and processes say.
fn holder() -> Option<String> {
    let table = fs::read_to_string("/proc/self/net/udp").ok()?;
    let port = format!(":{SERVER_PORT:04X}");
    let of_port = |line: &&str| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&port));
    let inodes = table.lines().filter(of_port).filter_map(|line| line.split_whitespace().nth(9));
    let links: Vec<String> = inodes.map(|inode| format!("socket:[{inode}]")).collect();
    let has = |process: &Path| {
        let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        let targets = descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
        targets.into_iter().any(|target| links.iter().any(|link| target.as_os_str() == link.as_str()))
    };
    let processes = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
    let process = processes.filter(|path| path.join("fd").is_dir()).find(|path| has(path))?;
    let name = fs::read_to_string(process.join("comm")).ok()?;
    Some(format!("{} (process {})", name.trim(), process.file_name()?.to_string_lossy()))
}

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
