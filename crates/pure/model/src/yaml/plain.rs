//! What a text without quotes means (YAML 1.2.2, section 10.3.2).

use serde_json::{Number, Value};

/// What a text without quotes is: nothing, true, false, a number, or text. Digits that begin with 0 are text, since some
/// take them for octal.
pub(crate) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return digits(hexadecimal, 16);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return digits(octal, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let starts_like_one = unsigned.starts_with(|c: char| c.is_ascii_digit())
        || unsigned.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let leading_zero = unsigned.len() > 1 && unsigned.starts_with('0') && !unsigned.starts_with("0.");
    let inside = |b: u8| b.is_ascii_digit() || b"+-.eE".contains(&b);
    if !starts_like_one || leading_zero || !unsigned.bytes().all(inside) {
        return None;
    }
    if unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse::<u64>().map(Number::from).or_else(|_| text.parse::<i64>().map(Number::from)).ok();
    }
    text.parse::<f64>().ok().and_then(Number::from_f64)
}

fn digits(text: &str, radix: u32) -> Option<Number> {
    let plain = text.chars().all(|c| c.is_digit(radix));
    if plain { u64::from_str_radix(text, radix).ok().map(Number::from) } else { None }
}
