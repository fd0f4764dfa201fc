//! Subnets of several sizes in a network (VLSM, RFC 1878): the largest first, so that each is aligned and nothing is lost
//! between them.

use std::collections::HashSet;

use madang_addr::{Family, Prefix};
use serde::Serialize;

use crate::answer::{Answer, Lines, Result};
use crate::range::blocks;
use crate::size::host_bits;
use crate::steps::Step;
use crate::subnet::Subnet;
use crate::text::table;
use crate::words::{Label, Sentence};
use crate::{Count, Error, Language, text};

/// A subnet that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// What it is called.
    pub name: String,
    /// For how many hosts.
    pub hosts: Count,
}

impl Request {
    /// `sales=50,ops=20,link=2`.
    ///
    /// # Errors
    /// If a part of it is not NAME=HOSTS.
    pub fn parse(text: &str) -> Result<Vec<Self>> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        let request = |word: &str| {
            let wrong = || Error::Request { text: word.to_owned() };
            let (name, hosts) =
                word.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
            Ok(Self { name: name.to_owned(), hosts: crate::parse::number(hosts)?.into() })
        };
        words.map(request).collect()
    }
}

/// A subnet that has its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    /// What it is called.
    pub name: String,
    /// For how many hosts it was wanted.
    pub hosts: Count,
    /// Where it is.
    #[serde(flatten)]
    pub subnet: Subnet,
}

/// Subnets of several sizes in a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The network.
    pub prefix: Prefix,
    /// The subnets, the largest first; of one size, in the order in which they were asked for.
    pub subnets: Vec<Placed>,
    /// What is left over.
    pub left: Vec<Prefix>,
    /// How many addresses are left over.
    pub left_addresses: Count,
}

impl Plan {
    /// Gives each its place.
    ///
    /// # Errors
    /// If there is no room for all of them; it says how much is missing.
    pub fn new(prefix: Prefix, requests: &[Request]) -> Result<Self> {
        let available = Count::power(prefix.host_bits());
        let mut sized = sized(prefix, requests)?;
        let needed = sized.iter().map(|(bits, _)| Count::power(*bits)).sum();
        if needed > available {
            return Err(Error::NotEnough { within: prefix, needed, available });
        }
        sized.sort_by_key(|(bits, _)| std::cmp::Reverse(*bits));
        let width = prefix.family().width();
        let mut subnets = Vec::with_capacity(sized.len());
        let mut free = Some(prefix.address());
        for (bits, request) in sized {
            let place = free.and_then(|address| Prefix::new(address, width - bits).ok());
            // There is room for all, and each is aligned behind those that are no smaller.
            let Some(place) = place else {
                return Err(Error::NotEnough { within: prefix, needed, available });
            };
            free = place.next().map(Prefix::address).filter(|address| prefix.contains(*address));
            subnets.push(Placed { name: request.name.clone(), hosts: request.hosts, subnet: place.into() });
        }
        let left = free.map(|first| blocks(first, prefix.last())).unwrap_or_default();
        Ok(Self { prefix, subnets, left, left_addresses: available.minus(needed) })
    }
}

/// The bits that each request takes.
fn sized(prefix: Prefix, requests: &[Request]) -> Result<Vec<(u8, &Request)>> {
    let mut names = HashSet::new();
    let bits = |request: &Request| match host_bits(prefix, request.hosts)? {
        Some(bits) => Ok(bits),
        None => {
            let most = Subnet::from(prefix).usable;
            Err(Error::TooManyHosts { within: prefix, hosts: request.hosts, most })
        }
    };
    let each = requests.iter().map(|request| {
        if !names.insert(&request.name) {
            return Err(Error::SameName { name: request.name.clone() });
        }
        Ok((bits(request)?, request))
    });
    let sized: Vec<_> = each.collect::<Result<_>>()?;
    if sized.is_empty() { Err(Error::NoSubnets) } else { Ok(sized) }
}

impl Answer for Plan {
    fn lines(&self, language: Language) -> Lines<'_> {
        let labels = [
            Label::Name,
            Label::Wanted,
            Label::Room,
            Label::Subnet,
            Label::FirstUsable,
            Label::LastUsable,
            if self.prefix.family() == Family::V4 { Label::Broadcast } else { Label::LastAddress },
        ];
        let mut rows = vec![labels.map(|label| language.label(label).to_owned()).to_vec()];
        rows.extend(self.subnets.iter().map(|Placed { name, hosts, subnet }| {
            vec![
                name.clone(),
                hosts.to_string(),
                subnet.usable.to_string(),
                subnet.prefix.to_string(),
                subnet.first_usable.to_string(),
                subnet.last_usable.to_string(),
                subnet.last.to_string(),
            ]
        }));
        let left = Sentence::Left { prefixes: &self.left, addresses: self.left_addresses };
        let left = text::wrap(&language.sentence(&left), 2, 0);
        Box::new(table(&rows).into_iter().chain([String::new()]).chain(left))
    }

    fn steps(&self) -> Vec<Step> {
        let width = self.prefix.family().width();
        let order = self.subnets.iter().map(|placed| (placed.name.clone(), placed.hosts)).collect();
        let mut steps = vec![Step::Before { subnet: self.prefix.into() }, Step::LargestFirst { order }];
        for Placed { name, hosts, subnet } in &self.subnets {
            let (length, reserved) = (subnet.prefix.length(), crate::subnet::reserved(subnet.prefix));
            let bits = width - length;
            let (name, hosts) = (name.clone(), *hosts);
            steps.push(Step::Place { name, hosts, reserved, bits, width, subnet: *subnet });
        }
        steps.push(Step::Left { prefixes: self.left.clone(), addresses: self.left_addresses });
        steps
    }
}
