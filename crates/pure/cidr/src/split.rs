//! A network in equal subnets.

use madang_addr::{Prefix, Subnets};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::answer::{Answer, Lines, Result};
use crate::steps::Step;
use crate::subnet::Subnet;
use crate::text::Columns;
use crate::words::{Label, Sentence};
use crate::{Count, Error, Language, Size, text};

/// A network in equal subnets. These are not made before they are asked for: there may be 2^128 of them.
///
/// Serialized as `prefix`, `length`, `count`, `spare` and `subnets`, each a [`Subnet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    prefix: Prefix,
    length: u8,
    wanted: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Count(Count),
    Size(Size),
}

impl Split {
    /// In at least so many: the number of subnets is a power of two.
    ///
    /// # Errors
    /// If the network has fewer addresses.
    pub fn by_count(prefix: Prefix, count: u128) -> Result<Self> {
        let wanted = Count::from(count);
        if count == 0 {
            return Err(Error::NoSubnets);
        }
        let bits = (0..=prefix.host_bits()).find(|bits| Count::power(*bits) >= wanted);
        let most = Count::power(prefix.host_bits());
        let bits = bits.ok_or(Error::TooManySubnets { within: prefix, count: wanted, most })?;
        Ok(Self { prefix, length: prefix.length() + bits, wanted: Wanted::Count(wanted) })
    }

    /// In subnets of a size.
    ///
    /// # Errors
    /// If not even one fits.
    pub fn by_size(prefix: Prefix, size: Size) -> Result<Self> {
        Ok(Self { prefix, length: size.length(prefix)?, wanted: Wanted::Size(size) })
    }

    /// The length of the subnets' prefixes.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// How many subnets there are.
    pub fn count(&self) -> Count {
        Count::power(self.length - self.prefix.length())
    }

    /// How many more there are than were asked for.
    pub fn spare(&self) -> Count {
        match self.wanted {
            Wanted::Count(wanted) => self.count().minus(wanted),
            Wanted::Size(_) => Count::ZERO,
        }
    }

    /// The subnets, lowest first.
    pub fn subnets(&self) -> std::iter::Flatten<std::option::IntoIter<Subnets>> {
        self.prefix.subnets(self.length).into_iter().flatten()
    }

    fn first(&self) -> Subnet {
        Prefix::containing(self.prefix.address(), self.length).unwrap_or(self.prefix).into()
    }

    fn last(&self) -> Subnet {
        Prefix::containing(self.prefix.last(), self.length).unwrap_or(self.prefix).into()
    }
}

impl Serialize for Split {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        struct Each<'a>(&'a Split);
        impl Serialize for Each<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.subnets().map(Subnet::from))
            }
        }
        let mut fields = serializer.serialize_struct("Split", 5)?;
        fields.serialize_field("prefix", &self.prefix)?;
        fields.serialize_field("length", &self.length)?;
        fields.serialize_field("count", &self.count())?;
        fields.serialize_field("spare", &self.spare())?;
        fields.serialize_field("subnets", &Each(self))?;
        fields.end()
    }
}

impl Answer for Split {
    fn lines(&self, language: Language) -> Lines<'_> {
        let first = self.first();
        let total = Sentence::Split { prefix: self.prefix, total: self.count(), subnet: first };
        let mut head = text::wrap(&language.sentence(&total), 0, 0);
        if self.spare() > Count::ZERO {
            let spare = Sentence::Spare { wanted: self.count().minus(self.spare()), spare: self.spare() };
            head.extend(text::wrap(&language.sentence(&spare), 0, 0));
        }
        let table = SubnetTable::new(self.count(), [first, self.last()], language, 0);
        head.extend([String::new(), table.heading()]);
        let row = move |(n, prefix): (u128, Prefix)| table.row((n + 1).into(), prefix.into());
        Box::new(head.into_iter().chain((0u128..).zip(self.subnets()).map(row)))
    }

    fn steps(&self) -> Vec<Step> {
        let (from, to) = (self.prefix.length(), self.length);
        let mut steps = vec![Step::Before { subnet: self.prefix.into() }];
        match self.wanted {
            Wanted::Count(count) => steps.push(Step::BitsForCount { count, bits: to - from }),
            Wanted::Size(size) => steps.extend(size.steps(self.prefix, to)),
        }
        if let Wanted::Size(_) = self.wanted {
            steps.push(Step::CountOfLengths { from, to, count: self.count() });
        } else {
            steps.push(Step::Lengthen { from, bits: to - from, to });
        }
        steps.extend(Step::sizes(self.first().prefix));
        steps.push(Step::after(self.count(), self.subnets().map(Subnet::from), self.last()));
        steps
    }
}

/// Subnets as a table, whose rows can be made one by one.
pub(crate) struct SubnetTable {
    columns: Columns,
    heading: Vec<String>,
}

impl SubnetTable {
    /// For as many, of which these are the first and the last: no other is wider. `taken` columns are somebody else's.
    pub(crate) fn new(count: Count, ends: [Subnet; 2], language: Language, taken: usize) -> Self {
        let [Subnet { broadcast, .. }, _] = ends;
        let end = if broadcast.is_some() { Label::Broadcast } else { Label::LastAddress };
        let labels = [Label::Number, Label::Subnet, Label::FirstUsable, Label::LastUsable, end];
        let heading = labels.map(|label| language.label(label).to_owned()).to_vec();
        let rows = ends.map(|subnet| cells(count, subnet));
        let columns = Columns::fitting(std::iter::once(&heading).chain(&rows), taken);
        Self { columns, heading }
    }

    pub(crate) fn heading(&self) -> String {
        self.columns.row(&self.heading)
    }

    pub(crate) fn row(&self, number: Count, subnet: Subnet) -> String {
        self.columns.row(&cells(number, subnet))
    }
}

fn cells(number: Count, subnet: Subnet) -> Vec<String> {
    vec![
        number.to_string(),
        subnet.prefix.to_string(),
        subnet.first_usable.to_string(),
        subnet.last_usable.to_string(),
        subnet.last.to_string(),
    ]
}
