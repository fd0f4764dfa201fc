//! Plain values as names: the items of a set, the keys of an item in a list. They have an order, which JSON lacks.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;

/// Below this a float that has no fraction is exactly one whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON value without parts. Numbers are equal by what they are worth: 1 and 1.0 are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scalar {
    /// A number.
    Number(Number),
    /// A string.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

/// A number of JSON, whole or with a fraction.
#[derive(Clone, Copy, Debug)]
pub struct Number(Worth);

#[derive(Clone, Copy, Debug)]
enum Worth {
    /// Any `i64` and any `u64`.
    Whole(i128),
    /// Finite; with a fraction, or too large to be told exactly.
    Float(f64),
}

impl Scalar {
    /// The value, if it is one without parts.
    pub fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => Self::Number(Number::of(number)),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(_) | Value::Object(_) => return None,
        })
    }

    /// As JSON.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Number(number) => number.to_value(),
            Self::Text(text) => Value::String(text.clone()),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            other => write!(f, "{}", other.to_value()),
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u16> for Scalar {
    fn from(number: u16) -> Self {
        Self::Number(Number(Worth::Whole(number.into())))
    }
}

impl Number {
    fn of(number: &serde_json::Number) -> Self {
        let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        Self(match (whole, number.as_f64()) {
            (Some(whole), _) => Worth::Whole(whole),
            (None, Some(float)) if float.fract() == 0.0 && float.abs() < EXACT =>
            {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
                Worth::Whole(float as i128)
            }
            (None, float) => Worth::Float(float.unwrap_or_default()),
        })
    }

    fn to_value(self) -> Value {
        match self.0 {
            Worth::Whole(whole) => match i64::try_from(whole) {
                Ok(whole) => whole.into(),
                Err(_) => u64::try_from(whole).unwrap_or_default().into(),
            },
            Worth::Float(float) => float.into(),
        }
    }

    /// What it is sorted by. Rounding keeps the order of whole numbers, and those that round alike follow each other.
    fn rank(self) -> (f64, bool, i128) {
        match self.0 {
            #[expect(
                clippy::cast_precision_loss,
                reason = "the exact number decides where rounding makes two equal"
            )]
            Worth::Whole(whole) => (whole as f64, false, whole),
            Worth::Float(float) => (float, true, 0),
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.rank(), other.rank());
        a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2)))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

/// Whether two values are worth the same: the order of fields does not count, nor how a number is written.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Number(a), Value::Number(b)) => a == b || Number::of(a) == Number::of(b),
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scalar(value: Value) -> Scalar {
        Scalar::of(&value).unwrap()
    }

    #[test]
    fn numbers_are_equal_by_what_they_are_worth() {
        assert_eq!(scalar(json!(1)), scalar(json!(1.0)));
        assert_eq!(scalar(json!(-0.0)), scalar(json!(0)));
        assert_ne!(scalar(json!(1)), scalar(json!(1.5)));
        assert_ne!(scalar(json!(u64::MAX)), scalar(json!(u64::MAX - 1)));
        assert!(same(&json!({ "a": [1, 2.0] }), &json!({ "a": [1.0, 2] })));
        assert!(!same(&json!({ "a": 1 }), &json!({ "a": 1, "b": 2 })));
        assert!(!same(&json!({ "a": 1 }), &json!({ "b": 1 })));
    }

    #[test]
    fn the_order_is_total_where_floats_cannot_tell_whole_numbers_apart() {
        let big = 9_007_199_254_740_993_i64;
        let mut values = [
            json!(null),
            json!(true),
            json!("b"),
            json!("a"),
            json!(1.5),
            json!(big),
            json!(big - 1),
            json!(9_007_199_254_740_992.0),
            json!(-3),
            json!(u64::MAX),
            json!(1e300),
            json!(-1e300),
            json!(false),
        ]
        .map(scalar);
        values.sort();
        let sorted = values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(
            sorted,
            "-1e+300 -3 1.5 9007199254740992 9007199254740993 9007199254740992.0 18446744073709551615 1e+300 \
             \"a\" \"b\" false true null"
        );
        for a in &values {
            for b in &values {
                assert_eq!(a.cmp(b), b.cmp(a).reverse());
                assert_eq!(a == b, a.cmp(b).is_eq());
            }
        }
    }

    #[test]
    fn a_scalar_is_the_same_value_again_as_json() {
        for value in
            [json!(null), json!(true), json!("x"), json!(-5), json!(u64::MAX), json!(i64::MIN), json!(0.25)]
        {
            assert_eq!(scalar(value.clone()).to_value(), value);
        }
        assert_eq!(Scalar::of(&json!([])), None);
        assert_eq!(Scalar::of(&json!({})), None);
    }
}
