//! What is said, in two languages. Each has a word for everything: the compiler sees to it.

mod en;
mod ko;

use std::net::IpAddr;

use madang_addr::{Family, Prefix};

use crate::binary::with_boundary;
use crate::class::Class;
use crate::contains::Relation;
use crate::kind::Special;
use crate::split::SubnetTable;
use crate::steps::{NUMBER, Step};
use crate::subnet::Subnet;
use crate::text::table;
use crate::{Count, Error, Language};

/// The names of values, and the headings of tables.
#[derive(Clone, Copy)]
pub(crate) enum Label {
    Address,
    Addresses,
    Allocated,
    AndNetmask,
    Broadcast,
    Class,
    Cover,
    Expanded,
    FirstAddress,
    FirstUsable,
    Fragmentation,
    Free,
    Hex,
    HostPart,
    Hosts,
    HostsEach,
    Integer,
    IsNetwork,
    Kind,
    LargestFree,
    LastAddress,
    LastUsable,
    LeadingBits,
    MoreOfThis,
    Name,
    Netmask,
    Network,
    Networks,
    Number,
    Pointer,
    ReverseZone,
    Room,
    Subnet,
    Use,
    Wanted,
    Wildcard,
}

/// What answers say in sentences.
pub(crate) enum Sentence<'a> {
    Apart { given: usize },
    Class(Class),
    Contains { outer: Prefix, inner: Prefix, relation: Relation },
    CoverExtra(Count),
    Free { addresses: Count, holes: usize },
    LastZone { last: &'a str, count: usize },
    Left { prefixes: &'a [Prefix], addresses: Count },
    Merged { given: usize, left: usize, addresses: Count },
    MoreOf { count: Count, length: u8 },
    Range { first: IpAddr, last: IpAddr, addresses: Count, prefixes: usize },
    ReachesOut { network: Prefix, block: Prefix },
    Spare { wanted: Count, spare: Count },
    Special(&'a Special),
    Split { prefix: Prefix, total: Count, subnet: Subnet },
    Subtracted { prefixes: usize, left: Count, taken: Count },
}

macro_rules! in_each_language {
    ($($name:ident($of:ty) -> $text:ty;)*) => {
        impl Language {
            $(pub(crate) fn $name(self, of: $of) -> $text {
                match self {
                    Self::En => en::$name(of),
                    Self::Ko => ko::$name(of),
                }
            })*
        }
    };
}

in_each_language! {
    label(Label) -> &'static str;
    sentence(&Sentence<'_>) -> String;
    error(&Error) -> String;
    hint(&Error) -> String;
    relation(Relation) -> &'static str;
    use_of(Class) -> &'static str;
}

impl Language {
    /// A step's sentence, and the lines that belong to it.
    pub(crate) fn step(self, step: &Step) -> Vec<String> {
        let sentence = match self {
            Self::En => en::step(step),
            Self::Ko => ko::step(step),
        };
        std::iter::once(sentence).chain(rows(step, self)).collect()
    }

    pub(crate) fn classes_note(self) -> &'static str {
        match self {
            Self::En => en::CLASSES_NOTE,
            Self::Ko => ko::CLASSES_NOTE,
        }
    }
}

fn rows(step: &Step, language: Language) -> Vec<String> {
    match step {
        Step::And { address, netmask, network, length } => {
            board("AND", [*address, *netmask, *network], *length)
        }
        Step::HostPart { address, wildcard, host, length } => {
            board("AND", [*address, *wildcard, *host], *length)
        }
        Step::Fill { network, wildcard, last, length } => board("OR", [*network, *wildcard, *last], *length),
        Step::After { count, first, last } => subnets(*count, first, *last, language),
        Step::Holes { holes, .. } => {
            let size = |hole: &Prefix| format!("2^{} = {}", hole.host_bits(), Count::power(hole.host_bits()));
            table(&holes.iter().map(|hole| vec![hole.to_string(), size(hole)]).collect::<Vec<_>>())
        }
        _ => Vec::new(),
    }
}

/// An operation on two addresses, below each other: with their bits in IPv4, where these fit.
fn board(operation: &str, [a, b, result]: [IpAddr; 3], length: u8) -> Vec<String> {
    let row = |mark: &str, address: IpAddr| {
        let bits = (Family::of(address) == Family::V4).then(|| with_boundary(address, length));
        let cells = [Some(format!("{mark:>3}")), bits, Some(address.to_string())];
        cells.into_iter().flatten().collect::<Vec<_>>()
    };
    table(&[row("", a), row(operation, b), row("=", result)])
}

/// Subnets as a table, the last one behind dots.
fn subnets(count: Count, first: &[Subnet], last: Option<Subnet>, language: Language) -> Vec<String> {
    let Some(ends) = first.first().copied().zip(last.or(first.last().copied())) else { return Vec::new() };
    let table = SubnetTable::new(count, [ends.0, ends.1], language, NUMBER);
    let rows = (1u128..).zip(first).map(|(number, subnet)| table.row(number.into(), *subnet));
    let end = last.map(|last| ["…".to_owned(), table.row(count, last)]);
    std::iter::once(table.heading()).chain(rows).chain(end.into_iter().flatten()).collect()
}

/// Prefixes, with commas between them: the first, if there are many.
fn list(prefixes: &[Prefix]) -> String {
    const MOST: usize = 16;
    let shown: Vec<_> = prefixes.iter().take(MOST).map(ToString::to_string).collect();
    let dots = if prefixes.len() > MOST { ", …" } else { "" };
    shown.join(", ") + dots
}

/// `2^h - 2`, `2^h`.
fn less(reserved: u8) -> String {
    if reserved == 0 { String::new() } else { format!(" - {reserved}") }
}
