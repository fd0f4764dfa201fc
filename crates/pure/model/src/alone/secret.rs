//! Secrets: base64, and not too long.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Found;
use crate::words::quote;
use crate::{Diagnostic, SecretSpec};

/// The most that a secret's values may be together, in bytes, as in Kubernetes.
const LARGEST: usize = 1 << 20;

pub(super) fn secret(found: &mut Found, spec: &SecretSpec) {
    let mut size = 0;
    for (key, value) in &spec.data {
        let path = format!("data.{key}");
        name(found, &path, key);
        match STANDARD.decode(value) {
            Ok(bytes) => size += bytes.len(),
            // Not the value itself: it is a secret.
            Err(_) => {
                let diagnostic =
                    Diagnostic::new("invalidValue", format!("the value of {} is no base64", quote(key)))
                        .cause("data has its values in base64 (RFC 4648, section 4)");
                found.add(
                    &path,
                    diagnostic.hint("write it as it is under stringData, or encode it with base64 -w0"),
                );
            }
        }
    }
    for (key, value) in &spec.string_data {
        name(found, &format!("stringData.{key}"), key);
        size += value.len();
    }
    if size > LARGEST {
        let message = format!("the values have {size} bytes together, of {LARGEST} that are possible");
        found.add("data", Diagnostic::new("tooLarge", message).hint("keep large things in files"));
    }
}

fn name(found: &mut Found, path: &str, key: &str) {
    let inside = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if !(1..=253).contains(&key.len()) || !key.bytes().all(inside) || key == "." || key == ".." {
        let diagnostic = Diagnostic::new("invalidName", format!("{} cannot be a key", quote(key)))
            .cause("a key has letters, digits, dashes, dots and underscores");
        found.add(path, diagnostic.hint("write a key as tls.crt"));
    }
}
