//! Certificates (RFC 5280) as they are written: ECDSA on P-256, with SHA-256.
//!
//! This little is written here because a user has several groups, which stand in its certificate as several organizations,
//! and the library that rustls recommends for certificates writes one.

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use yasna::models::ObjectIdentifier;
use yasna::tags::{TAG_GENERALIZEDTIME, TAG_UTCTIME};
use yasna::{DERWriter, DERWriterSeq, Tag, construct_der};

use crate::{IdentityError, Names};

pub(crate) const COMMON_NAME: [u64; 4] = [2, 5, 4, 3];
pub(crate) const ORGANIZATION: [u64; 4] = [2, 5, 4, 10];
const ECDSA_WITH_SHA256: [u64; 7] = [1, 2, 840, 10045, 4, 3, 2];
const SUBJECT_KEY_IDENTIFIER: [u64; 4] = [2, 5, 29, 14];
const KEY_USAGE: [u64; 4] = [2, 5, 29, 15];
const SUBJECT_ALT_NAME: [u64; 4] = [2, 5, 29, 17];
const BASIC_CONSTRAINTS: [u64; 4] = [2, 5, 29, 19];
const AUTHORITY_KEY_IDENTIFIER: [u64; 4] = [2, 5, 29, 35];
const EXTENDED_KEY_USAGE: [u64; 4] = [2, 5, 29, 37];
const SERVER_AUTH: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 3, 1];
const CLIENT_AUTH: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 3, 2];

/// UTCTime ends with this year (RFC 5280, section 4.1.2.5).
const LAST_UTC_YEAR: i16 = 2049;

/// A key pair, and its private key in PKCS #8.
pub(crate) struct Keys {
    pub(crate) pair: EcdsaKeyPair,
    pub(crate) pkcs8: Vec<u8>,
}

/// Whom a certificate is for, or whom it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

/// What a certificate may be used for.
pub(crate) enum Use<'a> {
    Authority,
    Server(&'a Names),
    Client,
}

/// What a certificate says.
pub(crate) struct Contents<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) to: Use<'a>,
}

/// Who signs.
pub(crate) struct Issuer<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) key: &'a EcdsaKeyPair,
}

impl Keys {
    pub(crate) fn generate() -> Result<Self, IdentityError> {
        let refused = |_| IdentityError::Cryptography { operation: "make a key" };
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
        let pkcs8 = pkcs8.map_err(refused)?.as_ref().to_vec();
        Self::from_pkcs8(pkcs8).ok_or(IdentityError::Cryptography { operation: "read a key that it made" })
    }

    pub(crate) fn from_pkcs8(pkcs8: Vec<u8>) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8).ok()?;
        Some(Self { pair, pkcs8 })
    }
}

/// The public key in its own structure (SubjectPublicKeyInfo).
pub(crate) fn public_key(pair: &EcdsaKeyPair) -> Result<Vec<u8>, IdentityError> {
    let der = pair.public_key().as_der();
    der.map(|der| der.as_ref().to_vec())
        .map_err(|_| IdentityError::Cryptography { operation: "write a public key" })
}

/// A certificate for this key, and its serial number.
pub(crate) fn sign(
    contents: &Contents<'_>,
    key: &EcdsaKeyPair,
    issuer: &Issuer<'_>,
) -> Result<(Vec<u8>, Vec<u8>), IdentityError> {
    let serial = serial()?;
    let (public, issuer_public) = (public_key(key)?, public_key(issuer.key)?);
    let signed = construct_der(|w| {
        w.write_sequence(|w| {
            w.next().write_tagged(Tag::context(0), |w| w.write_u8(2));
            w.next().write_bigint_bytes(&serial, true);
            algorithm(w.next());
            name(w.next(), issuer.subject);
            w.next().write_sequence(|w| {
                time(w.next(), contents.from);
                time(w.next(), contents.until);
            });
            name(w.next(), contents.subject);
            w.next().write_der(&public);
            w.next().write_tagged(Tag::context(3), |w| {
                w.write_sequence(|w| extensions(w, &contents.to, &public, &issuer_public));
            });
        });
    });
    let signature = issuer
        .key
        .sign(&SystemRandom::new(), &signed)
        .map_err(|_| IdentityError::Cryptography { operation: "sign a certificate" })?;
    let signature = signature.as_ref();
    let certificate = construct_der(|w| {
        w.write_sequence(|w| {
            w.next().write_der(&signed);
            algorithm(w.next());
            w.next().write_bitvec_bytes(signature, signature.len() * 8);
        });
    });
    Ok((certificate, serial))
}

