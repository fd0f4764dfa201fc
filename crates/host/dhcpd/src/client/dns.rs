//! Where name servers go: to whoever manages them on this host, or into a file.

use std::fs;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where name servers go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dns {
    /// To the program `resolvconf` if there is one, else into /etc/resolv.conf, unless that is somebody else's: a link.
    Auto,
    /// Nowhere.
    Nowhere,
    /// Into this file.
    File(PathBuf),
}

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// What was there before.
const BEFORE: &str = "before-madang";
const MARK: &str = "# Written by madang dhcp client";

impl Dns {
    pub(super) fn set(&self, interface: &str, servers: &[Ipv4Addr], domain: Option<&str>) -> io::Result<()> {
        if servers.is_empty() && domain.is_none() {
            return Ok(());
        }
        let mut text = format!("{MARK} for {interface}\n");
        text.extend(domain.map(|domain| format!("search {domain}\n")));
        text.extend(servers.iter().map(|server| format!("nameserver {server}\n")));
        match self.file() {
            Some(file) => replace(file, &text),
            None if *self == Self::Auto => resolvconf(&["-a", &key(interface)], &text),
            None => Ok(()),
        }
    }

    pub(super) fn clear(&self, interface: &str) -> io::Result<()> {
        match self.file() {
            Some(file) => put_back(file),
            None if *self == Self::Auto => resolvconf(&["-d", &key(interface)], ""),
            None => Ok(()),
        }
    }

    /// The file that it is written into itself.
    fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Auto if program().is_none() => {
                // A link leads to what another program writes.
                let path = Path::new(RESOLV_CONF);
                fs::symlink_metadata(path).map_or(true, |about| about.is_file()).then_some(path)
            }
            Self::Auto | Self::Nowhere => None,
        }
    }
}

fn key(interface: &str) -> String {
    format!("{interface}.madang")
}

fn program() -> Option<PathBuf> {
    ["/usr/sbin/resolvconf", "/sbin/resolvconf", "/usr/bin/resolvconf"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.is_file())
}

fn resolvconf(arguments: &[&str], text: &str) -> io::Result<()> {
    let Some(program) = program() else { return Ok(()) };
    let mut child = Command::new(program).args(arguments).env_clear().stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes())?;
    }
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("resolvconf: {status}"))) }
}

fn beside(file: &Path, what: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{what}"));
    name.into()
}

/// Puts a text in the place of a file, whole or not at all; one of somebody else's is kept beside it.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    match fs::read_to_string(file) {
        Ok(there) if !there.starts_with(MARK) => drop(fs::copy(file, beside(file, BEFORE))?),
        _ => {}
    }
    let new = beside(file, "new");
    fs::write(&new, text)?;
    match fs::rename(&new, file) {
        // Something is mounted there, as in containers: it is written where it is.
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            fs::remove_file(new)?;
            fs::write(file, text)
        }
        result => result,
    }
}

/// What was there before comes back, if what is there is ours.
fn put_back(file: &Path) -> io::Result<()> {
    match fs::read_to_string(file) {
        Ok(there) if there.starts_with(MARK) => {}
        _ => return Ok(()),
    }
    let before = beside(file, BEFORE);
    match fs::rename(&before, file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::remove_file(file),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            fs::write(file, fs::read(&before)?)?;
            fs::remove_file(before)
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("resolv.conf");
        fs::write(&file, "nameserver 192.0.2.1\n").unwrap();
        let dns = Dns::File(file.clone());
        dns.set("eth0", &[[10, 0, 0, 1].into()], Some("lab.internal")).unwrap();
        dns.set("eth0", &[[10, 0, 0, 2].into()], None).unwrap();
        let said = fs::read_to_string(&file).unwrap();
        assert_eq!(said, "# Written by madang dhcp client for eth0\nnameserver 10.0.0.2\n");
        dns.clear("eth0").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "nameserver 192.0.2.1\n");
        dns.clear("eth0").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "nameserver 192.0.2.1\n", "it is not ours");
        fs::remove_file(&file).unwrap();
        dns.set("eth0", &[[10, 0, 0, 1].into()], None).unwrap();
        dns.clear("eth0").unwrap();
        assert!(!file.exists());
    }
}
