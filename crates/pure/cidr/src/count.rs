//! Numbers of addresses and subnets. IPv6 has 2^128 addresses, one more than `u128` can say, and sums of what is asked for
//! may be larger: these have 256 bits.

use std::fmt;

use serde::{Serialize, Serializer};

/// The largest number up to which readers of JSON that keep numbers as doubles keep each: 2^53.
const EXACT_IN_JSON: u128 = 1 << 53;

/// A number of addresses, hosts or subnets: 0 to 2^256 - 1. It stays at its ends where it would leave them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count {
    high: u128,
    low: u128,
}

impl Count {
    /// None.
    pub const ZERO: Self = Self { high: 0, low: 0 };
    const MAX: Self = Self { high: u128::MAX, low: u128::MAX };

    /// 2 to the power of this.
    pub fn power(exponent: u8) -> Self {
        match exponent.checked_sub(128) {
            None => Self { high: 0, low: 1 << exponent },
            Some(exponent) => Self { high: 1 << exponent, low: 0 },
        }
    }

    /// The sum.
    pub fn plus(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        let high = self.high.checked_add(other.high).and_then(|high| high.checked_add(u128::from(carry)));
        high.map_or(Self::MAX, |high| Self { high, low })
    }

    /// What is left; nothing if the other is more.
    pub fn minus(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        let high = self.high.checked_sub(other.high).and_then(|high| high.checked_sub(u128::from(borrow)));
        high.map_or(Self::ZERO, |high| Self { high, low })
    }

    /// As a number, if it is less than 2^128.
    pub fn small(self) -> Option<u128> {
        (self.high == 0).then_some(self.low)
    }

    /// How many percent of the whole it is, rounded down. It must be no more than the whole; of nothing it is 0.
    pub(crate) fn percent_of(self, whole: Self) -> u128 {
        let (mut part, mut whole) = (self, whole);
        while whole.high != 0 || whole.low > u128::MAX / 100 {
            (part, whole) = (part.half(), whole.half());
        }
        (part.low * 100).checked_div(whole.low).unwrap_or(0)
    }

    fn half(self) -> Self {
        Self { high: self.high >> 1, low: self.low >> 1 | self.high << 127 }
    }
}

impl From<u128> for Count {
    fn from(low: u128) -> Self {
        Self { high: 0, low }
    }
}

impl std::iter::Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(small) = self.small() {
            return fmt::Display::fmt(&small, f);
        }
        // Division by hand, 32 bits after 32 bits; each time the remainder is nine more digits, from the end.
        const NINE_DIGITS: u64 = 1_000_000_000;
        let bytes = [self.high.to_be_bytes(), self.low.to_be_bytes()].concat();
        let mut limbs: Vec<u64> =
            bytes.as_chunks::<4>().0.iter().map(|limb| u32::from_be_bytes(*limb).into()).collect();
        let mut groups = Vec::new();
        while limbs.iter().any(|limb| *limb != 0) {
            let mut rest = 0;
            for limb in &mut limbs {
                let part = rest << 32 | *limb;
                (*limb, rest) = (part / NINE_DIGITS, part % NINE_DIGITS);
            }
            groups.push(format!("{rest:09}"));
        }
        groups.reverse();
        f.pad(groups.concat().trim_start_matches('0'))
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(self.low) {
            Ok(exact) if self.high == 0 && self.low <= EXACT_IN_JSON => serializer.serialize_u64(exact),
            _ => serializer.collect_str(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_print_in_full() {
        let text = |bits| Count::power(bits).to_string();
        assert_eq!(text(0), "1");
        assert_eq!(text(32), "4294967296");
        assert_eq!(text(127), "170141183460469231731687303715884105728");
        assert_eq!(text(128), "340282366920938463463374607431768211456");
        assert_eq!(text(129), "680564733841876926926749214863536422912");
        assert_eq!(
            text(255),
            "57896044618658097711785492504343953926634992332820282019728792003956564819968"
        );
    }

    #[test]
    fn sums_and_differences_carry() {
        let all = Count::power(128);
        let most = Count::from(u128::MAX);
        assert_eq!(most.plus(1.into()), all);
        assert_eq!(all.minus(1.into()), most);
        assert_eq!(all.minus(all), Count::ZERO);
        assert_eq!(most.minus(all), Count::ZERO);
        assert_eq!(Count::MAX.plus(all), Count::MAX);
        assert!(most < all && all.small().is_none());
    }

    #[test]
    fn percents() {
        assert_eq!(Count::power(127).percent_of(Count::power(128)), 50);
        assert_eq!(Count::from(1).percent_of(3.into()), 33);
        assert_eq!(Count::ZERO.percent_of(Count::ZERO), 0);
        assert_eq!(Count::power(255).percent_of(Count::power(255)), 100);
    }

    #[test]
    fn numbers_that_json_would_lose_are_texts() {
        let json = |count: Count| serde_json::to_string(&count).unwrap();
        assert_eq!(json(Count::power(53)), "9007199254740992");
        assert_eq!(json(Count::power(53).plus(1.into())), "\"9007199254740993\"");
        assert_eq!(json(Count::power(128)), "\"340282366920938463463374607431768211456\"");
    }
}
