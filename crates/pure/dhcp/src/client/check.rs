//! Whether what a server says can be.

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::Prefix;
use madang_wire::dhcp::{Options, Repr, code};

/// Whether a host can have an address.
pub(super) fn is_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    !(first == 0 || address.is_loopback() || first >= 224)
}

/// The subnet of an address: by the mask; without one that is one, that of its class (RFC 950), which is all one can know.
pub(super) fn subnet(address: Ipv4Addr, options: &Options) -> Prefix {
    let length = options.address(code::SUBNET_MASK).and_then(mask_length).unwrap_or(match address.octets() {
        [0..128, ..] => 8,
        [128..192, ..] => 16,
        _ => 24,
    });
    Prefix::containing(IpAddr::V4(address), length).unwrap_or(Prefix::host(IpAddr::V4(address)))
}

fn mask_length(mask: Ipv4Addr) -> Option<u8> {
    let bits = u32::from(mask);
    let length = bits.leading_ones();
    let is_mask = bits.count_ones() == length && length > 0;
    u8::try_from(length).ok().filter(|_| is_mask)
}

/// Who sent an offer, and for how long it is; else what is wrong with it, in words.
pub(super) fn lease(message: &Repr) -> Result<(Ipv4Addr, u32), String> {
    let address = message.header.yiaddr;
    let options = &message.options;
    let server = options.address(code::SERVER_ID).filter(|server| is_host(*server));
    let server = server.ok_or("it does not say which server it is from")?;
    if !is_host(address) || address.is_link_local() {
        return Err(format!("{address} is no address that a host can have from a server"));
    }
    if let Some(mask) = options.address(code::SUBNET_MASK).filter(|mask| mask_length(*mask).is_none()) {
        return Err(format!("{mask} is no mask of a subnet"));
    }
    let subnet = subnet(address, options);
    let ends = [subnet.address(), subnet.last()].contains(&IpAddr::V4(address));
    if subnet.length() <= 30 && ends {
        return Err(format!("{address} is the first or the last address of {subnet}, which no host has"));
    }
    if address == server {
        return Err(format!("{address} is the server's own address"));
    }
    match options.seconds(code::LEASE_TIME) {
        None => Err("it does not say how long the lease is".to_owned()),
        Some(0) => Err("its lease is over at once".to_owned()),
        Some(seconds) => Ok((server, seconds)),
    }
}

/// T1 and T2 in seconds: the server's, if they are in order; else half and seven eighths (RFC 2131 section 4.4.5).
pub(super) fn times(options: &Options, lease: u32) -> (u32, u32) {
    let said = (options.seconds(code::RENEWAL_TIME), options.seconds(code::REBINDING_TIME));
    let default = (lease / 2, lease - lease / 8);
    let (renew, rebind) = (said.0.unwrap_or(default.0), said.1.unwrap_or(default.1));
    if 0 < renew && renew < rebind && rebind < lease { (renew, rebind) } else { default }
}
