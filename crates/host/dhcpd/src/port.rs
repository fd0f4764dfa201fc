//! A port of UDP on a link: whoever has it speaks there, and nobody else does.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::{Error, Result};

/// Takes this port on a link, for sending; what comes there is heard otherwise.
pub(crate) fn hold(link: &str, port: u16) -> Result<OwnedFd> {
    let open = || {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
        madang_kernel::link::bind_to(&socket, link)?;
        sockopt::set_socket_broadcast(&socket, true)?;
        // Nobody reads it, so nothing needs to wait there.
        sockopt::set_socket_recv_buffer_size(&socket, 0)?;
        rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))?;
        io::Result::Ok(socket)
    };
    open().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::PortTaken { link: link.to_owned(), port, by: holder(port) },
        _ => Error::Host { doing: format!("listen on port {port} of {link}"), source },
    })
}

/// Who has a port, as far as this namespace's sockets and processes say.
fn holder(port: u16) -> Option<String> {
    let table = fs::read_to_string("/proc/self/net/udp").ok()?;
    let port = format!(":{port:04X}");
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
