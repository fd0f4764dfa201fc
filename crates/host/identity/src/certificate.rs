//! Certificates as they are read: whom one is for, and when.
//!
//! Whether a certificate is genuine is for rustls to say; this only reads what it says of its owner.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use yasna::tags::{TAG_GENERALIZEDTIME, TAG_IA5STRING, TAG_PRINTABLESTRING, TAG_UTCTIME, TAG_UTF8STRING};
use yasna::{ASN1Error, ASN1ErrorKind, ASN1Result, BERReader, BERReaderSeq, Tag, parse_der};

use crate::token::hex;
use crate::x509::{COMMON_NAME, ORGANIZATION};

/// The bit of a tag whose contents are elements, and those that say that more bytes of it follow.
const CONSTRUCTED: u8 = 0x20;
const LONG_TAG: u8 = 0x1f;

/// What a certificate says of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The owner: the subject's common name.
    pub user: String,
    /// The owner's groups: the subject's organizations.
    pub groups: Vec<String>,
    /// The serial number, in hexadecimal.
    pub serial: String,
    /// From when on it is valid.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The public key, in its own structure.
    pub(crate) public_key: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate in DER. None, if it is none, or its subject cannot be read as text.
    pub fn read(der: &[u8]) -> Option<Self> {
        if !lengths_fit(der) {
            return None;
        }
        parse_der(der, |r| {
            r.read_sequence(|r| {
                let certificate = r.next().read_sequence(contents)?;
                r.next().read_der()?;
                r.next().read_der()?;
                Ok(certificate)
            })
        })
        .ok()
    }
}

/// Whether no element claims to be longer than what follows it: yasna adds such a length to its place, and that may be more
/// than a number holds. Elements within others are looked at in their turn.
fn lengths_fit(der: &[u8]) -> bool {
    let mut rest = der;
    while let Some((tag, after)) = rest.split_first() {
        let Some((length, contents)) = length(after) else { return false };
        let Some(behind) = contents.get(length..) else { return false };
        rest = match tag & (CONSTRUCTED | LONG_TAG) {
            // Tags of several bytes are in no certificate.
            bits if bits & LONG_TAG == LONG_TAG => return false,
            bits if bits & CONSTRUCTED != 0 => contents,
            _ => behind,
        };
    }
    true
}

/// A length (X.690, section 8.1.3), and what follows it.
fn length(der: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = der.split_first()?;
    let Some(digits) = first.checked_sub(0x80) else { return Some((usize::from(*first), rest)) };
    let (digits, rest) = rest.split_at_checked(digits.into())?;
    let add = |length: usize, digit: &u8| Some(length.checked_mul(0x100)? | usize::from(*digit));
    Some((digits.iter().try_fold(0, add)?, rest))
}

/// TBSCertificate (RFC 5280, section 4.1).
fn contents(r: &mut BERReaderSeq<'_, '_>) -> ASN1Result<Certificate> {
    r.read_optional(|r| r.read_tagged(Tag::context(0), |r| r.read_u8()))?;
    let (serial, _) = r.next().read_bigint_bytes()?;
    r.next().read_der()?;
    r.next().read_der()?;
    let (from, until) = r.next().read_sequence(|r| Ok((time(r.next())?, time(r.next())?)))?;
    let subject = attributes(r.next())?;
    let public_key = r.next().read_der()?;
    for unused in [1, 2, 3] {
        r.read_optional(|r| match r.lookahead_tag()? {
            tag if tag == Tag::context(unused) => r.read_der(),
            _ => Err(invalid()),
        })?;
    }
    let of = |kind: [u64; 4]| {
        let values = subject.iter().filter(move |(found, _)| found == kind.as_slice());
        values.map(|(_, value)| value.clone().ok_or_else(invalid))
    };
    // Of several common names the last is the most specific.
    let user = of(COMMON_NAME).next_back().transpose()?.unwrap_or_default();
    let groups = of(ORGANIZATION).collect::<Result<_, _>>()?;
    Ok(Certificate { user, groups, serial: hex(&serial), from, until, public_key })
}

type Attribute = (Vec<u64>, Option<String>);

