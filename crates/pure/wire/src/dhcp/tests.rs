//! Layout of messages: what is refused, what is put together, what is split.

use std::net::Ipv4Addr;

use madang_addr::Mac;
use proptest::prelude::*;

use super::*;
use crate::Error;

fn header() -> Header {
    Header::request(HardwareAddress::ethernet(Mac([2, 0, 0, 0, 0, 1])), 0x1234_5678)
}

/// A message with these bytes in its options field.
fn message(options: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Builder::new(&mut bytes, &header(), MINIMUM).finish();
    bytes.truncate(HEADER);
    bytes.extend_from_slice(options);
    bytes
}

fn refused(bytes: &[u8]) -> String {
    Packet::new_checked(bytes).unwrap_err().to_string()
}

#[test]
fn what_is_no_message_is_refused_and_named() {
    let good = message(&[53, 1, 1, 255]);
    assert_eq!(Packet::new_checked(&good).unwrap().message_type(), Some(MessageType::Discover));
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        refused(&bytes)
    };
    assert_eq!(with(239, 0), "the DHCP header's cookie is not supported or malformed");
    assert!(with(2, 17).contains("hardware address length"));
    assert!(with(2, 255).contains("hardware address length"));
    assert!(with(0, 0).contains("op") && with(0, 3).contains("op"));
    assert_eq!(
        Packet::new_checked(&good[..239]).unwrap_err(),
        Error::Truncated { format: "DHCP", needed: 240, present: 239 }
    );
    for past in [&[53, 1][..], &[53], &[12, 4, 1, 2, 3], &[0, 0, 61]] {
        assert!(refused(&message(past)).contains("options"), "{past:?}");
    }
    for overload in [&[52, 1, 0, 255][..], &[52, 1, 4, 255], &[52, 2, 1, 1, 255], &[52, 0, 255]] {
        assert!(refused(&message(overload)).contains("overload"), "{overload:?}");
    }
}

#[test]
fn an_end_may_be_missing_and_ends_what_follows() {
    let bytes = message(&[53, 1, 3]);
    assert_eq!(Packet::new_checked(&bytes).unwrap().message_type(), Some(MessageType::Request));
    let bytes = message(&[53, 1, 3, 255, 12, 200]);
    let packet = Packet::new_checked(&bytes).unwrap();
    assert_eq!(packet.fragments().count(), 1);
}

#[test]
fn parts_are_put_together_over_the_fields_in_order() {
    let mut bytes = message(&[12, 2, b'a', b'b', 52, 1, 3, 12, 1, b'c', 255]);
    bytes[FILE.0..FILE.0 + 6].copy_from_slice(&[12, 1, b'd', 52, 1, 3]);
    bytes[FILE.0 + 6] = 255;
    bytes[SNAME.0..SNAME.0 + 4].copy_from_slice(&[12, 1, b'e', 255]);
    let packet = Packet::new_checked(&bytes).unwrap();
    assert_eq!(packet.option(code::HOST_NAME).unwrap().as_ref(), b"abcde");
    assert!(packet.server_name().is_empty() && packet.boot_file().is_empty());
    // What is in a field that is not overloaded is a name, whatever it looks like.
    bytes[HEADER + 6] = 1;
    let packet = Packet::new_checked(&bytes).unwrap();
    assert_eq!(packet.option(code::HOST_NAME).unwrap().as_ref(), b"abcd");
    assert_eq!(packet.server_name(), [12, 1, b'e', 255]);
    // A broken option there refuses the message only if it is one.
    bytes[FILE.0 + 1] = 200;
    assert!(refused(&bytes).contains("options in the file field"));
}

fn with_options(pairs: &[(u8, usize)]) -> Repr {
    let mut options = Options::new();
    for (code, length) in pairs {
        options.set(*code, vec![*code; *length]);
    }
    Repr::new(header(), options)
}

fn written(repr: &Repr, limit: usize) -> (Vec<u8>, usize) {
    let mut bytes = vec![9; 3];
    let left_out = repr.emit(limit, &mut bytes);
    assert_eq!(bytes[..3], [9; 3], "what was there before stays");
    (bytes.split_off(3), left_out)
}

