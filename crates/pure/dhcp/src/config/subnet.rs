//! One subnet, checked and laid out for looking things up.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use madang_addr::Prefix;
use madang_wire::dhcp::{HardwareAddress, Options, code};

use super::check;
use super::error::{ConfigError, Taken};
use super::spec::{Boot, ClientMatch, LeaseTimes, Range, Reservation, SubnetSpec};
use crate::identity::{Seeded, Who};
use crate::names;

#[derive(Clone, Debug)]
pub(crate) struct Subnet {
    pub(crate) prefix: Prefix,
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) link: Option<u32>,
    pub(crate) server_id: Ipv4Addr,
    pub(crate) lease: LeaseTimes,
    /// Those of all subnets and of this one, the mask and the routers.
    pub(crate) options: Options,
    pub(crate) boot: Boot,
    /// What is leased: from, to, in order, without what is excluded.
    pub(crate) pools: Vec<(u32, u32)>,
    routers: Vec<Ipv4Addr>,
    reservations: Vec<Reservation>,
    by_address: HashMap<u32, usize, Seeded>,
    by_hardware: HashMap<HardwareAddress, usize, Seeded>,
    by_client_id: HashMap<Vec<u8>, usize, Seeded>,
}

impl Subnet {
    pub(super) fn new(spec: SubnetSpec, server_id: Ipv4Addr, of_all: &Options) -> Result<Self, ConfigError> {
        let prefix = spec.prefix;
        let (IpAddr::V4(first), IpAddr::V4(last)) = (prefix.address(), prefix.last()) else {
            return Err(ConfigError::Family { subnet: prefix });
        };
        check_times(prefix, spec.lease)?;
        check_boot(prefix, &spec.boot)?;
        check::options(&spec.options)?;
        if let Some(router) = spec.routers.iter().find(|router| !prefix.contains(IpAddr::V4(**router))) {
            return Err(ConfigError::RouterOutside { subnet: prefix, router: *router });
        }
        let mut subnet = Self {
            prefix,
            first: first.into(),
            last: last.into(),
            link: spec.link,
            server_id: spec.server_id.unwrap_or(server_id),
            lease: spec.lease,
            options: merged(of_all, &spec, u32::from(last) ^ u32::from(first)),
            boot: spec.boot,
            pools: Vec::new(),
            routers: spec.routers,
            reservations: Vec::new(),
            by_address: HashMap::default(),
            by_hardware: HashMap::default(),
            by_client_id: HashMap::default(),
        };
        subnet.pools = subnet.leased(&spec.pools, &spec.excluded)?;
        spec.reservations.into_iter().try_for_each(|reservation| subnet.reserve(reservation))?;
        Ok(subnet)
    }

    /// The pools in order, without what is excluded.
    fn leased(&self, pools: &[Range], excluded: &[Range]) -> Result<Vec<(u32, u32)>, ConfigError> {
        let mut ranges = pools.iter().map(|range| self.bounds(*range)).collect::<Result<Vec<_>, _>>()?;
        if let Some((first, last)) =
            ranges.iter().find(|(first, last)| *first < self.first || *last > self.last)
        {
            let (first, last) = ((*first).into(), (*last).into());
            return Err(ConfigError::PoolOutside { subnet: self.prefix, first, last });
        }
        ranges.sort_unstable();
        if let Some([_, (address, _)]) = ranges.array_windows().find(|[a, b]| a.1 >= b.0) {
            return Err(ConfigError::PoolsOverlap { subnet: self.prefix, address: (*address).into() });
        }
        for range in excluded {
            let (first, last) = self.bounds(*range)?;
            ranges = ranges.into_iter().flat_map(|range| without(range, first, last)).flatten().collect();
        }
        let has = |address: u32| ranges.iter().any(|(first, last)| (*first..=*last).contains(&address));
        match self.taken().into_iter().find(|(address, _)| has(*address)) {
            Some((address, what)) => {
                Err(ConfigError::PoolHas { subnet: self.prefix, address: address.into(), what })
            }
            None => Ok(ranges),
        }
    }

    fn bounds(&self, range: Range) -> Result<(u32, u32), ConfigError> {
        let Range { first, last } = range;
        if first > last {
            return Err(ConfigError::RangeBackwards { subnet: self.prefix, first, last });
        }
        Ok((first.into(), last.into()))
    }

    /// Addresses that are no client's.
    fn taken(&self) -> Vec<(u32, Taken)> {
        let mut taken = vec![(u32::from(self.server_id), Taken::Server)];
        taken.extend(self.routers.iter().map(|router| (u32::from(*router), Taken::Router)));
        // Subnets of one or two addresses have neither (RFC 3021).
        if self.prefix.length() <= 30 {
            taken.extend([(self.first, Taken::Network), (self.last, Taken::Broadcast)]);
        }
        taken
    }