/// A name's attributes. One whose value is in an old character set has none.
fn attributes(r: BERReader<'_, '_>) -> ASN1Result<Vec<Attribute>> {
    let mut found = Vec::new();
    r.read_sequence_of(|r| {
        r.read_set_of(|r| {
            found.push(r.read_sequence(|r| {
                let kind = r.next().read_oid()?.components().clone();
                let value = r.next().read_tagged_der()?;
                let text = [TAG_UTF8STRING, TAG_PRINTABLESTRING, TAG_IA5STRING].contains(&value.tag());
                let text = text.then(|| String::from_utf8(value.value().to_vec()).ok()).flatten();
                Ok((kind, text.filter(|text| !text.contains('\0'))))
            })?);
            Ok(())
        })
    })?;
    Ok(found)
}

fn time(r: BERReader<'_, '_>) -> ASN1Result<Timestamp> {
    let tag = r.lookahead_tag()?;
    if tag != TAG_UTCTIME && tag != TAG_GENERALIZEDTIME {
        return Err(invalid());
    }
    let bytes = r.read_tagged_implicit(tag, |r| r.read_bytes())?;
    let text = String::from_utf8(bytes).map_err(|_| invalid())?;
    let text = if tag == TAG_UTCTIME {
        // RFC 5280, section 4.1.2.5.1: from 50 on it is the last century.
        let century = if text.as_bytes().first().is_some_and(|digit| *digit >= b'5') { "19" } else { "20" };
        format!("{century}{text}")
    } else {
        text
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%SZ", text).map_err(|_| invalid())?;
    let zoned = civil.to_zoned(TimeZone::UTC).map_err(|_| invalid())?;
    Ok(zoned.timestamp())
}

fn invalid() -> ASN1Error {
    ASN1Error::new(ASN1ErrorKind::Invalid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::x509::{Contents, Issuer, Keys, Subject, Use, sign};

    fn written(subject: &Subject, from: i64, until: i64) -> Vec<u8> {
        let keys = Keys::generate().unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let contents = Contents { subject, from: at(from), until: at(until), to: Use::Client };
        sign(&contents, &keys.pair, &Issuer { subject, key: &keys.pair }).unwrap().0
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read(
            name in "[^\\x00]{1,40}",
            groups in proptest::collection::vec("[^\\x00]{0,20}", 0..5),
            // 1950 to 2100: both ways of writing a time.
            from in -631_152_000_i64..4_102_444_800, until in -631_152_000_i64..4_102_444_800,
        ) {
            let subject = Subject { name, groups };
            let read = Certificate::read(&written(&subject, from, until)).unwrap();
            prop_assert_eq!((read.user, read.groups), (subject.name, subject.groups));
            prop_assert_eq!((read.from.as_second(), read.until.as_second()), (from, until));
        }

        #[test]
        fn any_bytes_are_a_certificate_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Certificate::read(&bytes);
        }

        #[test]
        fn a_damaged_certificate_is_read_or_refused(at in 0_usize..400, to in any::<u8>(), cut in 0_usize..500) {
            let subject = Subject { name: "ana".to_owned(), groups: vec!["dev".to_owned()] };
            let mut der = written(&subject, 0, 1);
            let length = der.len();
            der[at % length] = to;
            der.truncate(cut.max(1));
            let _ = Certificate::read(&der);
        }
    }

    #[test]
    fn what_claims_to_be_longer_than_any_memory_is_no_certificate() {
        let subject = Subject { name: "ana".to_owned(), groups: Vec::new() };
        let mut der = written(&subject, 0, 1);
        // The algorithm that it is signed with: behind the version and 16 bytes of serial number.
        let at = 4 + 4 + 5 + 18;
        assert_eq!(der[at..at + 2], [0x30, 10]);
        der.splice(at + 1..at + 2, [0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(Certificate::read(&der), None);
        assert!(!lengths_fit(&der) && !lengths_fit(&[0x30, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
        assert!(!lengths_fit(&[0x30, 2, 4, 1]) && !lengths_fit(&[0x1f, 1, 0]));
    }

    #[test]
    fn a_name_with_a_null_byte_names_nobody() {
        let subject = Subject { name: "ana\0.example".to_owned(), groups: Vec::new() };
        assert_eq!(Certificate::read(&written(&subject, 0, 1)), None);
    }
}
