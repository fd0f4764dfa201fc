//! An address in its network.

use std::net::IpAddr;

use madang_addr::{Family, Prefix};
use serde::Serialize;

use crate::answer::{Answer, Lines};
use crate::binary::{and, inverse, netmask, rows, with_boundary};
use crate::class::Class;
use crate::kind::Special;
use crate::parse::Interface;
use crate::reverse::{Reverse, ReverseStyle};
use crate::steps::Step;
use crate::subnet::Subnet;
use crate::text::Fields;
use crate::words::{Label, Sentence};
use crate::{Count, Language};

/// What there is to know of an address and its network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// The address.
    pub address: IpAddr,
    /// All groups and digits of an address of IPv6.
    pub expanded: Option<String>,
    /// The network's particular addresses, and how many there are.
    #[serde(flatten)]
    pub network: Subnet,
    /// Ones for the network, zeroes for the hosts.
    pub netmask: IpAddr,
    /// The other way round.
    pub wildcard: IpAddr,
    /// What is left of the address without the network.
    pub host: IpAddr,
    /// The class of an address of IPv4.
    pub class: Option<Class>,
    /// The first bits, which say so.
    pub leading_bits: Option<&'static str>,
    /// What the address is for.
    pub special: Special,
    /// As bits.
    pub binary: Binary,
    /// As a number.
    pub integer: Count,
    /// The same in hexadecimal.
    pub hex: String,
    /// The reverse zones.
    pub reverse: Reverse,
}

/// The AND of address and netmask, as bits. A `|` is between the network's and the host's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Binary {
    /// The address.
    pub address: String,
    /// The mask.
    pub netmask: String,
    /// What both have: the network.
    pub network: String,
}

impl Info {
    /// Of an address in its network.
    pub fn of(interface: Interface) -> Self {
        let Interface { address, network: prefix } = interface;
        let length = prefix.length();
        let netmask = netmask(prefix.family(), length).unwrap_or(address);
        let wildcard = inverse(netmask);
        let bits = Family::bits(address);
        let (class, expanded, hex) = match address {
            IpAddr::V4(v4) => (Some(Class::of(v4)), None, format!("0x{bits:08x}")),
            IpAddr::V6(v6) => {
                let groups = v6.segments().map(|group| format!("{group:04x}")).join(":");
                (None, Some(groups), format!("0x{bits:032x}"))
            }
        };
        Self {
            address,
            expanded,
            network: prefix.into(),
            netmask,
            wildcard,
            host: and(address, wildcard),
            class,
            leading_bits: class.map(Class::leading_bits),
            special: Special::of(address),
            binary: Binary {
                address: with_boundary(address, length),
                netmask: with_boundary(netmask, length),
                network: with_boundary(prefix.address(), length),
            },
            integer: bits.into(),
            hex,
            reverse: Reverse::of(address, prefix),
        }
    }

    fn prefix(&self) -> Prefix {
        self.network.prefix
    }

    fn add_network(&self, fields: &mut Fields, language: Language) {
        let label = |label| language.label(label);
        let network = &self.network;
        fields.add(label(Label::Address), format!("{}/{}", self.address, self.prefix().length()));
        if let Some(expanded) = &self.expanded {
            fields.add(label(Label::Expanded), expanded);
        }
        fields.add(label(Label::Network), network.prefix);
        fields.add(label(Label::FirstUsable), network.first_usable);
        fields.add(label(Label::LastUsable), network.last_usable);
        match network.broadcast {
            Some(broadcast) => fields.add(label(Label::Broadcast), broadcast),
            None => fields.add(label(Label::LastAddress), network.last),
        }
        fields.add(label(Label::Addresses), network.addresses);
        fields.add(label(Label::Hosts), network.usable);
        fields.add(label(Label::Netmask), self.netmask);
        if self.address.is_ipv4() {
            fields.add(label(Label::Wildcard), self.wildcard);
        }
        fields.add(label(Label::HostPart), self.host);
    }

    fn add_kind(&self, fields: &mut Fields, language: Language) {
        if let Some(class) = self.class {
            fields.add(language.label(Label::Class), language.sentence(&Sentence::Class(class)));
        }
        fields.add(language.label(Label::Kind), language.sentence(&Sentence::Special(&self.special)));
        if !self.special.block.covers(self.prefix()) {
            let outside = Sentence::ReachesOut { network: self.prefix(), block: self.special.block };
            fields.add("", language.sentence(&outside));
        }
    }

    fn add_binary(&self, fields: &mut Fields, language: Language) {
        let bits = [
            (language.label(Label::Address), &self.binary.address),
            (language.label(Label::AndNetmask), &self.binary.netmask),
            (language.label(Label::IsNetwork), &self.binary.network),
        ];
        for (name, bits) in bits {
            for (row, text) in rows(bits).into_iter().enumerate() {
                fields.add(if row == 0 { name } else { "" }, text);
            }
        }
    }

    fn add_reverse(&self, fields: &mut Fields, language: Language) {
        fields.add(language.label(Label::Pointer), &self.reverse.pointer);
        let name = language.label(Label::ReverseZone);
        match (self.reverse.style, self.reverse.zones.as_slice()) {
            (ReverseStyle::Classless, [zone]) => fields.add(name, format!("{zone} (RFC 2317)")),
            (_, [first, .., last]) => {
                fields.add(name, first);
                let count = self.reverse.zones.len();
                fields.add("", language.sentence(&Sentence::LastZone { last, count }));
            }
            (_, zones) => fields.add(name, zones.concat()),
        }
    }
}

impl Answer for Info {
    fn lines(&self, language: Language) -> Lines<'_> {
        let mut fields = Fields::default();
        self.add_network(&mut fields, language);
        self.add_kind(&mut fields, language);
        fields.gap();
        self.add_binary(&mut fields, language);
        fields.gap();
        fields.add(language.label(Label::Integer), self.integer);
        fields.add(language.label(Label::Hex), &self.hex);
        self.add_reverse(&mut fields, language);
        Box::new(fields.lines().into_iter())
    }

    fn steps(&self) -> Vec<Step> {
        let prefix = self.prefix();
        let (length, width) = (prefix.length(), prefix.family().width());
        let mut steps = vec![
            Step::NetworkBits { length, width, netmask: self.netmask },
            Step::And { address: self.address, netmask: self.netmask, network: prefix.address(), length },
            Step::HostPart { address: self.address, wildcard: self.wildcard, host: self.host, length },
            Step::Fill {
                network: prefix.address(),
                wildcard: self.wildcard,
                last: self.network.last,
                length,
            },
        ];
        steps.extend(Step::sizes(prefix));
        steps.push(Step::Usable { subnet: self.network });
        if let (Some(class), IpAddr::V4(v4)) = (self.class, self.address) {
            steps.push(Step::ClassBits { octet: v4.octets()[0], class });
        }
        steps
    }
}
