//! The address that a client had, and the MTU that was there before, for its next start; and that there is one client of an interface.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::FlockOperation;

use crate::error::Doing;
use crate::{Error, Result};

/// One file of one interface, locked as long as its client works: the client's process, the address, the MTU.
#[derive(Debug)]
pub(super) struct Memory {
    file: File,
    address: Option<Ipv4Addr>,
    mtu_before: Option<u32>,
}

impl Memory {
    pub(super) fn open(directory: &Path, interface: &str) -> Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(directory)
            .doing(format!("make {}", directory.display()))?;
        // A name of an interface has no slash, but what was typed may.
        let path = directory.join(interface.replace('/', "_"));
        let doing = format!("use {}", path.display());
        let file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.doing(doing.as_str())?;
        let mut text = String::new();
        let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        let _ = file.read_to_string(&mut text);
        let mut words = text.split_whitespace();
        let process = words.next().map(|pid| format!("process {pid}"));
        match locked {
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(Error::ClientTaken { link: interface.to_owned(), by: process });
            }
            locked => locked.doing(doing.as_str())?,
        }
        let address = words.next().and_then(|address| address.parse().ok());
        let mtu_before = words.next().and_then(|mtu| mtu.parse().ok());
        let mut memory = Self { file, address, mtu_before };
        memory.write().doing(doing.as_str())?;
        Ok(memory)
    }

    pub(super) fn address(&self) -> Option<Ipv4Addr> {
        self.address
    }

    /// The MTU that was there before a client set one.
    pub(super) fn mtu_before(&self) -> Option<u32> {
        self.mtu_before
    }

    pub(super) fn keep(&mut self, address: Ipv4Addr, mtu_before: Option<u32>) -> io::Result<()> {
        let new = (Some(address), mtu_before);
        if (self.address, self.mtu_before) == new {
            return Ok(());
        }
        (self.address, self.mtu_before) = new;
        self.write()
    }

    pub(super) fn forget(&mut self) -> io::Result<()> {
        (self.address, self.mtu_before) = (None, None);
        self.write()
    }

    /// Torn by a loss of power it is no address: then the client begins as one that had none.
    fn write(&mut self) -> io::Result<()> {
        let address = self.address.map(|address| format!(" {address}")).unwrap_or_default();
        let mtu = self.mtu_before.filter(|_| !address.is_empty());
        let mtu = mtu.map(|mtu| format!(" {mtu}")).unwrap_or_default();
        let text = format!("{}{address}{mtu}\n", std::process::id());
        self.file.rewind()?;
        self.file.set_len(0)?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()
    }
}
