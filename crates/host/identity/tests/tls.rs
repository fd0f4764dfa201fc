//! TLS with real clients over loopback: who is let in, who is not, and what openssl says of the certificates.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use madang_identity::{Accepted, Acceptor, Authority, Certificate, HandshakeError, Issued, Names, Tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A CA and a server of its own.
struct World {
    directory: tempfile::TempDir,
    authority: Arc<Authority>,
    tls: Tls,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Arc::new(Authority::open(&directory.path().join("tls"), Timestamp::now()).unwrap());
        let names = Names::of_host("web-1", []);
        let tls = Tls::new(Arc::clone(&authority), names, Timestamp::now()).unwrap();
        Self { directory, authority, tls }
    }

    fn issue(&self, user: &str, groups: &[&str]) -> Issued {
        let groups: Vec<_> = groups.iter().map(|group| (*group).to_owned()).collect();
        self.authority.issue(user, &groups, Timestamp::now(), DAY).unwrap()
    }

    /// What the server and the client see of a handshake.
    async fn shake(&self, client: ClientConfig) -> (Result<Option<Certificate>, HandshakeError>, bool) {
        self.shake_as("localhost", client).await
    }

    async fn shake_as(
        &self,
        name: &str,
        client: ClientConfig,
    ) -> (Result<Option<Certificate>, HandshakeError>, bool) {
        let (listener, address) = listener().await;
        let acceptor = self.tls.acceptor();
        let server = tokio::spawn(async move { serve_one(&acceptor, &listener).await });
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let answered = async {
            let stream = TcpStream::connect(address).await?;
            let mut stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await?;
            stream.write_all(b"hello").await?;
            let mut answer = [0; 5];
            stream.read_exact(&mut answer).await?;
            std::io::Result::Ok(&answer == b"hello")
        };
        let answered = answered.await.unwrap_or(false);
        (server.await.unwrap(), answered)
    }

    /// A client that trusts this CA, and has this certificate.
    fn client(&self, identity: Option<&Issued>) -> ClientConfig {
        client(self.authority.certificate(), identity, rustls::ALL_VERSIONS)
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// One handshake, then says back five bytes.
async fn serve_one(
    acceptor: &Acceptor,
    listener: &TcpListener,
) -> Result<Option<Certificate>, HandshakeError> {
    let (stream, _) = listener.accept().await.unwrap();
    let Accepted { mut stream, certificate } = acceptor.accept(stream).await?;
    let mut heard = [0; 5];
    if stream.read_exact(&mut heard).await.is_ok() {
        let _ = stream.write_all(&heard).await;
        let _ = stream.shutdown().await;
    }
    Ok(certificate)
}

fn client(
    ca: &str,
    identity: Option<&Issued>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let builder = builder.with_root_certificates(roots);
    match identity {
        None => builder.with_no_client_auth(),
        Some(issued) => {
            let chain = vec![CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

#[tokio::test]
async fn a_client_is_who_its_certificate_says_or_nobody() {
    let world = World::new();
    let ana = world.issue("ana", &["dev", "ops", "on call"]);
    for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12][..]] {
        let config = client(world.authority.certificate(), Some(&ana), versions);
        let (seen, answered) = world.shake(config).await;
        let seen = seen.unwrap().unwrap();
        assert_eq!((seen.user.as_str(), seen.groups.join("|")), ("ana", "dev|ops|on call".to_owned()));
        assert_eq!(seen.serial, ana.serial);
        assert!(answered);
        let config = client(world.authority.certificate(), None, versions);
        let (seen, answered) = world.shake(config).await;
        assert_eq!((seen.unwrap(), answered), (None, true), "no certificate is none, and no refusal");
    }
}

#[tokio::test]
async fn certificates_that_are_over_or_of_others_are_refused() {
    let (world, other) = (World::new(), World::new());
    let past = "2026-01-01T00:00:00Z".parse().unwrap();
    let directory = world.directory.path().join("old");
    // The CA is old enough to have given it.
    let old = Arc::new(Authority::open(&directory, past).unwrap());
    let over = old.issue("ana", &[], past, DAY).unwrap();
    let old = World {
        directory: tempfile::tempdir().unwrap(),
        tls: Tls::new(Arc::clone(&old), Names::of_host("", []), Timestamp::now()).unwrap(),
        authority: old,
    };
    let (seen, answered) = old.shake(old.client(Some(&over))).await;
    assert!(matches!(seen, Err(HandshakeError::Failed(_))) && !answered, "over: {seen:?}");

    let strange = other.issue("ana", &["system:masters"]);
    let (seen, answered) = world.shake(world.client(Some(&strange))).await;
    assert!(matches!(seen, Err(HandshakeError::Failed(_))) && !answered, "of another CA: {seen:?}");

    let future = Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let later = world.authority.issue("ana", &[], future, DAY).unwrap();
    let (seen, answered) = world.shake(world.client(Some(&later))).await;
    assert!(matches!(seen, Err(HandshakeError::Failed(_))) && !answered, "not yet: {seen:?}");

    let nobody = world.issue("", &["dev"]);
    let (seen, answered) = world.shake(world.client(Some(&nobody))).await;
    assert!(matches!(seen, Err(HandshakeError::Nameless(_))) && !answered, "of nobody: {seen:?}");
}

#[tokio::test]
async fn clients_know_the_server_by_its_ca_and_its_names() {
    let (world, other) = (World::new(), World::new());
    for name in ["localhost", "127.0.0.1", "::1", "web-1"] {
        let (_, answered) = world.shake_as(name, world.client(None)).await;
        assert!(answered, "{name}");
    }
    let (_, answered) = world.shake_as("web-2", world.client(None)).await;
    assert!(!answered, "it has no such name");
    let (_, answered) = world.shake(other.client(None)).await;
    assert!(!answered, "of another CA");

    let mut names = Names::of_host("web-1", []);
    names.add("web-2").unwrap();
    assert!(world.tls.refresh(names.clone(), Timestamp::now()).unwrap());
    assert!(!world.tls.refresh(names.clone(), Timestamp::now()).unwrap(), "nothing changed");
    let (_, answered) = world.shake_as("web-2", world.client(None)).await;
    assert!(answered, "the name is there without a restart");

    let first = world.tls.until();
    let later = Timestamp::now() + jiff::SignedDuration::from_hours(59 * 24);
    assert!(!world.tls.refresh(names.clone(), later).unwrap());
    let later = Timestamp::now() + jiff::SignedDuration::from_hours(61 * 24);
    assert!(world.tls.refresh(names.clone(), later).unwrap(), "a month before its end it is renewed");
    assert!(world.tls.until() > first);
    let end = world.authority.until();
    assert!(world.tls.refresh(names, end).is_err(), "a CA that has ended gives nothing");
}

/// A server that took its certificate when the clock was so far ahead, which is negative if it was behind.
fn of_another_time(days: i64) -> World {
    let then = Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    let directory = tempfile::tempdir().unwrap();
    let authority = Arc::new(Authority::open(&directory.path().join("tls"), then).unwrap());
    let tls = Tls::new(Arc::clone(&authority), Names::of_host("web-1", []), then).unwrap();
    World { directory, authority, tls }
}

#[tokio::test]
async fn when_the_clock_is_set_the_next_client_finds_a_valid_certificate() {
    for days in [365, -365] {
        let world = of_another_time(days);
        let before = world.tls.until();
        let (_, answered) = world.shake(world.client(None)).await;
        assert!(answered, "the clock was set by {days} days");
        let renewed = world.tls.until();
        let (_, answered) = world.shake(world.client(None)).await;
        assert!(answered && world.tls.until() == renewed, "once is enough");
        assert!(renewed >= before, "it stays valid for those whose clock was not set");
        let then = Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        assert!(!world.tls.refresh(Names::of_host("web-1", []), then).unwrap(), "nor when it is set back");
    }
}

#[test]
fn a_clock_that_is_set_back_does_not_make_the_ca_invalid() {
    let world = of_another_time(0);
    let year_ago = (Timestamp::now().as_second() - 365 * 24 * 3600).to_string();
    let ca = "tls/ca.crt";
    let verify = ["verify", "-x509_strict", "-attime", &year_ago, "-CAfile", ca, ca];
    let verified = openssl(world.directory.path(), &verify);
    assert!(verified.contains("OK"), "{verified}");
}

#[tokio::test]
async fn only_http_1_is_spoken() {
    let world = World::new();
    let with = |protocols: &[&str]| {
        let mut config = world.client(None);
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        config
    };
    assert!(world.shake(with(&["h2", "http/1.1"])).await.1);
    assert!(!world.shake(with(&["h2"])).await.1);
    assert!(world.shake(with(&[])).await.1);
}

#[tokio::test]
async fn who_speaks_no_tls_or_nothing_at_all_is_refused_in_time() {
    let world = World::new();
    let acceptor = world.tls.acceptor().within(Duration::from_millis(50));
    let (listener, address) = listener().await;
    let silent = TcpStream::connect(address).await.unwrap();
    let seen = serve_one(&acceptor, &listener).await;
    assert!(matches!(seen, Err(HandshakeError::TooSlow(_))), "{seen:?}");
    drop(silent);
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let seen = serve_one(&world.tls.acceptor(), &listener).await;
    assert!(matches!(seen, Err(HandshakeError::Failed(_))), "{seen:?}");
}

#[test]
fn openssl_finds_the_certificates_right() {
    let world = World::new();
    let ana = world.issue("ana", &["dev", "ops"]);
    let home = world.directory.path();
    std::fs::write(home.join("ana.crt"), &ana.certificate).unwrap();
    let ca = home.join("tls/ca.crt");
    let (ca, certificate) = (ca.to_str().unwrap(), home.join("ana.crt"));
    let certificate = certificate.to_str().unwrap();
    let verified =
        openssl(home, &["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", ca, certificate]);
    assert!(verified.contains("OK"), "{verified}");
    let shown = openssl(home, &["x509", "-in", certificate, "-noout", "-subject", "-nameopt", "RFC2253"]);
    assert_eq!(shown.trim(), "subject=CN=ana,O=ops,O=dev");
    let shown = openssl(home, &["x509", "-in", ca, "-noout", "-ext", "basicConstraints,keyUsage"]);
    assert!(shown.contains("CA:TRUE, pathlen:0") && shown.contains("Certificate Sign, CRL Sign"), "{shown}");
    let shown = openssl(home, &["x509", "-in", certificate, "-noout", "-ext", "keyUsage,extendedKeyUsage"]);
    assert!(shown.contains("Digital Signature") && shown.contains("Client Authentication"), "{shown}");
}

#[tokio::test]
async fn a_certificate_that_openssl_made_with_the_ca_is_as_good() {
    let world = World::new();
    let home = world.directory.path();
    openssl(home, &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ben.ec"]);
    openssl(home, &["pkcs8", "-topk8", "-nocrypt", "-in", "ben.ec", "-out", "ben.key"]);
    std::fs::write(home.join("v3.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    openssl(home, &["req", "-new", "-key", "ben.key", "-subj", "/O=dev/O=ops/CN=ben", "-out", "ben.csr"]);
    openssl(
        home,
        &[
            "x509",
            "-req",
            "-in",
            "ben.csr",
            "-CA",
            "tls/ca.crt",
            "-CAkey",
            "tls/ca.key",
            "-days",
            "1",
            "-extfile",
            "v3.ext",
            "-out",
            "ben.crt",
        ],
    );
    let read = |name: &str| std::fs::read_to_string(home.join(name)).unwrap();
    let ben = Issued { certificate: read("ben.crt"), key: read("ben.key"), ..world.issue("ben", &[]) };
    let (seen, answered) = world.shake(world.client(Some(&ben))).await;
    let seen = seen.unwrap().unwrap();
    assert_eq!((seen.user.as_str(), seen.groups, answered), ("ben", vec!["dev".into(), "ops".into()], true));
}

/// What openssl says. It comes with `scripts/setup test`.
fn openssl(directory: &Path, args: &[&str]) -> String {
    let done = Command::new("openssl").args(args).current_dir(directory).output();
    let done = done.expect("openssl is missing: scripts/setup test installs it");
    assert!(done.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}
