//! The CA: made at the first start, kept in two files, it signs this Madang's servers and users.
//!
//! Nobody else trusts it, and it trusts nobody else: what it signed is what may speak to this Madang.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::token::hex;
use crate::x509::{Contents, Issuer, Keys, Subject, Use, public_key, sign};
use crate::{Certificate, IdentityError, Names, files, pem};

const KEY: &str = "ca.key";
const CERTIFICATE: &str = "ca.crt";
/// Ten years.
const LIFE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24 + 2 * 24);
/// How far another host's clock may be behind when it sees a new certificate.
const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// The CA of one Madang.
pub struct Authority {
    directory: PathBuf,
    subject: Subject,
    keys: Keys,
    certificate: CertificateDer<'static>,
    pem: String,
    until: Timestamp,
}

/// A user's certificate and its private key, of which no copy is kept.
#[derive(Clone)]
pub struct Issued {
    /// The certificate, in PEM.
    pub certificate: String,
    /// The private key (PKCS #8), in PEM.
    pub key: String,
    /// Its serial number, in hexadecimal.
    pub serial: String,
    /// From when on it is valid.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// A server's certificate and its private key.
pub(crate) struct ServerKeys {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivatePkcs8KeyDer<'static>,
}

impl Authority {
    /// The CA of this directory. If neither the directory's key nor its certificate is there, a new CA is made.
    ///
    /// # Errors
    /// A file is missing or damaged, or cannot be read or written.
    pub fn open(directory: &Path, now: Timestamp) -> Result<Self, IdentityError> {
        let (key_path, certificate_path) = (directory.join(KEY), directory.join(CERTIFICATE));
        let found = (files::read(&key_path)?, files::read(&certificate_path)?);
        let (key, certificate) = match found {
            (Some(key), Some(certificate)) => (key, certificate),
            (None, None) => {
                make(directory, now)?;
                return Self::open_made(directory, now);
            }
            (Some(_), None) => {
                return Err(IdentityError::Incomplete { missing: certificate_path, there: key_path });
            }
            (None, Some(_)) => {
                return Err(IdentityError::Incomplete { missing: key_path, there: certificate_path });
            }
        };
        files::keep_private(&key_path)?;
        let damaged =
            |path: &Path, what: &str| IdentityError::Damaged { path: path.to_owned(), what: what.to_owned() };
        let keys = PrivatePkcs8KeyDer::from_pem_slice(&key).ok();
        let keys = keys.and_then(|der| Keys::from_pkcs8(der.secret_pkcs8_der().to_vec()));
        let keys = keys.ok_or_else(|| damaged(&key_path, "it has no private key for P-256"))?;
        let der = CertificateDer::from_pem_slice(&certificate)
            .map_err(|_| damaged(&certificate_path, "it has no certificate"))?
            .into_owned();
        let read =
            Certificate::read(&der).ok_or_else(|| damaged(&certificate_path, "its certificate is none"))?;
        if read.public_key != public_key(&keys.pair)? {
            return Err(damaged(&certificate_path, "it is of another key than ca.key"));
        }
        let pem = pem::certificate(&der);
        let subject = Subject { name: read.user, groups: read.groups };
        let directory = directory.to_owned();
        Ok(Self { directory, subject, keys, certificate: der, pem, until: read.until })
    }

    fn open_made(directory: &Path, now: Timestamp) -> Result<Self, IdentityError> {
        let made = directory.join(KEY);
        if files::read(&made)?.is_none() {
            let path = directory.to_owned();
            return Err(IdentityError::Damaged {
                path,
                what: "the new CA is not where it was put".to_owned(),
            });
        }
        Self::open(directory, now)
    }

    /// The CA's certificate, in PEM: what clients need in order to trust the server.
    pub fn certificate(&self) -> &str {
        &self.pem
    }

    /// Until when the CA is valid.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// A certificate for a user of these groups, from now on for this long, or until the CA ends.
    ///
    /// # Errors
    /// The CA has ended, or the cryptographic library refused.
    pub fn issue(
        &self,
        user: &str,
        groups: &[String],
        now: Timestamp,
        life: Duration,
    ) -> Result<Issued, IdentityError> {
        let subject = Subject { name: user.to_owned(), groups: groups.to_vec() };
        let (from, until) = (seconds(now), self.end(now, life)?);
        let keys = Keys::generate()?;
        let contents = Contents { subject: &subject, from, until, to: Use::Client };
        let (der, serial) = sign(&contents, &keys.pair, &self.issuer())?;
        Ok(Issued {
            certificate: pem::certificate(&der),
            key: pem::private_key(&keys.pkcs8),
            serial: hex(&serial),
            from,
            until,
        })
    }

    /// A certificate for a server of these names, that is valid in this time.
    pub(crate) fn server(
        &self,
        names: &Names,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<ServerKeys, IdentityError> {
        let subject = Subject { name: "madang".to_owned(), groups: Vec::new() };
        let keys = Keys::generate()?;
        let contents = Contents { subject: &subject, from, until, to: Use::Server(names) };
        let (der, _) = sign(&contents, &keys.pair, &self.issuer())?;
        Ok(ServerKeys { certificate: der.into(), key: keys.pkcs8.into() })
    }

    fn issuer(&self) -> Issuer<'_> {
        Issuer { subject: &self.subject, key: &self.keys.pair }
    }

    /// From when until when a server's certificate of now is valid.
    pub(crate) fn term(
        &self,
        now: Timestamp,
        life: Duration,
    ) -> Result<(Timestamp, Timestamp), IdentityError> {
        let from = seconds(now.saturating_sub(SKEW).unwrap_or(now));
        Ok((from, self.end(now, life)?))
    }

