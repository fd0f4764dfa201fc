//! PEM (RFC 7468): written here, read by rustls.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The text of a certificate.
pub(crate) fn certificate(der: &[u8]) -> String {
    text("CERTIFICATE", der)
}

/// The text of a private key (PKCS #8).
pub(crate) fn private_key(der: &[u8]) -> String {
    text("PRIVATE KEY", der)
}

fn text(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for length in [0, 1, 47, 48, 49, 1000] {
            let der = vec![7; length];
            let text = certificate(&der);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            assert_eq!(CertificateDer::from_pem_slice(text.as_bytes()).unwrap().as_ref(), der);
        }
    }
}
