//! The working of an answer, step by step, as on a board.

use std::net::IpAddr;

use madang_addr::Prefix;
use serde::Serialize;

use crate::class::{Class, ClassRow};
use crate::neighbour::Direction;
use crate::subnet::{Subnet, reserved};
use crate::text::{COLUMNS, width, wrap};
use crate::{Count, Language};

/// How much of what can be long is shown: steps of one sort, holes.
pub(crate) const SHOWN: usize = 32;
/// How many subnets are shown before the dots.
const FIRST_SUBNETS: usize = 4;

/// A step of the working. Lengths and bits are numbers of bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the fields are the numbers of the formula that stands at each step")]
pub enum Step {
    /// The first 20 of 32 bits are the network.
    NetworkBits { length: u8, width: u8, netmask: IpAddr },
    /// address AND netmask = network
    And { address: IpAddr, netmask: IpAddr, network: IpAddr, length: u8 },
    /// address AND wildcard = host part
    HostPart { address: IpAddr, wildcard: IpAddr, host: IpAddr, length: u8 },
    /// network OR wildcard = last address
    Fill { network: IpAddr, wildcard: IpAddr, last: IpAddr, length: u8 },
    /// 2^(32-20) = 4096 addresses
    Addresses { width: u8, length: u8, count: Count },
    /// 2^(32-20) - 2 = 4094 hosts
    Hosts { width: u8, length: u8, reserved: u8, usable: Count },
    /// /31, /32, /127, /128: nothing is taken off.
    AllUsable { length: u8, width: u8, usable: Count },
    /// From the first to the last usable address.
    Usable { subnet: Subnet },
    /// 172 = 10101100: begins with 10, class B
    ClassBits { octet: u8, class: Class },
    /// 2^(8-1) networks, 2^24 - 2 hosts
    ClassSize { row: ClassRow },
    /// What there was before.
    Before { subnet: Subnet },
    /// What there is after: the first subnets, and the last.
    After { count: Count, first: Vec<Subnet>, last: Option<Subnet> },
    /// 2^n >= 32, so n = 5
    BitsForCount { count: Count, bits: u8 },
    /// /24 + 5 = /29
    Lengthen { from: u8, bits: u8, to: u8 },
    /// 2^(29-24) = 32 subnets
    CountOfLengths { from: u8, to: u8, count: Count },
    /// 2^h - 2 >= 50, so h = 6
    BitsForHosts { hosts: Count, reserved: u8, bits: u8 },
    /// 32 - 6 = /26
    LengthOfHosts { width: u8, bits: u8, length: u8 },
    /// The order in which subnets get their places.
    LargestFirst { order: Vec<(String, Count)> },
    /// A subnet gets its place.
    Place { name: String, hosts: Count, reserved: u8, bits: u8, width: u8, subnet: Subnet },
    /// What is left.
    Left { prefixes: Vec<Prefix>, addresses: Count },
    /// Sorted by address, then by length.
    Sort { given: usize },
    /// One is inside another.
    Swallow { inner: Prefix, outer: Prefix },
    /// Two halves are one.
    Join { low: Prefix, high: Prefix, whole: Prefix },
    /// The bits that the first and the last address have in common.
    Cover { first: IpAddr, last: IpAddr, cover: Prefix },
    /// Steps of the same sort are not shown.
    More { left_out: usize },
    /// The same, of which nobody knows how many.
    AndSoOn,
    /// A prefix is halved, since a part of it goes.
    Halve { whole: Prefix, low: Prefix, high: Prefix, kept: Vec<Prefix> },
    /// All of a prefix goes.
    Gone { prefix: Prefix, by: Prefix },
    /// Whether the inner is the longer.
    Lengths { outer: Prefix, inner: Prefix },
    /// Whether what was found is what was looked for.
    Compare { found: IpAddr, wanted: IpAddr },
    /// The first bits of both are the same.
    Nested { outer: Prefix, inner: Prefix },
    /// Each begins after those before it have ended.
    NoneNested,
    /// The largest block at an address.
    Block { prefix: Prefix, zeros: u32, last: IpAddr },
    /// From where to where a prefix goes.
    Ends { first: IpAddr, last: IpAddr, prefix: Prefix },
    /// A prefix begins where the one before it has ended.
    Follows { before: IpAddr, prefix: Prefix },
    /// What is free in a pool.
    Holes { pool: Prefix, holes: Vec<Prefix>, left_out: usize },
    /// The smallest hole that is large enough.
    BestFit { length: u8, hole: Prefix },
    /// The beginning of a hole is taken.
    Take { hole: Prefix, subnet: Subnet },
    /// 192.168.1.0 + 2^8 = 192.168.2.0
    Shift { from: Prefix, bits: u8, direction: Direction, to: Prefix },
}

impl Step {
    /// In a language: a sentence or a formula, and what belongs to it in lines of its own. None is longer than
    /// [`COLUMNS`], less the number of the step.
    pub fn lines(&self, language: Language) -> Vec<String> {
        language.step(self)
    }

    /// How many addresses and hosts a prefix has.
    pub(crate) fn sizes(prefix: Prefix) -> [Self; 2] {
        let (width, length) = (prefix.family().width(), prefix.length());
        let Subnet { addresses, usable, .. } = prefix.into();
        let hosts = match reserved(prefix) {
            0 => Self::AllUsable { length, width, usable },
            reserved => Self::Hosts { width, length, reserved, usable },
        };
        [Self::Addresses { width, length, count: addresses }, hosts]
    }

    /// The first of the subnets, and the last.
    pub(crate) fn after(count: Count, subnets: impl Iterator<Item = Subnet>, last: Subnet) -> Self {
        // If there is only one more, dots would take as much room.
        let all = count <= Count::from(FIRST_SUBNETS as u128 + 1);
        let first = subnets.take(FIRST_SUBNETS + usize::from(all)).collect();
        Self::After { count, first, last: (!all).then_some(last) }
    }
}

/// A step with its lines, to be serialized.
#[derive(Serialize)]
pub(crate) struct Spoken {
    #[serde(flatten)]
    step: Step,
    lines: Vec<String>,
}

impl Spoken {
    pub(crate) fn new(step: Step, language: Language) -> Self {
        let lines = step.lines(language);
        Self { step, lines }
    }
}

/// The columns that the numbers of steps take.
pub(crate) const NUMBER: usize = 4;

/// The steps in lines, with their numbers.
pub(crate) fn working(steps: &[Step], language: Language) -> Vec<String> {
    let numbered = steps.iter().zip(1..).flat_map(|(step, number)| {
        let mut lines = step.lines(language).into_iter();
        let first = lines.next().unwrap_or_default();
        let number = format!("{number:>2}. ");
        let first = wrap(&format!("{number}{first}"), NUMBER, 0);
        let rest = lines.flat_map(|line| {
            let line = format!("{}{line}", " ".repeat(NUMBER));
            if width(&line) > COLUMNS { wrap(&line, NUMBER + 2, 0) } else { vec![line] }
        });
        first.into_iter().chain(rest.map(|line| line.trim_end().to_owned())).collect::<Vec<_>>()
    });
    numbered.collect()
}