    /// When something that is signed now ends: never after the CA.
    fn end(&self, now: Timestamp, life: Duration) -> Result<Timestamp, IdentityError> {
        if now >= self.until {
            return Err(IdentityError::Expired { ended: self.until, directory: self.directory.clone() });
        }
        let wanted = now.checked_add(life).unwrap_or(self.until);
        Ok(seconds(wanted.min(self.until)))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("serial", &self.serial)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

fn make(directory: &Path, now: Timestamp) -> Result<(), IdentityError> {
    let keys = Keys::generate()?;
    // Browsers and others that hold several CAs tell them apart by their names.
    let name = format!("Madang CA {}", &hex(&public_key(&keys.pair)?)[54..62]);
    let subject = Subject { name, groups: Vec::new() };
    let until = seconds(now.saturating_add(LIFE).unwrap_or(Timestamp::MAX));
    // From the first moment that clocks know: one that is set back must not make the CA invalid, and with it all that it signed.
    let from = Timestamp::UNIX_EPOCH;
    let contents = Contents { subject: &subject, from, until, to: Use::Authority };
    let (der, _) = sign(&contents, &keys.pair, &Issuer { subject: &subject, key: &keys.pair })?;
    tracing::info!(directory = %directory.display(), "a CA was made");
    let (key, certificate) = (pem::private_key(&keys.pkcs8), pem::certificate(&der));
    files::make_directory(directory, &[(KEY, &key, 0o600), (CERTIFICATE, &certificate, 0o644)])
}

/// Certificates know no fractions of a second.
fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T03:04:05.6Z".parse().unwrap()
    }

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn a_ca_is_made_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("state/tls");
        let made = Authority::open(&home, now()).unwrap();
        let found = Authority::open(&home, now()).unwrap();
        assert_eq!(made.certificate(), found.certificate());
        assert_eq!(made.until().to_string(), "2036-01-02T03:04:05Z");
        let mode = |name: &str| fs::metadata(home.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(KEY), mode(CERTIFICATE)), (0o600, 0o644));
        assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(dir.path().join("state")).unwrap().count(), 1, "nothing unfinished is left");
        let shown = format!("{made:?}");
        assert!(!shown.contains("PRIVATE") && shown.contains("tls"), "{shown}");
    }

    #[test]
    fn what_a_crash_left_unfinished_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("tls");
        fs::create_dir(dir.path().join("tls.new")).unwrap();
        fs::write(dir.path().join("tls.new/ca.key"), "half").unwrap();
        fs::create_dir(&home).unwrap();
        Authority::open(&home, now()).unwrap();
    }

    #[test]
    fn a_key_that_others_can_read_is_taken_from_them() {
        let dir = tempfile::tempdir().unwrap();
        Authority::open(&dir.path().join("tls"), now()).unwrap();
        let key = dir.path().join("tls/ca.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        Authority::open(&dir.path().join("tls"), now()).unwrap();
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_missing_or_damaged_file_is_said_and_nothing_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("tls");
        let (key, certificate) = (home.join(KEY), home.join(CERTIFICATE));
        Authority::open(&home, now()).unwrap();
        let other = Authority::open(&dir.path().join("other"), now()).unwrap();
        let good = (fs::read(&key).unwrap(), fs::read(&certificate).unwrap());
        let says = |expected: &str| {
            let said = Authority::open(&home, now()).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
            assert!(!said.contains("BEGIN"), "{said}");
        };
        fs::remove_file(&certificate).unwrap();
        says("ca.crt is missing, and ");
        fs::write(&certificate, "nonsense").unwrap();
        says("ca.crt is damaged (it has no certificate)");
        fs::write(&certificate, pem::certificate(b"nonsense")).unwrap();
        says("ca.crt is damaged (its certificate is none)");
        fs::write(&certificate, other.certificate()).unwrap();
        says("ca.crt is damaged (it is of another key than ca.key)");
        fs::write(&certificate, &good.1).unwrap();
        fs::write(&key, &good.0[..good.0.len() / 2]).unwrap();
        says("ca.key is damaged (it has no private key for P-256)");
        fs::write(&key, pem::private_key(b"nonsense")).unwrap();
        says("ca.key is damaged");
        fs::remove_file(&key).unwrap();
        says("ca.key is missing, and ");
        fs::write(&key, &good.0).unwrap();
        Authority::open(&home, now()).unwrap();
    }

    #[test]
    fn a_users_certificate_says_who_it_is_and_ends_with_the_ca_at_last() {
        let dir = tempfile::tempdir().unwrap();
        let ca = Authority::open(&dir.path().join("tls"), now()).unwrap();
        let groups = vec!["dev".to_owned(), "ops".to_owned()];
        let issued = ca.issue("ana", &groups, now(), 90 * DAY).unwrap();
        let der = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
        let read = Certificate::read(&der).unwrap();
        assert_eq!((read.user.as_str(), &read.groups), ("ana", &groups));
        assert_eq!((read.serial, read.from, read.until), (issued.serial.clone(), issued.from, issued.until));
        assert_eq!(issued.until.to_string(), "2026-04-02T03:04:05Z");
        let key = PrivatePkcs8KeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
        let keys = Keys::from_pkcs8(key.secret_pkcs8_der().to_vec()).unwrap();
        assert_eq!(public_key(&keys.pair).unwrap(), read.public_key);
        assert!(!format!("{issued:?}").contains("BEGIN"));
        let long = ca.issue("ana", &[], now(), 100 * 365 * DAY).unwrap();
        assert_eq!(long.until, ca.until());
        let late = ca.issue("ana", &[], ca.until(), DAY).unwrap_err().to_string();
        assert!(late.contains("ended on 2036-01-02T03:04:05Z"), "{late}");
    }
}