    pub(super) fn reserve(&mut self, reservation: Reservation) -> Result<(), ConfigError> {
        let (subnet, address) = (self.prefix, reservation.address);
        let bits = u32::from(address);
        if !(self.first..=self.last).contains(&bits) {
            return Err(ConfigError::ReservationOutside { subnet, address });
        }
        if let Some((_, what)) = self.taken().into_iter().find(|(taken, _)| *taken == bits) {
            return Err(ConfigError::ReservationHas { subnet, address, what });
        }
        check::options(&reservation.options)?;
        if let Some(name) = &reservation.name
            && names::sanitised(name.as_bytes()).as_deref() != Some(name)
        {
            return Err(ConfigError::Name { name: name.clone() });
        }
        if self.by_address.contains_key(&bits) {
            return Err(ConfigError::AddressReservedTwice { address });
        }
        let twice = match &reservation.client {
            ClientMatch::Mac(mac) => self.by_hardware.contains_key(&HardwareAddress::ethernet(*mac)),
            ClientMatch::ClientId(id) if !(2..=255).contains(&id.len()) => {
                return Err(ConfigError::ClientIdLength { address, length: id.len() });
            }
            ClientMatch::ClientId(id) => self.by_client_id.contains_key(id),
        };
        if twice {
            return Err(ConfigError::ClientReservedTwice { subnet, address });
        }
        self.insert(bits, reservation);
        Ok(())
    }

    fn insert(&mut self, bits: u32, reservation: Reservation) {
        let at = self.reservations.len();
        self.by_address.insert(bits, at);
        match &reservation.client {
            ClientMatch::Mac(mac) => self.by_hardware.insert(HardwareAddress::ethernet(*mac), at),
            ClientMatch::ClientId(id) => self.by_client_id.insert(id.clone(), at),
        };
        self.reservations.push(reservation);
    }

    /// What is reserved for a client; by its identifier first, which is more certain.
    pub(crate) fn reservation(&self, who: &Who<'_>) -> Option<&Reservation> {
        if self.reservations.is_empty() {
            return None;
        }
        let by_id = who.client_id.and_then(|id| self.by_client_id.get(id));
        let at = by_id.or_else(|| self.by_hardware.get(&who.hardware))?;
        self.reservations.get(*at)
    }

    /// Whether an address is reserved for some client.
    pub(crate) fn is_reserved(&self, address: u32) -> bool {
        !self.reservations.is_empty() && self.by_address.contains_key(&address)
    }

    /// Whether an address is leased to whoever comes.
    pub(crate) fn is_pooled(&self, address: u32) -> bool {
        let after = self.pools.partition_point(|(first, _)| *first <= address);
        after.checked_sub(1).is_some_and(|at| self.pools[at].1 >= address) && !self.is_reserved(address)
    }

    /// All reservations.
    pub(crate) fn reservations(&self) -> &[Reservation] {
        &self.reservations
    }

    /// How many addresses are leased to whoever comes.
    pub(crate) fn pooled(&self) -> u64 {
        let all: u64 = self.pools.iter().map(|(first, last)| u64::from(last - first) + 1).sum();
        let in_pool = |bits: u32| self.pools.iter().any(|(first, last)| (*first..=*last).contains(&bits));
        let reserved = self.by_address.keys().filter(|bits| in_pool(**bits)).count();
        all.saturating_sub(u64::try_from(reserved).unwrap_or(u64::MAX))
    }
}

fn check_times(subnet: Prefix, lease: LeaseTimes) -> Result<(), ConfigError> {
    let LeaseTimes { min, default, max, renew_permille: renew, rebind_permille: rebind } = lease;
    if min == 0 || min > default || default > max {
        return Err(ConfigError::LeaseBounds { subnet, min, default, max });
    }
    if renew == 0 || renew >= rebind || rebind >= 1000 {
        return Err(ConfigError::Renewal { subnet, renew, rebind });
    }
    Ok(())
}

fn check_boot(subnet: Prefix, boot: &Boot) -> Result<(), ConfigError> {
    for (field, name, most) in
        [("boot server's name", &boot.server_name, 63), ("boot file's name", &boot.file, 127)]
    {
        if name.len() > most {
            return Err(ConfigError::BootName { subnet, field, length: name.len(), most });
        }
    }
    Ok(())
}

fn merged(of_all: &Options, spec: &SubnetSpec, host_bits: u32) -> Options {
    let mut options = of_all.clone();
    spec.options.iter().for_each(|(code, value)| {
        options.set(code, value);
    });
    options.set(code::SUBNET_MASK, (!host_bits).to_be_bytes());
    if !spec.routers.is_empty() {
        options.set_addresses(code::ROUTERS, &spec.routers);
    }
    options
}

/// What is left of a range.
fn without(range: (u32, u32), first: u32, last: u32) -> [Option<(u32, u32)>; 2] {
    let before = first.checked_sub(1).map(|end| (range.0, range.1.min(end)));
    let after = last.checked_add(1).map(|start| (range.0.max(start), range.1));
    [before, after].map(|part| part.filter(|(first, last)| first <= last))
}
