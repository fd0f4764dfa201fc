//! DHCP: what subnets tell, and servers on links.

use std::net::IpAddr;

use madang_addr::Mac;

use super::Found;
use super::outside::interface;
use crate::words::quote;
use crate::{DhcpReservation, DhcpServerSpec, DhcpSettings, Diagnostic, is_dns_label};

/// How many servers of a kind clients are told of at most.
const MOST_SERVERS: usize = 8;
/// The shortest lease and the longest, in seconds.
const LEASES: (u32, u32) = (60, 604_800);
/// How many ranges, and how many reservations, a server has at most: they are options of a command.
const MOST: usize = 1000;

pub(super) fn settings(found: &mut Found, spec: &DhcpSettings) {
    lease(found, "spec.dhcp.leaseSeconds", spec.lease_seconds);
    let domain = spec.domain_name.as_deref();
    told(
        found,
        "spec.dhcp",
        domain,
        [("domainNameServers", &spec.domain_name_servers), ("ntpServers", &spec.ntp_servers)],
    );
}

pub(super) fn server(found: &mut Found, spec: &DhcpServerSpec) {
    interface(found, &spec.interface);
    lease(found, "spec.leaseSeconds", spec.lease_seconds);
    lease(found, "spec.maxLeaseSeconds", spec.max_lease_seconds);
    if spec.lease_seconds > spec.max_lease_seconds {
        let message =
            format!("{} is longer than the longest lease, {}", spec.lease_seconds, spec.max_lease_seconds);
        let hint = "make it shorter, or spec.maxLeaseSeconds longer";
        found.add("spec.leaseSeconds", Diagnostic::new("outOfRange", message).hint(hint));
    }
    told(
        found,
        "spec",
        spec.domain_name.as_deref(),
        [
            ("routers", &spec.routers),
            ("domainNameServers", &spec.domain_name_servers),
            ("ntpServers", &spec.ntp_servers),
            ("knownServers", &spec.known_servers),
        ],
    );
    pools(found, spec);
    for (n, reservation) in spec.reservations.iter().enumerate().take(MOST) {
        self::reservation(found, &format!("spec.reservations[{n}]"), reservation);
    }
    let lists = [
        ("pools", spec.pools.len()),
        ("excluded", spec.excluded.len()),
        ("reservations", spec.reservations.len()),
    ];
    for (field, length) in lists.into_iter().filter(|(_, length)| *length > MOST) {
        let hint = format!("write at most {MOST}");
        let message = format!("{length} are too many");
        found.add(format!("spec.{field}"), Diagnostic::new("tooMany", message).hint(hint));
    }
}

fn pools(found: &mut Found, spec: &DhcpServerSpec) {
    if spec.pools.is_empty() && spec.reservations.is_empty() {
        let diagnostic = Diagnostic::new("missingField", "it has no addresses to lease");
        let hint = "write a range, as pools: [192.168.5.100-192.168.5.200], or reservations";
        found.add("spec.pools", diagnostic.hint(hint));
    }
    for (n, pool) in spec.pools.iter().enumerate().take(MOST) {
        if let Some(other) = spec.pools.iter().take(n).find(|other| other.overlaps(*pool)) {
            let message = format!("{pool} overlaps {other}");
            let hint = "an address is in one pool: make one of them shorter, or leave it out";
            found.add(format!("spec.pools[{n}]"), Diagnostic::new("overlap", message).hint(hint));
        }
    }
}

fn reservation(found: &mut Found, path: &str, reservation: &DhcpReservation) {
    found.address(&format!("{path}.address"), Some(reservation.address));
    match (&reservation.mac, &reservation.client_id) {
        (Some(mac), None) if mac.parse::<Mac>().is_err() => {
            let diagnostic =
                Diagnostic::new("invalidValue", format!("{} is no Ethernet address", quote(mac)));
            found.add(format!("{path}.mac"), diagnostic.hint("write six bytes, as 52:54:00:12:34:56"));
        }
        (None, Some(id)) if !is_identifier(id) => {
            let diagnostic =
                Diagnostic::new("invalidValue", format!("{} is no client identifier", quote(id)));
            let hint = "write 2 to 255 bytes in hexadecimal, as 01525400123456";
            found.add(format!("{path}.clientId"), diagnostic.hint(hint));
        }
        (Some(_), None) | (None, Some(_)) => {}
        (None, None) => {
            let diagnostic = Diagnostic::new("missingField", "it does not say whose the address is");
            found.add(path, diagnostic.hint("write the client's mac, or its clientId"));
        }
        (Some(_), Some(_)) => {
            let diagnostic = Diagnostic::new("invalidValue", "it names its client twice");
            found.add(format!("{path}.clientId"), diagnostic.hint("leave out one of mac and clientId"));
        }
    }
    if let Some(name) = reservation.name.as_ref().filter(|name| !is_dns_label(name)) {
        let diagnostic = Diagnostic::new("invalidValue", format!("{} is no host's name", quote(name)));
        found.add(
            format!("{path}.name"),
            diagnostic.hint("write lower-case letters, digits and hyphens, up to 63"),
        );
    }
}

fn is_identifier(text: &str) -> bool {
    text.is_ascii()
        && text.len().is_multiple_of(2)
        && (4..=510).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn lease(found: &mut Found, path: &str, seconds: u32) {
    let (least, most) = LEASES;
    if !(least..=most).contains(&seconds) {
        let hint = format!("write a number of {least} to {most}: a minute to a week");
        found.add(path, Diagnostic::new("outOfRange", format!("{seconds} is out of range")).hint(hint));
    }
}

/// What clients are told.
fn told<const N: usize>(found: &mut Found, at: &str, domain: Option<&str>, lists: [(&str, &Vec<IpAddr>); N]) {
    for (field, servers) in lists {
        for (n, server) in servers.iter().enumerate().take(MOST_SERVERS) {
            found.address(&format!("{at}.{field}[{n}]"), Some(*server));
        }
        if servers.len() > MOST_SERVERS {
            let diagnostic = Diagnostic::new("tooMany", format!("{} are too many", servers.len()));
            found.add(format!("{at}.{field}"), diagnostic.hint(format!("name at most {MOST_SERVERS}")));
        }
    }
    if let Some(name) = domain.filter(|name| !is_domain(name)) {
        let diagnostic = Diagnostic::new("invalidValue", format!("{} is no domain name", quote(name)));
        let hint = "write letters, digits, hyphens and dots, as shop.internal";
        found.add(format!("{at}.domainName"), diagnostic.hint(hint));
    }
}

/// A name as hosts have them (RFC 1123 section 2.1).
fn is_domain(name: &str) -> bool {
    let label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}
