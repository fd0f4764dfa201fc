//! Questions and what becomes of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::svcb::{IpHint, SVCB, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, HTTPS, MX, SOA, SRV, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use proptest::prelude::*;

use crate::*;

const SHOP: u32 = 11;
const LAB: u32 = 12;

fn directory() -> Directory {
    let zone = |vpc: &str, range: &str, hosts: &[(&str, &str)]| Zone {
        domain: format!("{vpc}.internal"),
        ranges: vec![range.parse().unwrap()],
        hosts: hosts.iter().map(|(name, to)| ((*name).to_owned(), to.parse().unwrap())).collect(),
    };
    let shop = zone("shop", "10.0.0.0/16", &[("web-1", "10.0.1.4"), ("db", "10.0.2.4")]);
    let lab = zone("lab", "198.51.100.0/24", &[("web-1", "198.51.100.9"), ("probe", "198.51.100.10")]);
    Directory { askers: BTreeMap::from([(SHOP, 1), (LAB, 2)]), zones: BTreeMap::from([(1, shop), (2, lab)]) }
}

fn name(text: &str) -> Name {
    Name::from_str(text).unwrap()
}

fn question(of: &str, kind: RecordType) -> Message {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.queries = vec![Query::query(name(of), kind)];
    message
}

fn asked(asker: u32, message: &Message, transport: Transport) -> Decision {
    decide(&directory(), asker, &message.to_vec().unwrap(), transport)
}

/// What is answered here and now.
fn answered(asker: u32, message: &Message) -> Message {
    match asked(asker, message, Transport::Udp) {
        Decision::Reply(bytes) => {
            let reply = Message::from_vec(&bytes).unwrap();
            assert_eq!((reply.metadata.id, reply.metadata.message_type), (7, MessageType::Response));
            reply
        }
        other => panic!("{other:?}"),
    }
}

fn forwarded(asker: u32, message: &Message) -> Forwarded {
    match asked(asker, message, Transport::Udp) {
        Decision::Forward(forwarded) => *forwarded,
        other => panic!("{other:?}"),
    }
}

/// The code, and the answers as text.
fn says(asker: u32, of: &str, kind: RecordType) -> (ResponseCode, Vec<String>) {
    let reply = answered(asker, &question(of, kind));
    let records = reply.answers.iter().map(|record| record.data.to_string()).collect();
    (reply.metadata.response_code, records)
}

#[test]
fn each_vpc_has_its_own_names_both_ways() {
    use RecordType::{A, AAAA, ANY, PTR};
    let found = |text: &str| (ResponseCode::NoError, vec![text.to_owned()]);
    let nothing = |code| (code, Vec::new());
    assert_eq!(says(SHOP, "web-1.shop.internal.", A), found("10.0.1.4"));
    assert_eq!(says(SHOP, "WEB-1.Shop.Internal.", ANY), found("10.0.1.4"));
    assert_eq!(says(LAB, "web-1.lab.internal.", A), found("198.51.100.9"));
    assert_eq!(says(SHOP, "web-1.shop.internal.", AAAA), nothing(ResponseCode::NoError));
    assert_eq!(says(SHOP, "internal.", A), nothing(ResponseCode::NoError));
    for other in ["probe.lab.internal.", "lab.internal.", "nobody.shop.internal.", "a.web-1.shop.internal."] {
        assert_eq!(says(SHOP, other, A), nothing(ResponseCode::NXDomain), "{other}");
    }
    assert_eq!(says(SHOP, "4.1.0.10.in-addr.arpa.", PTR), found("web-1.shop.internal."));
    assert_eq!(says(LAB, "9.100.51.198.in-addr.arpa.", PTR), found("web-1.lab.internal."));
    for other in ["5.1.0.10.in-addr.arpa.", "1.0.168.192.in-addr.arpa.", "1.0.0.127.in-addr.arpa."] {
        assert_eq!(says(SHOP, other, PTR), nothing(ResponseCode::NXDomain), "{other}");
    }
    assert_eq!(says(SHOP, "localhost.", A), found("127.0.0.1"));
    assert_eq!(says(SHOP, "a.localhost.", AAAA), found("::1"));
    let absent = answered(SHOP, &question("nobody.shop.internal.", A));
    assert!(absent.metadata.authoritative);
    assert_eq!(
        absent.authorities[0].record_type(),
        RecordType::SOA,
        "so that absence can be kept (RFC 2308)"
    );
    let unknown = asked(99, &question("web-1.shop.internal.", A), Transport::Udp);
    assert!(matches!(unknown, Decision::Ignore), "who is not known");
    for part in ["1.0.10.in-addr.arpa.", "10.in-addr.arpa."] {
        assert_eq!(says(SHOP, part, PTR), nothing(ResponseCode::NoError), "{part}");
    }
}

