//! Bearer tokens (RFC 6750): `madang_ID_SECRET`.
//!
//! The identifier finds the token's record; the secret has 256 random bits. Only its SHA-256 is kept: of a secret that cannot
//! be guessed no slower hash is needed. Both parts are hexadecimal, so that a token is one word, and secret scanners know it.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

use crate::IdentityError;

const PREFIX: &str = "madang_";
const ID: usize = 8;
const SECRET: usize = 32;

/// A token, which whoever holds it may use.
#[derive(Clone)]
pub struct Token {
    id: String,
    secret: [u8; SECRET],
}

/// What is kept of a token: its secret's SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Token {
    /// A token that nobody has.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn random() -> Result<Self, IdentityError> {
        let (mut id, mut secret) = ([0; ID], [0; SECRET]);
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        Ok(Self { id: hex(&id), secret })
    }

    /// The token of this text, if it is the text of one.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let _: [u8; ID] = unhex(id)?;
        Some(Self { id: id.to_owned(), secret: unhex(secret)? })
    }

    /// What finds its record. No secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its text, secret and all: for whom it was made, once.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, hex(&self.secret))
    }

    /// What may be kept of it.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &self.secret).as_ref());
        Fingerprint(hash)
    }
}

impl Fingerprint {
    /// The fingerprint of this text, if it is the text of one.
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }

    /// Whether it is this token's. Takes the same time wherever they differ.
    pub fn is_of(&self, token: &Token) -> bool {
        verify_slices_are_equal(&self.0, &token.fingerprint().0).is_ok()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("id", &self.id).finish_non_exhaustive()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lower-case digits only: a token has one text.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f').then(|| char::from(c).to_digit(16)).flatten();
    let digits: Vec<u8> =
        text.bytes().map(|c| digit(c).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if digits.len() == 2 * N { bytes.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_known_by_its_fingerprint_and_shows_nothing() {
        let token = Token::random().unwrap();
        let text = token.reveal();
        assert_eq!(text.len(), "madang_".len() + 16 + 1 + 64);
        let again = Token::parse(&text).unwrap();
        let kept = Fingerprint::parse(&token.fingerprint().to_string()).unwrap();
        assert!(kept.is_of(&again));
        let other = Token::random().unwrap();
        assert!(!kept.is_of(&other));
        assert_ne!(token.id(), other.id());
        let secret = text.rsplit('_').next().unwrap();
        for shown in [format!("{token:?}"), kept.to_string(), format!("{kept:?}")] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn the_fingerprint_is_the_sha_256_of_the_secret() {
        let text = format!("madang_0011223344556677_{}", "00".repeat(32));
        let fingerprint = Token::parse(&text).unwrap().fingerprint().to_string();
        assert_eq!(fingerprint, "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
    }

    #[test]
    fn what_is_no_token_is_none() {
        let good = Token::random().unwrap().reveal();
        let upper = good.to_uppercase().replacen("MADANG", "madang", 1);
        for bad in
            ["", "madang_", "madang_1_2", &good[1..], &good[..good.len() - 1], &format!("{good}0"), &upper]
        {
            assert!(Token::parse(bad).is_none() || bad == good, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_token_or_none(text in "(madang_)?[0-9a-f_]{0,90}|\\PC*") {
            if let Some(token) = Token::parse(&text) {
                prop_assert_eq!(token.reveal(), text);
            }
        }
    }
}
