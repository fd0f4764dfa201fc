//! Tokens: the time until which one holds, and a code over that and the instance (RFC 2104). Nothing has to be remembered.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A token for the instance that holds until this time, in seconds of a clock that nobody sets.
pub(crate) fn make(key: &[u8], uid: &str, until: u64) -> String {
    let code = sign(&Key::new(HMAC_SHA256, key), &claim(uid, until));
    URL_SAFE_NO_PAD.encode([&until.to_be_bytes()[..], code.as_ref()].concat())
}

/// Whether the token is the instance's, and holds at this time.
pub(crate) fn holds(key: &[u8], uid: &str, token: &str, now: u64) -> bool {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
    let Some((until, code)) = bytes.split_first_chunk() else { return false };
    let until = u64::from_be_bytes(*until);
    now < until && verify(&Key::new(HMAC_SHA256, key), &claim(uid, until), code).is_ok()
}

fn claim(uid: &str, until: u64) -> Vec<u8> {
    [&until.to_be_bytes()[..], uid.as_bytes()].concat()
}
