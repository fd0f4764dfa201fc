//! The names that a server's certificate is for.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustls::pki_types::ServerName;

use crate::IdentityError;

/// The most addresses that a host puts into its certificate by itself: every client has to read them.
const MOST: usize = 64;

/// The names that a server's certificate is for: DNS names and addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    dns: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl Names {
    /// A host by its own names: `localhost`, the loopback addresses, its host name, its addresses.
    pub fn of_host(host_name: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let mut names = Self::default();
        names.dns.insert("localhost".to_owned());
        names.addresses.extend([IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]);
        // A host name can be anything; what can be none in a certificate is left out.
        let _ = names.add(host_name);
        names.addresses.extend(addresses.into_iter().filter(of_use).take(MOST));
        names
    }

    /// Another name, or address.
    ///
    /// # Errors
    /// It is neither.
    pub fn add(&mut self, name: &str) -> Result<(), IdentityError> {
        match ServerName::try_from(name) {
            Ok(ServerName::DnsName(name)) => drop(self.dns.insert(name.as_ref().to_ascii_lowercase())),
            Ok(ServerName::IpAddress(address)) => drop(self.addresses.insert(address.into())),
            _ => return Err(IdentityError::Name { name: name.to_owned() }),
        }
        Ok(())
    }

    /// The DNS names, in order.
    pub fn dns(&self) -> impl Iterator<Item = &str> {
        self.dns.iter().map(String::as_str)
    }

    /// The addresses, in order.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().copied()
    }
}

/// Whether anybody can use an address to reach the host: one of a single link means nothing without the link.
fn of_use(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_link_local() && !address.is_unspecified(),
        IpAddr::V6(address) => !address.is_unicast_link_local() && !address.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_its_own_names_and_those_that_are_added() {
        let own =
            ["192.0.2.7", "fe80::1", "169.254.1.1", "2001:db8::7"].map(|a| a.parse::<IpAddr>().unwrap());
        let mut names = Names::of_host("Web-1", own);
        names.add("api.example.com").unwrap();
        names.add("203.0.113.9").unwrap();
        assert_eq!(names.dns().collect::<Vec<_>>(), ["api.example.com", "localhost", "web-1"]);
        let addresses: Vec<_> = names.addresses().map(|address| address.to_string()).collect();
        assert_eq!(addresses, ["127.0.0.1", "192.0.2.7", "203.0.113.9", "::1", "2001:db8::7"]);
        for wrong in ["", "a b", "*", "http://x", "-"] {
            assert!(names.add(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Names::of_host("not a name", []).dns().count(), 1);
    }
}
