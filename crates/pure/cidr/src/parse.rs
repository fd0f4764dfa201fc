//! From what people write to addresses and prefixes.
//!
//! A mask may be written as a length, as a netmask (`255.255.240.0`) or as a wildcard (`0.0.15.255`). Two dotted values are
//! both: `0.0.0.0` and `255.255.255.255`. They are taken as netmasks, /0 and /32, as everybody who is asked for a netmask
//! means them.

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::{Family, Prefix};
use serde::Serialize;

use crate::Error;
use crate::answer::Result;

/// An address and the network that it is in, as an interface has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Interface {
    /// The address.
    pub address: IpAddr,
    /// Its network.
    pub network: Prefix,
}

impl Interface {
    /// `172.16.5.4/20`, `172.16.5.4/255.255.240.0`, `172.16.5.4/0.0.15.255`, the same with a space, or an address alone.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        match text.split_once('/').or_else(|| text.split_once(char::is_whitespace)) {
            Some((address, mask)) => Self::with_mask(address, mask),
            None => {
                let address = parse_address(text)?;
                Ok(Self { address, network: Prefix::host(address) })
            }
        }
    }

    /// The same of two words.
    ///
    /// # Errors
    /// If one of them is not what it should be.
    pub fn with_mask(address: &str, mask: &str) -> Result<Self> {
        let address = parse_address(address)?;
        let length = length(address, mask.trim().trim_start_matches('/'))?;
        let network = Prefix::containing(address, length)
            .map_err(|_| Error::Length { length: length.into(), width: Family::of(address).width() })?;
        Ok(Self { address, network })
    }
}

/// An address alone.
///
/// # Errors
/// If it is none.
pub fn parse_address(text: &str) -> Result<IpAddr> {
    let text = text.trim();
    let wrong = || match text.split_once('%') {
        Some((address, _)) if address.parse::<IpAddr>().is_ok() => Error::Zone { text: text.to_owned() },
        _ => Error::Address { text: text.to_owned() },
    };
    text.parse().map_err(|_| wrong())
}

/// A network, or a single address: all that [`Interface::parse`] takes, but without host bits.
///
/// # Errors
/// If it is none.
pub fn parse_prefix(text: &str) -> Result<Prefix> {
    let Interface { address, network } = Interface::parse(text)?;
    if network.address() == address { Ok(network) } else { Err(Error::HostBits { address, network }) }
}

/// Networks, with commas or spaces between them.
///
/// # Errors
/// If one of them is none.
pub fn parse_prefixes(text: &str) -> Result<Vec<Prefix>> {
    let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    words.map(parse_prefix).collect()
}

fn length(address: IpAddr, mask: &str) -> Result<u8> {
    let wrong = || Error::Mask { text: mask.to_owned() };
    let width = Family::of(address).width();
    if let Ok(dotted) = mask.parse::<Ipv4Addr>() {
        return if address.is_ipv4() { mask_length(dotted) } else { Err(Error::MaskOfV6 { address }) };
    }
    if mask.is_empty() || !mask.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let length: u128 = mask.parse().map_err(|_| wrong())?;
    let fits = u8::try_from(length).ok().filter(|length| *length <= width);
    fits.ok_or(Error::Length { length, width })
}

/// The length that a netmask or, failing that, a wildcard says.
fn mask_length(mask: Ipv4Addr) -> Result<u8> {
    let bits = mask.to_bits();
    let ones = |bits: u32| (bits.leading_ones() + bits.trailing_zeros() >= 32).then(|| bits.leading_ones());
    let length = ones(bits).or_else(|| ones(!bits)).ok_or(Error::MaskHoles { mask })?;
    u8::try_from(length).map_err(|_| Error::MaskHoles { mask })
}

/// A whole number.
pub(crate) fn number(text: &str) -> Result<u128> {
    let wrong = || Error::Number { text: text.to_owned() };
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}
