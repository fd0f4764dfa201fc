//! The prefix of the same length after or before one.

use madang_addr::Prefix;
use serde::Serialize;

use crate::answer::{Answer, Lines, Result};
use crate::steps::Step;
use crate::subnet::Subnet;
use crate::text::Fields;
use crate::words::Label;
use crate::{Error, Language};

/// On which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// After it.
    Next,
    /// Before it.
    Previous,
}

/// The prefix of the same length beside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Neighbour {
    /// Beside which.
    pub of: Prefix,
    /// On which side.
    pub direction: Direction,
    /// The neighbour.
    #[serde(flatten)]
    pub subnet: Subnet,
}

impl Neighbour {
    /// Of a prefix.
    ///
    /// # Errors
    /// If it is the last or the first of all.
    pub fn new(of: Prefix, direction: Direction) -> Result<Self> {
        let found = match direction {
            Direction::Next => of.next(),
            Direction::Previous => of.previous(),
        };
        let prefix = found.ok_or(Error::NoNeighbour { prefix: of, direction })?;
        Ok(Self { of, direction, subnet: prefix.into() })
    }
}

impl Answer for Neighbour {
    fn lines(&self, language: Language) -> Lines<'_> {
        let mut fields = Fields::default();
        let subnet = &self.subnet;
        fields.add(language.label(Label::Network), subnet.prefix);
        fields.add(language.label(Label::FirstUsable), subnet.first_usable);
        fields.add(language.label(Label::LastUsable), subnet.last_usable);
        match subnet.broadcast {
            Some(broadcast) => fields.add(language.label(Label::Broadcast), broadcast),
            None => fields.add(language.label(Label::LastAddress), subnet.last),
        }
        fields.add(language.label(Label::Addresses), subnet.addresses);
        fields.add(language.label(Label::Hosts), subnet.usable);
        Box::new(fields.lines().into_iter())
    }

    fn steps(&self) -> Vec<Step> {
        let (bits, direction) = (self.of.host_bits(), self.direction);
        vec![
            Step::Addresses {
                width: self.of.family().width(),
                length: self.of.length(),
                count: self.subnet.addresses,
            },
            Step::Shift { from: self.of, bits, direction, to: self.subnet.prefix },
        ]
    }
}
