//! English.

use crate::class::Class;
use crate::contains::Relation;
use crate::error::Error;
use crate::kind::{Kind, Reach, Special};
use crate::text::{addresses, plural};
use crate::words::{Label, Sentence, list};

mod step;

pub(super) use step::step;

pub(super) const CLASSES_NOTE: &str = "From A to C more bits are the network and fewer are the host: there are more \
    networks, and each has fewer addresses. Since 1993 prefixes say how long the network is (CIDR, RFC 4632).";

pub(super) fn label(label: Label) -> &'static str {
    match label {
        Label::Address => "Address",
        Label::Addresses => "Addresses",
        Label::Allocated => "Allocated",
        Label::AndNetmask => "AND netmask",
        Label::Broadcast => "Broadcast",
        Label::Class => "Class",
        Label::Cover => "Smallest cover",
        Label::Expanded => "Expanded",
        Label::FirstAddress => "First",
        Label::FirstUsable => "First usable",
        Label::Fragmentation => "Fragmentation",
        Label::Free => "Left free",
        Label::Hex => "Hexadecimal",
        Label::HostPart => "Host part",
        Label::Hosts => "Usable hosts",
        Label::HostsEach => "Hosts each",
        Label::Integer => "Integer",
        Label::IsNetwork => "= network",
        Label::Kind => "Kind",
        Label::LargestFree => "Largest hole",
        Label::LastAddress => "Last",
        Label::LastUsable => "Last usable",
        Label::LeadingBits => "First bits",
        Label::MoreOfThis => "Room for more",
        Label::Name => "Name",
        Label::Netmask => "Netmask",
        Label::Network => "Network",
        Label::Networks => "Networks",
        Label::Number => "#",
        Label::Pointer => "Reverse name",
        Label::ReverseZone => "Reverse zone",
        Label::Room => "Room",
        Label::Subnet => "Subnet",
        Label::Use => "Use",
        Label::Wanted => "Hosts",
        Label::Wildcard => "Wildcard",
    }
}

pub(super) fn sentence(sentence: &Sentence<'_>) -> String {
    match sentence {
        Sentence::Apart { given } => format!("No two of {} overlap.", prefixes(*given)),
        Sentence::Class(class) => match class.default_length() {
            Some(length) => format!("{class:?}: first bits {}, networks of /{length}", class.leading_bits()),
            None => format!("{class:?}: first bits {}, {}", class.leading_bits(), use_of(*class)),
        },
        Sentence::Contains { outer, inner, relation } => match relation {
            Relation::Same => format!("Yes: {inner} is {outer}."),
            Relation::Inside => format!("Yes: {inner} is inside of {outer}."),
            Relation::Around => format!("No: {inner} is around {outer}."),
            Relation::Apart => format!("No: {inner} is outside of {outer}."),
        },
        Sentence::CoverExtra(extra) if extra.small() == Some(0) => "with no other address".to_owned(),
        Sentence::CoverExtra(extra) => format!("with {} besides", addresses(extra)),
        Sentence::Free { addresses: free, holes } => {
            format!("{} in {}", addresses(free), plural(holes, "hole"))
        }
        Sentence::LastZone { last, count } => format!("… {last} ({count} zones)"),
        Sentence::Left { prefixes: [], .. } => "Nothing is left over.".to_owned(),
        Sentence::Left { prefixes, addresses: left } => {
            format!("Left over: {} ({})", list(prefixes), addresses(left))
        }
        Sentence::Merged { given, left, addresses: all } => {
            format!("{} in, {left} out, {} in all:", prefixes(*given), addresses(all))
        }
        Sentence::MoreOf { count, length } => format!("{count} of /{length}"),
        Sentence::Range { first, last, addresses: all, prefixes: count } => {
            format!("{first} - {last}: {} in {}", addresses(all), prefixes(*count))
        }
        Sentence::ReachesOut { network, block } => {
            format!("This is of the address: the network {network} reaches beyond {block}.")
        }
        Sentence::Spare { wanted, spare } => format!("{wanted} were asked for; spare: {spare}."),
        Sentence::Special(special) => describe(special),
        Sentence::Split { prefix, total, subnet } => format!(
            "{prefix} in {} of /{}, with {} and {} each",
            plural(total, "subnet"),
            subnet.prefix.length(),
            addresses(subnet.addresses),
            plural(subnet.usable, "usable host"),
        ),
        Sentence::Subtracted { prefixes: 0, taken, .. } => {
            format!("Nothing is left: all {} are gone.", addresses(taken))
        }
        Sentence::Subtracted { prefixes: count, left, taken } => {
            format!("{} in {} left, {taken} gone:", addresses(left), prefixes(*count))
        }
    }
}

fn prefixes(count: usize) -> String {
    if count == 1 { "1 prefix".to_owned() } else { format!("{count} prefixes") }
}

fn describe(special: &Special) -> String {
    let reach = match special.reach {
        Reach::Global => ", reachable from the Internet",
        Reach::Local => ", not reachable from the Internet",
        Reach::Depends => "",
    };
    let block = if special.block.length() == 0 { String::new() } else { format!("{}, ", special.block) };
    format!("{} ({block}{}){reach}", kind(special.kind), special.rfc)
}