#[test]
fn all_else_is_asked_elsewhere() {
    for (of, kind) in [
        ("example.com.", RecordType::A),
        ("example.com.", RecordType::HTTPS),
        ("9.100.51.198.in-addr.arpa.", RecordType::PTR),
        ("internal.example.", RecordType::A),
        (".", RecordType::NS),
        ("in-addr.arpa.", RecordType::NS),
        ("ip6.arpa.", RecordType::NS),
    ] {
        let query = Message::from_vec(&forwarded(SHOP, &question(of, kind)).query(99, true)).unwrap();
        assert_eq!((query.metadata.id, query.metadata.recursion_desired), (99, true));
        assert_eq!(query.queries, [Query::query(name(of), kind)]);
        assert_eq!(query.edns.unwrap().max_payload(), MAX_UDP);
    }
    let mut iterative = question("example.com.", RecordType::A);
    iterative.metadata.recursion_desired = false;
    assert_eq!(answered(SHOP, &iterative).metadata.response_code, ResponseCode::Refused);
}

#[test]
fn what_is_no_proper_question_is_refused_or_ignored() {
    let code = |message: &Message| answered(SHOP, message).metadata.response_code;
    let proper = question("web-1.shop.internal.", RecordType::A);
    let mut two = proper.clone();
    two.queries.push(proper.queries[0].clone());
    assert_eq!(code(&two), ResponseCode::FormErr);
    let mut none = proper.clone();
    none.queries.clear();
    assert_eq!(code(&none), ResponseCode::FormErr);
    let mut chaos = proper.clone();
    chaos.queries[0].query_class = DNSClass::CH;
    assert_eq!(code(&chaos), ResponseCode::Refused);
    let mut update = proper.clone();
    update.metadata.op_code = OpCode::Update;
    assert_eq!(code(&update), ResponseCode::NotImp);
    let mut newer = proper.clone();
    newer.edns.insert(Edns::new()).set_version(1);
    // BADVERS and BADSIG are the same number.
    assert_eq!(u16::from(code(&newer)), 16);
    assert_eq!(code(&question("shop.internal.", RecordType::AXFR)), ResponseCode::Refused);
    let mut answer = proper.clone();
    answer.metadata.message_type = MessageType::Response;
    assert!(matches!(asked(SHOP, &answer, Transport::Udp), Decision::Ignore));
    assert!(matches!(decide(&directory(), SHOP, &[0; 11], Transport::Udp), Decision::Ignore));
    let whole = proper.to_vec().unwrap();
    let Decision::Reply(cut) = decide(&directory(), SHOP, &whole[..20], Transport::Udp) else { panic!() };
    assert_eq!(Message::from_vec(&cut).unwrap().metadata.response_code, ResponseCode::FormErr);
}

/// What another server answers.
fn answer(forwarded: &Forwarded, data: Vec<RData>) -> Message {
    let mut message = Message::from_vec(&forwarded.query(99, true)).unwrap();
    message.metadata.message_type = MessageType::Response;
    let of = message.queries[0].name().clone();
    message.answers = data.into_iter().map(|data| Record::from_rdata(of.clone(), 60, data)).collect();
    message
}