/// 126 random bits behind one that keeps the number positive and of one length.
fn serial() -> Result<Vec<u8>, IdentityError> {
    let mut serial = vec![0; 16];
    getrandom::fill(&mut serial)?;
    serial[0] = serial[0] & 0x3f | 0x40;
    Ok(serial)
}

fn oid(parts: &[u64]) -> ObjectIdentifier {
    ObjectIdentifier::from_slice(parts)
}

fn algorithm(w: DERWriter<'_>) {
    w.write_sequence(|w| w.next().write_oid(&oid(&ECDSA_WITH_SHA256)));
}

fn name(w: DERWriter<'_>, subject: &Subject) {
    let groups = subject.groups.iter().map(|group| (ORGANIZATION, group));
    let attributes = groups.chain([(COMMON_NAME, &subject.name)]);
    w.write_sequence(|w| {
        for (kind, value) in attributes {
            w.next().write_set(|w| {
                w.next().write_sequence(|w| {
                    w.next().write_oid(&oid(&kind));
                    w.next().write_utf8_string(value);
                });
            });
        }
    });
}

fn time(w: DERWriter<'_>, time: Timestamp) {
    let utc = time.to_zoned(TimeZone::UTC);
    let (tag, year) = if utc.year() <= LAST_UTC_YEAR {
        (TAG_UTCTIME, format!("{:02}", utc.year() % 100))
    } else {
        (TAG_GENERALIZEDTIME, format!("{:04}", utc.year()))
    };
    let text = format!(
        "{year}{:02}{:02}{:02}{:02}{:02}Z",
        utc.month(),
        utc.day(),
        utc.hour(),
        utc.minute(),
        utc.second()
    );
    w.write_tagged_implicit(tag, |w| w.write_bytes(text.as_bytes()));
}

fn extensions(w: &mut DERWriterSeq<'_>, to: &Use<'_>, public: &[u8], issuer_public: &[u8]) {
    let authority = matches!(to, Use::Authority);
    extension(w, &BASIC_CONSTRAINTS, true, |w| {
        w.write_sequence(|w| {
            if authority {
                w.next().write_bool(true);
                // It signs users and servers, and no other CA.
                w.next().write_u8(0);
            }
        });
    });
    // Bits of KeyUsage: digitalSignature is 0, keyCertSign 5, cRLSign 6; the last one ends the string.
    let (usage, bits) = if authority { (0b0000_0110, 7) } else { (0b1000_0000, 1) };
    extension(w, &KEY_USAGE, true, |w| w.write_bitvec_bytes(&[usage], bits));
    extension(w, &SUBJECT_KEY_IDENTIFIER, false, |w| w.write_bytes(&key_identifier(public)));
    if authority {
        return;
    }
    extension(w, &AUTHORITY_KEY_IDENTIFIER, false, |w| {
        w.write_sequence(|w| {
            let identifier = key_identifier(issuer_public);
            w.next().write_tagged_implicit(Tag::context(0), |w| w.write_bytes(&identifier));
        });
    });
    let purpose = if matches!(to, Use::Server(_)) { SERVER_AUTH } else { CLIENT_AUTH };
    extension(w, &EXTENDED_KEY_USAGE, false, |w| w.write_sequence(|w| w.next().write_oid(&oid(&purpose))));
    if let Use::Server(names) = to {
        extension(w, &SUBJECT_ALT_NAME, false, |w| alternative_names(w, names));
    }
}

fn alternative_names(w: DERWriter<'_>, names: &Names) {
    w.write_sequence(|w| {
        for name in names.dns() {
            w.next().write_tagged_implicit(Tag::context(2), |w| w.write_bytes(name.as_bytes()));
        }
        for address in names.addresses() {
            let octets = match address {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            w.next().write_tagged_implicit(Tag::context(7), |w| w.write_bytes(&octets));
        }
    });
}

fn extension(w: &mut DERWriterSeq<'_>, kind: &[u64], critical: bool, value: impl FnOnce(DERWriter<'_>)) {
    let value = construct_der(value);
    w.next().write_sequence(|w| {
        w.next().write_oid(&oid(kind));
        if critical {
            w.next().write_bool(true);
        }
        w.next().write_bytes(&value);
    });
}

/// The SHA-256 of the public key's structure (RFC 7093, section 2, method 4), cut to the usual 160 bits.
fn key_identifier(public: &[u8]) -> Vec<u8> {
    digest(&SHA256, public).as_ref()[..20].to_vec()
}
