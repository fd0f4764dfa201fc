//! Questions and what becomes of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, TXT};
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
        let query = Message::from_vec(&forwarded(SHOP, &question(of, kind)).query(99)).unwrap();
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
    let mut message = Message::from_vec(&forwarded.query(99)).unwrap();
    message.metadata.message_type = MessageType::Response;
    let of = message.queries[0].name().clone();
    message.answers = data.into_iter().map(|data| Record::from_rdata(of.clone(), 60, data)).collect();
    message
}

#[test]
fn an_answer_is_taken_if_it_is_to_the_question() {
    let forwarded = forwarded(SHOP, &question("EXAMPLE.com.", RecordType::A));
    let good = answer(&forwarded, vec![RData::A(A([8, 8, 8, 8].into()))]);
    let take = |message: &Message| forwarded.reply(99, &message.to_vec().unwrap());
    let reply = Message::from_vec(&take(&good).unwrap()).unwrap();
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
    assert_eq!(forwarded.reply(99, b"?").unwrap_err(), Unfit::NotMine);
}

#[test]
fn no_name_of_the_outside_leads_inside() {
    let code = |asker, data| {
        let forwarded = forwarded(asker, &question("rebind.example.", RecordType::A));
        let reply = forwarded.reply(99, &answer(&forwarded, vec![data]).to_vec().unwrap()).unwrap();
        let reply = Message::from_vec(&reply).unwrap();
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
        let reply = Message::from_vec(&forwarded.reply(99, &answer).unwrap()).unwrap();
        assert_eq!(
            (reply.metadata.truncation, reply.answers.is_empty()),
            (cut, cut),
            "{edns:?} {transport:?}"
        );
        assert_eq!(reply.edns.is_some(), edns.is_some());
    }
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes: Vec<u8>, mut header: [u8; 12], id: u16) {
        header[2] &= 0x7f;
        for bytes in [bytes.clone(), [header.as_slice(), &bytes].concat()] {
            match decide(&directory(), SHOP, &bytes, Transport::Udp) {
                Decision::Reply(reply) => prop_assert_eq!(&reply[..2], &bytes[..2]),
                Decision::Forward(forwarded) => drop(forwarded.reply(id, &bytes)),
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