#[test]
fn an_answer_is_taken_if_it_is_to_the_question() {
    let forwarded = forwarded(SHOP, &question("EXAMPLE.com.", RecordType::A));
    let good = answer(&forwarded, vec![RData::A(A([8, 8, 8, 8].into()))]);
    let take = |message: &Message| forwarded.fits(99, true, &message.to_vec().unwrap());
    assert_eq!(take(&good), Ok(()));
    let reply = Message::from_vec(&forwarded.reply(&good.to_vec().unwrap(), 45)).unwrap();
    assert_eq!(reply.answers[0].ttl, 60 - 45, "it was kept for a while");
    let reply_of = |ttl: u32| Message::from_vec(&forwarded.reply(&good.to_vec().unwrap(), ttl)).unwrap();
    assert_eq!(reply_of(99).answers[0].ttl, 0);
    assert_eq!((reply.metadata.id, reply.answers.len(), reply.edns.is_none()), (7, 1, true));
    assert!(reply.queries[0].name().eq_case(&name("EXAMPLE.com.")));
    let mut cases = vec![(good.clone(), Unfit::NotMine); 4];
    cases[0].0.metadata.id = 98;
    cases[1].0.queries[0].name = name("other.com.");
    cases[2].0.metadata.message_type = MessageType::Query;
    cases[3].0.queries.clear();
    let mut cut = good.clone();
    cut.metadata.truncation = true;
    let mut broken = good.clone();
    broken.metadata.response_code = ResponseCode::ServFail;
    for (message, unfit) in cases.into_iter().chain([(cut, Unfit::Truncated), (broken, Unfit::Failed)]) {
        assert_eq!(take(&message).unwrap_err(), unfit, "{message}");
    }
    assert_eq!(forwarded.fits(99, true, b"?").unwrap_err(), Unfit::NotMine);
    // What was cut in the middle of a record, and who has not heard of EDNS.
    let mut bytes = good.to_vec().unwrap();
    bytes.truncate(bytes.len() - 13);
    assert_eq!(forwarded.fits(99, true, &bytes).unwrap_err(), Unfit::Failed);
    bytes[2] |= 2;
    assert_eq!(forwarded.fits(99, true, &bytes).unwrap_err(), Unfit::Truncated);
    let mut unknown = Message::response(99, OpCode::Query);
    unknown.metadata.response_code = ResponseCode::FormErr;
    let unknown = unknown.to_vec().unwrap();
    assert_eq!(forwarded.fits(99, true, &unknown).unwrap_err(), Unfit::Extended);
    assert_eq!(forwarded.fits(99, false, &unknown).unwrap_err(), Unfit::NotMine);
    assert!(Message::from_vec(&forwarded.query(99, false)).unwrap().edns.is_none());
}

#[test]
fn no_name_of_the_outside_leads_inside() {
    let code = |asker, data| {
        let forwarded = forwarded(asker, &question("rebind.example.", RecordType::A));
        let mut answer = answer(&forwarded, vec![data]);
        answer.metadata.authentic_data = true;
        let reply = forwarded.reply(&answer.to_vec().unwrap(), 0);
        let reply = Message::from_vec(&reply).unwrap();
        assert!(!reply.metadata.authentic_data, "nobody here knows");
        assert!(reply.metadata.response_code == ResponseCode::NoError || reply.answers.is_empty());
        reply.metadata.response_code
    };
    let v4 = |text: &str| RData::A(A(text.parse().unwrap()));
    let v6 = |text: &str| RData::AAAA(AAAA(text.parse().unwrap()));
    let cname = |to: &str| RData::CNAME(CNAME(name(to)));
    assert_eq!(code(SHOP, cname("db.shop.internal.")), ResponseCode::Refused, "whose address we would tell");
    assert_eq!(code(SHOP, cname("good.example.")), ResponseCode::NoError);
    assert_eq!(code(SHOP, v4("8.8.8.8")), ResponseCode::NoError);
    assert_eq!(
        code(SHOP, v4("198.51.100.9")),
        ResponseCode::NoError,
        "another VPC's range means nothing here"
    );
    let hint = |address: &str| {
        let hint = SvcParamValue::Ipv4Hint(IpHint(vec![A(address.parse().unwrap())]));
        RData::HTTPS(HTTPS(SVCB::new(1, name("."), vec![(SvcParamKey::Ipv4Hint, hint)])))
    };
    assert_eq!(code(SHOP, hint("8.8.8.8")), ResponseCode::NoError);
    assert_eq!(code(SHOP, hint("10.0.1.4")), ResponseCode::Refused);
    assert_eq!(code(SHOP, RData::MX(MX::new(1, name("db.shop.internal.")))), ResponseCode::Refused);
    assert_eq!(code(SHOP, RData::SRV(SRV::new(1, 1, 1, name("localhost.")))), ResponseCode::Refused);
    for data in
        [v4("10.0.1.4"), v4("192.168.1.1"), v4("127.0.0.1"), v4("169.254.169.254"), v6("::1"), v6("fd00::1")]
    {
        assert_eq!(code(SHOP, data.clone()), ResponseCode::Refused, "{data}");
    }
    assert_eq!(code(LAB, v4("198.51.100.9")), ResponseCode::Refused, "the VPC's own range");
}

