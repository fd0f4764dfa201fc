//! The classes of IPv4 (RFC 791), which prefixes replaced in 1993 (RFC 4632).

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::answer::{Answer, Lines};
use crate::language::Language;
use crate::steps::Step;
use crate::text::table;
use crate::words::Label;
use crate::{Count, text};

/// A class: which first bits of an address say how many are the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Class {
    /// Large networks.
    A,
    /// Middle-sized networks.
    B,
    /// Small networks.
    C,
    /// Multicast (RFC 1112).
    D,
    /// Reserved (RFC 1112).
    E,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::A, Self::B, Self::C, Self::D, Self::E];

    /// The address's.
    pub fn of(address: Ipv4Addr) -> Self {
        match address.octets()[0].leading_ones() {
            0 => Self::A,
            1 => Self::B,
            2 => Self::C,
            3 => Self::D,
            _ => Self::E,
        }
    }

    /// The first bits of all its addresses.
    pub fn leading_bits(self) -> &'static str {
        match self {
            Self::A => "0",
            Self::B => "10",
            Self::C => "110",
            Self::D => "1110",
            Self::E => "1111",
        }
    }

    /// The length of its networks' prefixes: A, B and C have networks.
    pub fn default_length(self) -> Option<u8> {
        match self {
            Self::A => Some(8),
            Self::B => Some(16),
            Self::C => Some(24),
            Self::D | Self::E => None,
        }
    }

    fn row(self) -> ClassRow {
        let (first, last) = match self {
            Self::A => (0, 127),
            Self::B => (128, 191),
            Self::C => (192, 223),
            Self::D => (224, 239),
            Self::E => (240, 255),
        };
        let leading = u8::try_from(self.leading_bits().len()).unwrap_or_default();
        let length = self.default_length();
        ClassRow {
            class: self,
            leading_bits: self.leading_bits(),
            first: Ipv4Addr::new(first, 0, 0, 0),
            last: Ipv4Addr::new(last, 255, 255, 255),
            default_length: length,
            default_netmask: length.map(|length| Ipv4Addr::from_bits(!(u32::MAX >> length))),
            networks: length.map(|length| Count::power(length - leading)),
            hosts: length.map(|length| Count::power(32 - length).minus(2.into())),
        }
    }
}

/// What there is to know of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassRow {
    /// Its letter.
    pub class: Class,
    /// The first bits of all its addresses.
    pub leading_bits: &'static str,
    /// Its first address.
    pub first: Ipv4Addr,
    /// Its last address.
    pub last: Ipv4Addr,
    /// The length of its networks' prefixes, if it has networks.
    pub default_length: Option<u8>,
    /// The same as a mask.
    pub default_netmask: Option<Ipv4Addr>,
    /// How many networks it has.
    pub networks: Option<Count>,
    /// How many hosts each of them has.
    pub hosts: Option<Count>,
}

/// The table of classes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Classes {
    classes: Vec<ClassRow>,
}

impl Classes {
    /// A to E.
    pub fn table() -> Self {
        Self { classes: Class::ALL.into_iter().map(Class::row).collect() }
    }

    /// The rows.
    pub fn rows(&self) -> &[ClassRow] {
        &self.classes
    }
}

impl Answer for Classes {
    fn lines(&self, language: Language) -> Lines<'_> {
        let dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let labels = [
            Label::Class,
            Label::LeadingBits,
            Label::FirstAddress,
            Label::LastAddress,
            Label::Netmask,
            Label::Networks,
            Label::HostsEach,
            Label::Use,
        ];
        let mut rows = vec![labels.map(|label| language.label(label).to_owned()).to_vec()];
        rows.extend(self.classes.iter().map(|row| {
            vec![
                format!("{:?}", row.class),
                row.leading_bits.to_owned(),
                row.first.to_string(),
                row.last.to_string(),
                dash(row.default_netmask.map(|mask| mask.to_string())),
                dash(row.networks.map(|count| count.to_string())),
                dash(row.hosts.map(|count| count.to_string())),
                language.use_of(row.class).to_owned(),
            ]
        }));
        let note = text::wrap(language.classes_note(), 0, 0);
        Box::new(table(&rows).into_iter().chain([String::new()]).chain(note))
    }

    fn steps(&self) -> Vec<Step> {
        self.classes.iter().map(|row| Step::ClassSize { row: *row }).collect()
    }
}
