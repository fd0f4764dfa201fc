//! How much each port and each hardware address holds.

use std::collections::HashMap;

use madang_wire::dhcp::HardwareAddress;

use super::index::NONE;
use crate::identity::Seeded;

/// Ports by number, so that a lease names one in four bytes. A port that holds nothing is forgotten.
#[derive(Debug)]
pub(super) struct Ports {
    numbers: HashMap<Box<[u8]>, u32, Seeded>,
    ports: Vec<Port>,
    unused: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct Port {
    key: Box<[u8]>,
    holds: Holds,
}

/// What a port holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holds {
    pub(super) offers: u32,
    pub(super) leases: u32,
}

impl Ports {
    pub(super) fn new(seed: Seeded) -> Self {
        Self { numbers: HashMap::with_hasher(seed), ports: Vec::new(), unused: Vec::new() }
    }

    /// What a port holds.
    pub(super) fn holds(&self, key: &[u8]) -> Holds {
        self.numbers.get(key).map(|number| self.at(*number).holds).unwrap_or_default()
    }

    /// A port's key; none for the number of no port.
    pub(super) fn key(&self, number: u32) -> Option<&[u8]> {
        (number != NONE).then(|| &*self.at(number).key)
    }

    /// What a port holds changes: the number of one, which is [`NONE`] without a key.
    pub(super) fn take(&mut self, key: Option<&[u8]>, change: impl Fn(&mut Holds)) -> u32 {
        let Some(key) = key else { return NONE };
        let number = self.numbers.get(key).copied().unwrap_or_else(|| self.add(key));
        change(&mut self.at_mut(number).holds);
        number
    }

    /// What a port holds changes, and it may be nothing then.
    pub(super) fn give(&mut self, number: u32, change: impl Fn(&mut Holds)) {
        if number == NONE {
            return;
        }
        let port = self.at_mut(number);
        change(&mut port.holds);
        if port.holds == Holds::default() {
            let key = std::mem::take(&mut port.key);
            self.numbers.remove(&key);
            self.unused.push(number);
        }
    }

    fn add(&mut self, key: &[u8]) -> u32 {
        let port = Port { key: key.into(), holds: Holds::default() };
        let number = self.unused.pop().unwrap_or_else(|| {
            self.ports.push(Port::default());
            u32::try_from(self.ports.len() - 1).unwrap_or(NONE)
        });
        *self.at_mut(number) = port;
        self.numbers.insert(key.into(), number);
        number
    }

    fn at(&self, number: u32) -> &Port {
        &self.ports[usize::try_from(number).unwrap_or(usize::MAX)]
    }

    fn at_mut(&mut self, number: u32) -> &mut Port {
        &mut self.ports[usize::try_from(number).unwrap_or(usize::MAX)]
    }
}

/// How often each hardware address did something.
#[derive(Debug)]
pub(super) struct Counts(HashMap<HardwareAddress, u16, Seeded>);

impl Counts {
    pub(super) fn new(seed: Seeded) -> Self {
        Self(HashMap::with_hasher(seed))
    }

    pub(super) fn of(&self, hardware: &HardwareAddress) -> u16 {
        self.0.get(hardware).copied().unwrap_or_default()
    }

    pub(super) fn up(&mut self, hardware: HardwareAddress) {
        let count = self.0.entry(hardware).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn down(&mut self, hardware: &HardwareAddress) {
        if let Some(count) = self.0.get_mut(hardware) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(hardware);
            }
        }
    }
}