fn read(bytes: &[u8]) -> Repr {
    Repr::parse(&Packet::new_checked(bytes).unwrap())
}

#[test]
fn a_message_has_its_least_length_and_an_end() {
    let (bytes, left_out) = written(&with_options(&[(53, 1)]), LARGEST_FOR_ALL);
    assert_eq!((bytes.len(), left_out), (MINIMUM, 0));
    assert_eq!(bytes[HEADER..HEADER + 4], [53, 1, 53, 255]);
    assert!(bytes[HEADER + 4..].iter().all(|byte| *byte == 0));
}

#[test]
fn options_come_in_one_order() {
    let (bytes, _) = written(
        &with_options(&[(82, 3), (1, 4), (3, 4), (61, 7), (54, 4), (53, 1), (12, 2), (51, 4)]),
        LARGEST_FOR_ALL,
    );
    let codes: Vec<u8> = Packet::new_checked(&bytes).unwrap().fragments().map(|(code, _)| code).collect();
    assert_eq!(codes, [53, 54, 51, 1, 3, 12, 61, 82]);
}

#[test]
fn a_long_option_is_split() {
    let repr = with_options(&[(53, 1), (121, 600)]);
    let (bytes, left_out) = written(&repr, 1500);
    let packet = Packet::new_checked(&bytes).unwrap();
    let parts: Vec<usize> = packet.fragments().skip(1).map(|(_, part)| part.len()).collect();
    assert_eq!((parts, left_out), (vec![255, 255, 90], 0));
    assert_eq!(read(&bytes), repr);
}

#[test]
fn what_is_too_much_goes_where_names_would_be() {
    let repr = with_options(&[(53, 1), (3, 40), (6, 120), (15, 60), (82, 30)]);
    let (bytes, left_out) = written(&repr, 450);
    assert!(bytes.len() <= 450, "{}", bytes.len());
    assert_eq!(left_out, 0);
    assert_eq!(Packet::new_checked(&bytes).unwrap().option(code::OVERLOAD).unwrap().as_ref(), [1]);
    assert_eq!(read(&bytes), repr);
    let named = Repr { boot_file: b"boot".to_vec(), server_name: b"tftp".to_vec(), ..repr };
    let (bytes, left_out) = written(&named, 450);
    assert_eq!(left_out, 1, "names are in the way");
    let read = read(&bytes);
    assert_eq!((read.boot_file, read.server_name), (named.boot_file, named.server_name));
    assert!(read.options.value(82).is_some(), "room was kept for what a relay wants back");
    assert!(read.options.value(15).is_none() && read.options.value(3).is_some());
}

#[test]
fn a_long_option_is_spread_over_what_is_left() {
    let repr = with_options(&[(53, 1), (121, 400)]);
    let (bytes, left_out) = written(&repr, 548);
    assert!(left_out == 0 && bytes.len() <= 548, "{} {left_out}", bytes.len());
    assert_eq!(read(&bytes), repr);
}

#[test]
fn routes_as_in_the_examples_of_the_standard() {
    // RFC 3442, the table of descriptors.
    for (prefix, bytes) in [
        ("0.0.0.0/0", &[0][..]),
        ("10.0.0.0/8", &[8, 10]),
        ("10.17.0.0/16", &[16, 10, 17]),
        ("10.27.129.0/24", &[24, 10, 27, 129]),
        ("10.229.0.128/25", &[25, 10, 229, 0, 128]),
        ("10.198.122.47/32", &[32, 10, 198, 122, 47]),
    ] {
        let route = Route { destination: prefix.parse().unwrap(), router: Ipv4Addr::new(10, 0, 0, 1) };
        let value = [bytes, &[10, 0, 0, 1]].concat();
        assert_eq!(Route::encode(&[route]), value);
        assert_eq!(Route::decode(&value), Some(vec![route]));
        assert_eq!(Route::decode(&value[..value.len() - 1]), None);
    }
    assert_eq!(Route::decode(&[33, 1, 2, 3, 4, 5, 10, 0, 0, 1]), None);
    let host_bits = Route::decode(&[20, 10, 1, 255, 0, 0, 0, 0]).unwrap();
    assert_eq!(host_bits[0].destination.to_string(), "10.1.240.0/20");
}

