//! The steps in English.

use crate::neighbour::Direction;
use crate::steps::Step;
use crate::subnet::Subnet;
use crate::text::{addresses, plural};
use crate::words::{Sentence, less, list};

/// What a step says; what belongs to it in lines of its own is the same in every language.
pub(in crate::words) fn step(step: &Step) -> String {
    match step {
        Step::And { .. } => "Network: what the address AND the netmask have in common".to_owned(),
        Step::HostPart { .. } => {
            "Host part: the address AND the wildcard, the netmask the other way round".to_owned()
        }
        Step::Fill { .. } => "Last address: the network with all host bits 1".to_owned(),
        Step::After { count, .. } => format!("After: {}", plural(count, "subnet")),
        Step::NetworkBits { length, width, netmask } => format!(
            "/{length}: the first {length} of {width} bits are the network, the other {} the host; netmask {netmask}",
            width - length
        ),
        Step::Addresses { width, length, count } => {
            format!("Addresses: 2^({width}-{length}) = {}", addresses(count))
        }
        Step::Hosts { width, length, reserved, usable } => {
            let why = if *reserved == 2 {
                "without the network's and the broadcast address"
            } else {
                "without the Subnet-Router anycast address"
            };
            format!("Hosts: 2^({width}-{length}) - {reserved} = {}, {why}", plural(usable, "host"))
        }
        Step::AllUsable { length, width, usable } if length == width => {
            format!("Hosts: {usable}, since /{length} is a single address")
        }
        Step::AllUsable { length, width, usable } => {
            let rfc = if *width == 32 { "RFC 3021" } else { "RFC 6164" };
            format!(
                "Hosts: {usable}, since /{length} is a link's two ends, without a broadcast address ({rfc})"
            )
        }
        Step::Usable { subnet } => {
            format!("Usable: {} - {}", subnet.first_usable, subnet.last_usable)
        }
        Step::ClassBits { octet, class } => {
            let bits = class.leading_bits();
            format!("Class: the first octet {octet} is {octet:08b} and begins with {bits}: class {class:?}")
        }
        Step::ClassSize { row } => {
            let (class, bits) = (row.class, row.leading_bits);
            let begin = format!("Class {class:?} begins with {bits}: {} - {}", row.first, row.last);
            match (row.default_length, row.networks, row.hosts) {
                (Some(length), Some(networks), Some(hosts)) => format!(
                    "{begin}; 2^({length}-{}) = {networks} networks, 2^(32-{length}) - 2 = {hosts} hosts each",
                    bits.len()
                ),
                _ => format!("{begin}; {}", super::use_of(class)),
            }
        }
        Step::Before { subnet } => {
            let Subnet { prefix, last, .. } = subnet;
            format!("Before: {prefix}, {} - {last}, {}", prefix.address(), addresses(subnet.addresses))
        }
        Step::BitsForCount { count, bits } => {
            format!("Bits for {}: 2^n >= {count}, so n = {bits}", plural(count, "subnet"))
        }
        Step::Lengthen { from, bits, to } => format!("New prefix length: /{from} + {bits} = /{to}"),
        Step::CountOfLengths { from, to, count } => {
            format!("Subnets: 2^({to}-{from}) = {}", plural(count, "subnet"))
        }
        Step::BitsForHosts { hosts, reserved, bits } => {
            format!("Bits for {}: 2^h - {reserved} >= {hosts}, so h = {bits}", plural(hosts, "host"))
        }
        Step::LengthOfHosts { width, bits, length } => format!("Prefix length: {width} - {bits} = /{length}"),
        Step::LargestFirst { order } => {
            let order: Vec<_> = order.iter().map(|(name, hosts)| format!("{name} ({hosts})")).collect();
            format!("The largest first, so that each is aligned: {}", order.join(", "))
        }
        Step::Place { name, hosts, reserved, bits, width, subnet } => format!(
            "{name}: 2^h{} >= {hosts}, so h = {bits}; {width} - {bits} = /{}: {}, {} - {}",
            less(*reserved),
            subnet.prefix.length(),
            subnet.prefix,
            subnet.prefix.address(),
            subnet.last
        ),
        Step::Left { prefixes, addresses } => {
            super::sentence(&Sentence::Left { prefixes, addresses: *addresses })
        }
        Step::Sort { given } => {
            format!(
                "Sort {} by address, the shorter first: neighbours stand together",
                super::prefixes(*given)
            )
        }
        Step::Swallow { inner, outer } if inner == outer => format!("{inner} is there already"),
        Step::Swallow { inner, outer } => format!("{inner} is inside of {outer}"),
        Step::Join { low, high, whole } => {
            format!("{low} + {high} = {whole}: they differ in bit {} alone", low.length())
        }
        Step::Cover { first, last, cover } => {
            format!("{first} and {last} have the first {} bits in common: {cover} covers all", cover.length())
        }
        Step::More { left_out } => format!("… and {}", plural(left_out, "more step")),
        Step::AndSoOn => "… and so on".to_owned(),
        Step::Halve { whole, low, high, kept } => {
            let kept = if kept.is_empty() { String::new() } else { format!("; {} stays", list(kept)) };
            format!("{whole} = {low} + {high}{kept}")
        }
        Step::Gone { prefix, by } if prefix == by => format!("{prefix} goes"),
        Step::Gone { prefix, by } => format!("{prefix} goes, since it is inside of {by}"),
        Step::Lengths { outer, inner } => {
            let (a, b) = (inner.length(), outer.length());
            let sign = if a >= b { ">=" } else { "<" };
            let so = if a >= b { "it may be inside" } else { "it is too large to be inside" };
            format!("Lengths: /{a} {sign} /{b}, so {so}")
        }
        Step::Compare { found, wanted } if found == wanted => format!("{found} = {wanted}: it is inside"),
        Step::Compare { found, wanted } => format!("{found} is not {wanted}: it is outside"),
        Step::Nested { outer, inner } => {
            format!("{inner} has the first {} bits of {outer}", outer.length())
        }
        Step::NoneNested => "Each begins behind the end of those before it".to_owned(),
        Step::Block { prefix, zeros, last } => format!(
            "{} ends with {}, so 2^{zeros} addresses at most; 2^{} end by {last}: {prefix}",
            prefix.address(),
            plural(zeros, "zero bit"),
            prefix.host_bits()
        ),
        Step::Ends { first, last, prefix } => format!("{prefix} is {first} - {last}"),
        Step::Follows { before, prefix } => {
            format!("{prefix} begins behind {before} and goes to {}", prefix.last())
        }
        Step::Holes { pool, holes, .. } if holes.is_empty() => format!("Nothing is free in {pool}"),
        Step::Holes { pool, left_out: 0, .. } => format!("Free in {pool}:"),
        Step::Holes { pool, left_out, .. } => {
            format!("Free in {pool}, and {} more:", plural(left_out, "hole"))
        }
        Step::BestFit { length, hole } => {
            format!("The smallest hole with room for a /{length}, and of equals the lowest: {hole}")
        }
        Step::Take { hole, subnet } if *hole == subnet.prefix => "All of it is taken".to_owned(),
        Step::Take { hole, subnet } => format!("Its beginning is taken: {} of {hole}", subnet.prefix),
        Step::Shift { from, bits, direction: Direction::Next, to } => {
            format!("Next: {} + 2^{bits} = {}", from.address(), to.address())
        }
        Step::Shift { from, bits, direction: Direction::Previous, to } => {
            format!("Previous: {} - 2^{bits} = {}", from.address(), to.address())
        }
    }
}
