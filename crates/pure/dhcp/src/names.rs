//! What a client's name becomes.

use std::net::Ipv4Addr;

/// The longest label (RFC 1035 section 2.3.4).
const LONGEST: usize = 63;

/// A host name as a label of DNS: its first label, in small letters; what is neither letter, digit nor `-` becomes `-`. None
/// if nothing is left.
pub(crate) fn sanitised(name: &[u8]) -> Option<Box<str>> {
    let length = name.iter().position(|byte| matches!(byte, b'.' | 0)).unwrap_or(name.len()).min(LONGEST);
    let mut label = [b'-'; LONGEST];
    for (to, from) in label.iter_mut().zip(&name[..length]) {
        if from.is_ascii_alphanumeric() {
            *to = from.to_ascii_lowercase();
        }
    }
    let label = std::str::from_utf8(&label[..length]).unwrap_or_default().trim_matches('-');
    (!label.is_empty()).then(|| label.into())
}

/// The name of whoever comes second to a name: with its address behind it, which nobody else has.
pub(crate) fn with_address(name: &str, address: Ipv4Addr) -> Box<str> {
    let [a, b, c, d] = address.octets();
    let behind = format!("-{a}-{b}-{c}-{d}");
    let kept = name.len().min(LONGEST - behind.len());
    format!("{}{behind}", name[..kept].trim_end_matches('-')).into()
}

/// The name in a client's FQDN option (RFC 4702 section 2.3): labels, or text as older clients write it.
pub(crate) fn of_fqdn(value: &[u8]) -> Option<&[u8]> {
    /// The name is in labels.
    const ENCODED: u8 = 0b0100;
    let [flags, _, _, name @ ..] = value else { return None };
    if flags & ENCODED == 0 {
        return Some(name);
    }
    let [length, rest @ ..] = name else { return None };
    rest.get(..usize::from(*length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_labels() {
        for (name, label) in [
            ("Web-1.example.com", Some("web-1")),
            ("my phone!", Some("my-phone")),
            ("--", None),
            ("", None),
            (".x", None),
            ("a\0b", Some("a")),
            ("é", None),
        ] {
            assert_eq!(sanitised(name.as_bytes()).as_deref(), label, "{name}");
        }
        assert_eq!(sanitised(&[b'x'; 200]).unwrap().len(), 63);
        let second = with_address(&"y".repeat(63), Ipv4Addr::new(10, 0, 100, 200));
        assert!(second.len() == 63 && second.ends_with("y-10-0-100-200"));
    }

    #[test]
    fn both_forms_of_an_fqdn() {
        assert_eq!(of_fqdn(&[4, 0, 0, 3, b'w', b'e', b'b', 2, b'x', b'y', 0]), Some(&b"web"[..]));
        assert_eq!(of_fqdn(b"\x01\0\0web.xy"), Some(&b"web.xy"[..]));
        assert_eq!(of_fqdn(&[4, 0, 0, 9, b'w']), None);
        assert_eq!(of_fqdn(&[4, 0, 0]), None);
    }
}