#[test]
fn relays_say_where() {
    let value = [1, 2, b'p', b'7', 5, 4, 10, 0, 2, 0, 11, 9, 1];
    let relay = RelayInformation::new(&value);
    assert_eq!(relay.suboption(suboption::CIRCUIT_ID), Some(&b"p7"[..]));
    assert_eq!(relay.address(suboption::LINK_SELECTION), Some(Ipv4Addr::new(10, 0, 2, 0)));
    assert_eq!(relay.suboption(suboption::SERVER_ID_OVERRIDE), None, "it ends past the option");
}

#[test]
fn hardware_addresses_of_every_length() {
    for length in 0..=16u8 {
        let address = HardwareAddress::new(32, &vec![length; usize::from(length)]).unwrap();
        let (bytes, _) =
            written(&Repr::new(Header { hardware: address, ..header() }, Options::new()), LARGEST_FOR_ALL);
        assert_eq!(read(&bytes).header.hardware, address);
        assert_eq!(address.mac(), None);
    }
    assert_eq!(HardwareAddress::new(1, &[0; 17]), None);
    assert_eq!(header().hardware.to_string(), "02:00:00:00:00:01");
}

prop_compose! {
    fn any_repr()(
        op: bool, hardware in prop::collection::vec(any::<u8>(), 0..=16), kind: u8, hops: u8, xid: u32, secs: u16,
        broadcast: bool, addresses: [[u8; 4]; 4],
        sname in "[a-z]{0,63}", file in "[a-z/]{0,127}",
        options in prop::collection::btree_map(1u8..=254, prop::collection::vec(any::<u8>(), 0..600), 0..6),
    ) -> Repr {
        let [ciaddr, yiaddr, siaddr, giaddr] = addresses.map(Ipv4Addr::from);
        let op = if op { Op::Request } else { Op::Reply };
        let hardware = HardwareAddress::new(kind, &hardware).unwrap();
        let header = Header { op, hardware, hops, xid, secs, broadcast, ciaddr, yiaddr, siaddr, giaddr };
        let mut known = Options::new();
        options.into_iter().for_each(|(code, value)| { known.set(code, value); });
        Repr { header, server_name: sname.into(), boot_file: file.into(), options: known }
    }
}

proptest! {
    #[test]
    fn says_what_was_written(repr in any_repr()) {
        let (bytes, left_out) = written(&repr, 65_000);
        prop_assert_eq!(left_out, 0);
        prop_assert_eq!(read(&bytes), repr);
    }

    #[test]
    fn says_no_more_than_was_written_and_keeps_its_limit(repr in any_repr(), limit in 0usize..2500) {
        let (bytes, left_out) = written(&repr, limit);
        prop_assert!(bytes.len() <= limit.max(MINIMUM));
        let read = read(&bytes);
        prop_assert_eq!(read.header, repr.header);
        prop_assert_eq!(read.options.iter().count() + left_out, repr.options.iter().count());
        for (code, value) in read.options.iter() {
            prop_assert_eq!(Some(value), repr.options.value(code));
        }
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..700), options: bool) {
        let bytes = if options { message(&bytes) } else { bytes };
        if let Ok(packet) = Packet::new_checked(&bytes) {
            let repr = Repr::parse(&packet);
            let _ = (packet.message_type(), packet.address(code::SERVER_ID), repr.options.addresses(code::ROUTERS));
            let (again, left_out) = written(&repr, 65_000);
            prop_assert_eq!(left_out, 0);
            prop_assert_eq!(read(&again), repr);
        }
        let _ = (Route::decode(&bytes), RelayInformation::new(&bytes).suboption(1));
    }
}