pub(super) fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::Same => "is the same as",
        Relation::Inside => "is inside of",
        Relation::Around => "is around",
        Relation::Apart => "is apart from",
    }
}

pub(super) fn use_of(class: Class) -> &'static str {
    match class {
        Class::A => "large networks",
        Class::B => "medium networks",
        Class::C => "small networks",
        Class::D => "multicast",
        Class::E => "reserved",
    }
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Public => "public (global)",
        Kind::Private => "private",
        Kind::UniqueLocal => "unique local (private)",
        Kind::Shared => "shared by a provider's customers (CGNAT)",
        Kind::Loopback => "loopback",
        Kind::LinkLocal => "link-local",
        Kind::SiteLocal => "site-local, deprecated",
        Kind::ThisNetwork => "this network",
        Kind::Unspecified => "unspecified: no address yet",
        Kind::Broadcast => "broadcast to this link",
        Kind::Documentation => "documentation",
        Kind::Benchmarking => "benchmarking",
        Kind::Reserved => "reserved",
        Kind::Unallocated => "not allocated",
        Kind::Multicast => "multicast",
        Kind::ProtocolAssignments => "protocol assignments of the IETF",
        Kind::ServiceContinuity => "continuity of IPv4 (DS-Lite, 464XLAT)",
        Kind::Dummy => "dummy address",
        Kind::PortControl => "anycast of the Port Control Protocol",
        Kind::Relay => "anycast of TURN",
        Kind::DnsSd => "anycast of service registration (DNS-SD)",
        Kind::Nat64Discovery => "discovery of NAT64 and DNS64",
        Kind::Nat64 => "NAT64: IPv4 in IPv6",
        Kind::LocalNat64 => "NAT64 within a network",
        Kind::As112 => "AS112: answers for private reverse zones",
        Kind::MulticastTunnel => "multicast tunnels (AMT)",
        Kind::SixToFourRelay => "6to4 relay anycast, deprecated",
        Kind::SixToFour => "6to4: IPv6 over IPv4",
        Kind::Teredo => "Teredo: IPv6 over UDP",
        Kind::Mapped => "IPv4-mapped",
        Kind::Compatible => "IPv4-compatible, deprecated",
        Kind::Discard => "discarded",
        Kind::Orchid => "ORCHID, ended",
        Kind::OrchidV2 => "ORCHIDv2: hashes of identities",
        Kind::DroneId => "identities of drones (DET)",
        Kind::SegmentRouting => "segments of SRv6",
    }
}

pub(super) fn error(error: &Error) -> String {
    error.to_string()
}

pub(super) fn hint(error: &Error) -> String {
    match error {
        Error::Address { .. } => "write 192.168.1.10, numbers from 0 to 255 without zeroes before them, or \
            2001:db8::10"
            .to_owned(),
        Error::Zone { .. } => "leave out the % and what is behind it".to_owned(),
        Error::Mask { .. } => "write a length, as /24, or a mask, as 255.255.255.0 or 0.0.0.255".to_owned(),
        Error::MaskHoles { .. } => {
            "a netmask is ones and then zeroes, as 255.255.240.0; a wildcard is zeroes and then \
            ones, as 0.0.15.255"
                .to_owned()
        }
        Error::MaskOfV6 { address } => format!("write a length, as {address}/64"),
        Error::Length { width, .. } => format!("write a length from 0 to {width}"),
        Error::HostBits { network, .. } => format!("write {network}, or ask for the address with info"),
        Error::Number { .. } => "write digits alone, as 32".to_owned(),
        Error::Nothing => "write one or more prefixes, as 10.0.0.0/24 10.0.1.0/24".to_owned(),
        Error::NoSubnets => "ask for one or more".to_owned(),
        Error::NoHosts => "ask for room for one host or more".to_owned(),
        Error::Shorter { within, .. } => {
            format!("ask for a length from {} to {}", within.length(), within.family().width())
        }
        Error::TooManySubnets { most, .. } => format!("ask for {most} at most, or split a larger network"),
        Error::TooManyHosts { .. } => "ask for fewer hosts, or take a larger network".to_owned(),
        Error::Families { .. } => "write both as IPv4 or both as IPv6".to_owned(),
        Error::Backwards { first, last } => format!("write {last}-{first}"),
        Error::Request { .. } => "write NAME=HOSTS, as sales=50".to_owned(),
        Error::SameName { .. } => "give each subnet a name of its own".to_owned(),
        Error::NotEnough { needed, .. } => {
            format!("ask for less, or take a network with at least {}", addresses(needed))
        }
        Error::Full { largest: Some(hole), .. } => {
            format!("ask for a /{} or smaller, or look in another pool", hole.length())
        }
        Error::Full { largest: None, .. } => "give some of it back, or look in another pool".to_owned(),
        Error::NoNeighbour { .. } => "ask on the other side".to_owned(),
    }
}
