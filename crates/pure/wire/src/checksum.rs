//! The internet checksum (RFC 1071), and how it changes with a field (RFC 1624).

use std::net::Ipv4Addr;

/// The checksum of these bytes, one piece after the other; every piece but the last has an even length.
pub fn of(pieces: &[&[u8]]) -> u16 {
    let sum = pieces.iter().flat_map(|piece| piece.chunks(2)).fold(0, |sum, pair| {
        let low = pair.get(1).copied().unwrap_or(0);
        add(sum, u32::from(u16::from_be_bytes([pair[0], low])))
    });
    fold(sum)
}

/// The pseudo header that TCP and UDP checksums cover too (RFC 9293 section 3.1, RFC 768).
pub fn pseudo_header(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, length: u16) -> [u8; 12] {
    let ([a, b, c, d], [e, f, g, h], [high, low]) =
        (source.octets(), destination.octets(), length.to_be_bytes());
    [a, b, c, d, e, f, g, h, 0, protocol, high, low]
}

/// The checksum after a field of the covered bytes, 16 or 32 bits wide, has changed.
///
/// The same arithmetic as Linux's `csum_replace4`: `~(~sum + ~from + to)` in ones' complement over 32 bits, then folded.
/// The result is never 0xffff, whichever of its two zeroes the sum was written as, and does not depend on the order or
/// the grouping of fields. So it equals what `csum_replace2`, `bpf_l3_csum_replace` and `bpf_l4_csum_replace` give.
#[must_use]
pub fn adjust(sum: u16, from: u32, to: u32) -> u16 {
    fold(add(add(!u32::from(sum), !from), to))
}

/// The same for UDP over IPv4, where a sum of 0 says that there is none: it stays 0, and a sum that comes out as 0 is
/// written as 0xffff (RFC 768; `BPF_F_MARK_MANGLED_0`).
#[must_use]
pub fn adjust_udp(sum: u16, from: u32, to: u32) -> u16 {
    match sum {
        0 => 0,
        sum => match adjust(sum, from, to) {
            0 => 0xffff,
            adjusted => adjusted,
        },
    }
}

fn add(a: u32, b: u32) -> u32 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u32::from(carry)
}

fn fold(sum: u32) -> u16 {
    let once = (sum & 0xffff) + (sum >> 16);
    let [_, _, high, low] = ((once & 0xffff) + (once >> 16)).to_be_bytes();
    !u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn knows_the_example_of_rfc_1071() {
        assert_eq!(!of(&[&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]), 0xddf2);
        assert_eq!(of(&[&[0xab]]), !0xab00);
    }

    #[test]
    fn a_udp_sum_of_zero_stays_and_one_that_becomes_zero_is_mangled() {
        assert_eq!(adjust_udp(0, 1, 2), 0);
        assert_eq!(adjust(0x0001, 0, 1), 0);
        assert_eq!(adjust_udp(0x0001, 0, 1), 0xffff);
        assert_eq!(adjust_udp(0xffff, 0, 1), 0xfffe);
    }

    proptest! {
        #[test]
        fn adjusting_equals_computing_anew(mut bytes in prop::collection::vec(any::<u8>(), 8..64), to: [u8; 4], at in 0usize..2) {
            prop_assume!(bytes.iter().skip(8).any(|byte| *byte != 0));
            let before = of(&[&bytes]);
            let from = crate::bytes::u32_at(&bytes, at * 4);
            crate::bytes::put(&mut bytes, at * 4, to);
            prop_assert_eq!(adjust(before, from, u32::from_be_bytes(to)), of(&[&bytes]));
        }

        #[test]
        fn never_gives_all_ones_and_knows_no_order(sum: u16, a: u32, b: u32, c: u16, d: u16) {
            let one = adjust(adjust(sum, a, b), c.into(), d.into());
            let two = adjust(adjust(sum, c.into(), d.into()), a, b);
            prop_assert_ne!(one, 0xffff);
            prop_assert_eq!(one, two);
        }
    }
}
