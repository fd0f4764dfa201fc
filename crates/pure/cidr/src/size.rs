//! How large a subnet is to be.

use madang_addr::{Family, Prefix};
use serde::Serialize;

use crate::answer::Result;
use crate::steps::Step;
use crate::subnet::{Subnet, reserved_of};
use crate::{Count, Error};

/// How large a subnet is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Size {
    /// By the length of its prefix.
    Length(u8),
    /// By the hosts that it must have room for.
    Hosts(Count),
}

impl Size {
    /// Of so many hosts, as they are written.
    ///
    /// # Errors
    /// If it is no whole number.
    pub fn parse_hosts(text: &str) -> Result<Self> {
        Ok(Self::Hosts(crate::parse::number(text.trim())?.into()))
    }

    /// The length of such a subnet of this prefix.
    ///
    /// # Errors
    /// If it does not fit, or is no size.
    pub fn length(self, within: Prefix) -> Result<u8> {
        match self {
            Self::Length(length) if length > within.family().width() => {
                Err(Error::Length { length: length.into(), width: within.family().width() })
            }
            Self::Length(length) if length < within.length() => Err(Error::Shorter { within, length }),
            Self::Length(length) => Ok(length),
            Self::Hosts(hosts) => {
                let most = Subnet::from(within).usable;
                let bits = host_bits(within, hosts)?.filter(|bits| *bits <= within.host_bits());
                bits.map(|bits| within.family().width() - bits).ok_or(Error::TooManyHosts {
                    within,
                    hosts,
                    most,
                })
            }
        }
    }

    /// How that length was found.
    pub(crate) fn steps(self, within: Prefix, length: u8) -> Vec<Step> {
        let Self::Hosts(hosts) = self else { return Vec::new() };
        let width = within.family().width();
        if width - length < 2 && within.length() == length && Subnet::from(within).usable >= hosts {
            return Vec::new();
        }
        let bits = width - length;
        let reserved = reserved_of(within.family());
        vec![Step::BitsForHosts { hosts, reserved, bits }, Step::LengthOfHosts { width, bits, length }]
    }
}

/// How many bits the hosts need, `None` if no prefix has so many: 2^h - 2 >= hosts, or - 1 in IPv6. What is too small for
/// that, and still has an address for each, is taken whole.
pub(crate) fn host_bits(within: Prefix, hosts: Count) -> Result<Option<u8>> {
    if hosts == Count::ZERO {
        return Err(Error::NoHosts);
    }
    let family = within.family();
    let bits = smallest(family, hosts);
    if bits.is_some_and(|bits| bits > within.host_bits()) && Subnet::from(within).usable >= hosts {
        return Ok(Some(within.host_bits()));
    }
    Ok(bits)
}

fn smallest(family: Family, hosts: Count) -> Option<u8> {
    let wanted = hosts.plus(u128::from(reserved_of(family)).into());
    (1..=family.width()).find(|bits| Count::power(*bits) >= wanted)
}
