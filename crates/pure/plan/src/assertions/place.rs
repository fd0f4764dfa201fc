//! Who is meant by an end of an assertion.

use std::net::IpAddr;

use madang_addr::Prefix;
use madang_compile::Instance;
use madang_model::{ASSERTABLE, AssertedEnd, Diagnostic, Kind, ObjectRef, bare, did_you_mean, qualified};

use super::ground::Ground;
use super::{NOBODY_THERE, REFERENCE_NOT_FOUND};

/// The group that each VPC has without anybody declaring it.
const DEFAULT_GROUP: &str = "default";

/// One end.
pub(super) enum Place<'a> {
    /// Instances: one, or the members of a group.
    Instances(Vec<&'a Instance>, String),
    /// Addresses; those of a VPC are whoever has them there.
    Addresses(Prefix),
    /// Whatever lies beyond the uplinks.
    Internet,
    /// An address of a pool.
    Public(IpAddr, String),
}

/// Why nothing can be said of an assertion.
pub(super) enum Trouble {
    /// It makes no sense.
    Wrong(Diagnostic),
    /// Whom it speaks of is not there.
    Missing(Diagnostic),
    /// Whom it speaks of is there, and reaches nobody yet.
    Idle(Diagnostic),
}

impl Trouble {
    /// There is somebody at neither end who could be asked about.
    pub(super) fn nobody(from: &Place<'_>, to: &Place<'_>) -> Self {
        let empty = |place: &&Place<'_>| matches!(place, Place::Instances(members, _) if members.is_empty());
        let message = match [from, to].into_iter().find(empty) {
            Some(Place::Instances(_, name)) => format!("{name} has no members yet"),
            _ => format!("there is nobody at both ends: {} and {}", from.said(), to.said()),
        };
        let hint = "it is looked at again when there are instances";
        Self::Idle(Diagnostic::new(NOBODY_THERE, message).hint(hint))
    }
}

impl Place<'_> {
    /// As in a sentence.
    pub(super) fn said(&self) -> String {
        match self {
            Self::Instances(_, name) | Self::Public(_, name) => name.clone(),
            Self::Addresses(prefix) => AssertedEnd::Addresses(*prefix).to_string(),
            Self::Internet => "the internet".to_owned(),
        }
    }
}

impl<'a> Ground<'a> {
    /// Who is meant, by an assertion of this project.
    pub(super) fn place(&self, project: Option<&str>, path: &str, end: &str) -> Result<Place<'a>, Trouble> {
        let at = |diagnostic: Diagnostic| Diagnostic { path: path.to_owned(), ..diagnostic };
        let place = match end.parse::<AssertedEnd>() {
            Ok(AssertedEnd::Internet) => Ok(Place::Internet),
            Ok(AssertedEnd::Addresses(prefix)) => Ok(self.addresses(prefix)),
            Ok(AssertedEnd::Named(kind, name)) => self.named(project, kind, &name),
            Err(message) => Err(Trouble::Wrong(Diagnostic::new("invalidValue", message))),
        };
        place.map_err(|trouble| match trouble {
            Trouble::Wrong(diagnostic) => Trouble::Wrong(at(diagnostic)),
            Trouble::Missing(diagnostic) => Trouble::Missing(at(diagnostic)),
            Trouble::Idle(diagnostic) => Trouble::Idle(at(diagnostic)),
        })
    }

    fn addresses(&self, prefix: Prefix) -> Place<'a> {
        let address = prefix.address();
        if prefix.host_bits() == 0 && self.network.addresses.contains_key(&address) {
            Place::Public(address, address.to_string())
        } else {
            Place::Addresses(prefix)
        }
    }

    fn named(&self, project: Option<&str>, kind: Option<Kind>, name: &str) -> Result<Place<'a>, Trouble> {
        let object = |kind| ObjectRef::in_namespace(kind, project, name);
        let kinds: Vec<Kind> = match kind {
            Some(kind) => vec![kind],
            None => ASSERTABLE.to_vec(),
        };
        let default = name == DEFAULT_GROUP && kinds.contains(&Kind::SecurityGroup);
        let there = |kind: &Kind| self.is_there(&object(*kind)) || (default && *kind == Kind::SecurityGroup);
        let found: Vec<Kind> = kinds.iter().copied().filter(there).collect();
        let full = qualified(project, name);
        match found.as_slice() {
            [] => Err(Trouble::Missing(self.missing(project, kind, name))),
            [Kind::Instance] => match self.instance(&full) {
                Some(instance) => Ok(Place::Instances(vec![instance], full)),
                None => Err(Trouble::Idle(idle(&object(Kind::Instance)))),
            },
            [Kind::SecurityGroup] => {
                let group = object(Kind::SecurityGroup);
                if !default && !self.is_in_force(&group) {
                    return Err(Trouble::Idle(idle(&group)));
                }
                Ok(Place::Instances(self.members(&full), group.to_string()))
            }
            [Kind::PublicAddress] => match self.public_address(&full) {
                Some(address) => Ok(Place::Public(address, object(Kind::PublicAddress).to_string())),
                None => Err(Trouble::Idle(idle(&object(Kind::PublicAddress)))),
            },
            several => {
                let all: Vec<String> = several.iter().map(|kind| object(*kind).to_string()).collect();
                let message = format!("{name} is the name of several: {}", all.join(", "));
                let hint = format!("write which is meant, as {}", all[0].to_lowercase());
                Err(Trouble::Wrong(Diagnostic::new("ambiguousReference", message).hint(hint)))
            }
        }
    }

    fn missing(&self, project: Option<&str>, kind: Option<Kind>, name: &str) -> Diagnostic {
        let (what, kinds) = match kind {
            Some(kind) => (kind.name().to_owned(), vec![kind]),
            None => ("instance, security group or public address".to_owned(), ASSERTABLE.to_vec()),
        };
        let names = self.names(project, &kinds);
        let names: Vec<&str> = names.iter().map(|name| bare(name)).collect();
        Diagnostic::new(REFERENCE_NOT_FOUND, format!("there is no {what} {name}"))
            .hint(did_you_mean(name, &what, &names))
    }
}

fn idle(object: &ObjectRef) -> Diagnostic {
    Diagnostic::new("dependencyNotReady", format!("{object} is not in force"))
        .cause("something is wrong with it, or with what it refers to")
        .hint("look at what it says itself")
}