#[test]
fn what_is_too_large_is_asked_again_over_tcp() {
    let text = RData::TXT(TXT::new(vec!["x".repeat(200); 4]));
    for (edns, transport, cut) in [
        (None, Transport::Udp, true),
        (Some(4096), Transport::Udp, false),
        (Some(600), Transport::Udp, true),
        (None, Transport::Tcp, false),
    ] {
        let mut message = question("large.example.", RecordType::TXT);
        if let Some(size) = edns {
            message.edns.insert(Edns::new()).set_max_payload(size);
        }
        let Decision::Forward(forwarded) = asked(SHOP, &message, transport) else { panic!() };
        let answer = answer(&forwarded, vec![text.clone()]).to_vec().unwrap();
        let reply = Message::from_vec(&forwarded.reply(&answer, 0)).unwrap();
        assert_eq!(
            (reply.metadata.truncation, reply.answers.is_empty()),
            (cut, cut),
            "{edns:?} {transport:?}"
        );
        assert_eq!(reply.edns.is_some(), edns.is_some());
    }
}

#[test]
fn answers_are_kept_as_long_as_they_say() {
    let ask = question("example.com.", RecordType::A);
    let forwarded = forwarded(SHOP, &ask);
    let mut some = answer(&forwarded, vec![RData::A(A([8, 8, 8, 8].into())); 2]);
    some.answers[1].ttl = 7;
    assert_eq!(lifetime(&some.to_vec().unwrap()), 7);
    let mut none = answer(&forwarded, Vec::new());
    assert_eq!(lifetime(&none.to_vec().unwrap()), 0, "nobody says how long");
    let start = SOA::new(name("ns."), name("root."), 1, 1, 1, 1, 30);
    none.authorities = vec![Record::from_rdata(name("com."), 900, RData::SOA(start))];
    assert_eq!(lifetime(&none.to_vec().unwrap()), 30);
    assert_eq!(lifetime(b"?"), 0);

    // What another VPC has asked is not known from it.
    let Decision::Forward(lab) = asked(LAB, &ask, Transport::Tcp) else { panic!() };
    assert_ne!(forwarded.key(), lab.key());
    let Decision::Forward(same) = asked(SHOP, &question("Example.COM.", RecordType::A), Transport::Tcp)
    else {
        panic!()
    };
    assert_eq!(forwarded.key(), same.key());
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes: Vec<u8>, mut header: [u8; 12], id: u16) {
        header[2] &= 0x7f;
        for bytes in [bytes.clone(), [header.as_slice(), &bytes].concat()] {
            match decide(&directory(), SHOP, &bytes, Transport::Udp) {
                Decision::Reply(reply) => prop_assert_eq!(&reply[..2], &bytes[..2]),
                Decision::Forward(forwarded) => {
                    let _ = forwarded.fits(id, true, &bytes);
                    let _ = forwarded.reply(&bytes, lifetime(&bytes));
                }
                Decision::Ignore => {}
            }
        }
    }

    #[test]
    fn changed_bytes_do_no_harm(at in 0usize..60, to: u8, kind: u16) {
        let mut bytes = question("web-1.shop.internal.", RecordType::from(kind)).to_vec().unwrap();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = to;
        }
        let address = IpAddr::from([10, 0, 2, 4]);
        if let Decision::Reply(reply) = decide(&directory(), SHOP, &bytes, Transport::Udp) {
            let reply = Message::from_vec(&reply).unwrap();
            prop_assert!(reply.answers.iter().all(|record| record.data.ip_addr() != Some(address)));
        }
    }
}
