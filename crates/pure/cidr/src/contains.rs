//! Whether one prefix is in another.

use madang_addr::Prefix;
use serde::Serialize;

use crate::answer::{Answer, Lines, Result};
use crate::binary::{and, netmask};
use crate::steps::Step;
use crate::words::Sentence;
use crate::{Error, Language, text};

/// How one prefix lies to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Relation {
    /// They are the same.
    Same,
    /// All of the first is in the second.
    Inside,
    /// All of the second is in the first.
    Around,
    /// They share no address.
    Apart,
}

impl Relation {
    /// How the first lies to the second.
    pub fn of(first: Prefix, second: Prefix) -> Self {
        match (second.covers(first), first.covers(second)) {
            (true, true) => Self::Same,
            (true, false) => Self::Inside,
            (false, true) => Self::Around,
            (false, false) => Self::Apart,
        }
    }
}

/// Whether one prefix is in another. An address is a prefix of all its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Containment {
    /// That which may hold the other.
    pub outer: Prefix,
    /// That which may be in it.
    pub inner: Prefix,
    /// Whether it is.
    pub contains: bool,
    /// How the inner lies to the outer.
    pub relation: Relation,
}

impl Containment {
    /// Looks at two.
    ///
    /// # Errors
    /// If they are of two families.
    pub fn new(outer: Prefix, inner: Prefix) -> Result<Self> {
        if outer.family() != inner.family() {
            return Err(Error::Families { first: outer.address(), second: inner.address() });
        }
        Ok(Self { outer, inner, contains: outer.covers(inner), relation: Relation::of(inner, outer) })
    }
}

impl Answer for Containment {
    fn lines(&self, language: Language) -> Lines<'_> {
        let Self { outer, inner, relation, .. } = *self;
        let sentence = Sentence::Contains { outer, inner, relation };
        Box::new(text::wrap(&language.sentence(&sentence), 0, 0).into_iter())
    }

    fn steps(&self) -> Vec<Step> {
        let (address, length) = (self.inner.address(), self.outer.length());
        let mut steps = vec![Step::Lengths { outer: self.outer, inner: self.inner }];
        if let (true, Some(netmask)) = (length <= self.inner.length(), netmask(self.outer.family(), length)) {
            let network = and(address, netmask);
            steps.push(Step::And { address, netmask, network, length });
            steps.push(Step::Compare { found: network, wanted: self.outer.address() });
        }
        steps
    }
}
