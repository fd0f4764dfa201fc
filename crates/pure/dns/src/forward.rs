//! What is asked elsewhere, and what is made of the answer.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Header, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::HTTPS;
use hickory_proto::rr::rdata::svcb::SvcParamValue;
use hickory_proto::rr::{LowerName, Name, RData, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use madang_addr::Prefix;

use crate::MAX_UDP;
use crate::answer::{Asked, bytes_of, domain};
use crate::inside::is_inside;

/// The longest that an answer is kept, and that it is kept that there is none, in seconds (RFC 8767, RFC 2308).
const LONGEST: u32 = 86_400;
const LONGEST_NEGATIVE: u32 = 300;

/// A question that is asked elsewhere.
#[derive(Clone, Debug)]
pub struct Forwarded {
    asked: Asked,
    /// The number of the VPC that asks, and its own ranges.
    vpc: u32,
    ranges: Vec<Prefix>,
}

/// What is the same of questions that have the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    vpc: u32,
    name: LowerName,
    kind: RecordType,
    dnssec: bool,
    checking_disabled: bool,
}

/// Why an answer is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It answers something else: wait for the right one.
    NotMine,
    /// It has been cut: ask again over TCP.
    Truncated,
    /// The server does not know of EDNS: ask again without (RFC 6891 section 7).
    Extended,
    /// The server cannot answer: ask another one.
    Failed,
}

impl Forwarded {
    pub(crate) fn new(asked: Asked, vpc: u32, ranges: Vec<Prefix>) -> Self {
        Self { asked, vpc, ranges }
    }

    /// What answers to it are known by.
    pub fn key(&self) -> Key {
        let (name, kind) = (LowerName::new(self.asked.query.name()), self.asked.query.query_type());
        let (dnssec, checking_disabled) = (self.asked.edns == Some(true), self.asked.checking_disabled);
        Key { vpc: self.vpc, name, kind, dnssec, checking_disabled }
    }

    /// The question, as another server is asked it under this number, with EDNS or without.
    pub fn query(&self, id: u16, extended: bool) -> Vec<u8> {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.metadata.checking_disabled = self.asked.checking_disabled;
        message.queries = vec![self.asked.query.clone()];
        message.edns = extended.then(|| {
            let mut edns = Edns::new();
            edns.set_max_payload(MAX_UDP).set_dnssec_ok(self.asked.edns == Some(true));
            edns
        });
        bytes_of(&message)
    }

    /// Whether another server's answer under this number is one to this question.
    ///
    /// # Errors
    /// It is none, or none to be taken.
    pub fn fits(&self, id: u16, extended: bool, answer: &[u8]) -> Result<(), Unfit> {
        let head = Header::read(&mut BinDecoder::new(answer)).map_err(|_| Unfit::NotMine)?.metadata;
        if head.message_type != MessageType::Response || head.id != id || head.op_code != OpCode::Query {
            return Err(Unfit::NotMine);
        }
        // Who does not understand a question need not repeat it.
        if extended && [ResponseCode::FormErr, ResponseCode::NotImp].contains(&head.response_code) {
            return Err(Unfit::Extended);
        }
        // What has been cut may end anywhere.
        let message = Message::from_vec(answer)
            .map_err(|_| if head.truncation { Unfit::Truncated } else { Unfit::Failed })?;
        if message.queries.as_slice() != [self.asked.query.clone()] {
            return Err(Unfit::NotMine);
        }
        if head.truncation {
            return Err(Unfit::Truncated);
        }
        let says = [ResponseCode::NoError, ResponseCode::NXDomain].contains(&message.metadata.response_code);
        if says { Ok(()) } else { Err(Unfit::Failed) }
    }

    /// The reply, made of an answer that fits and is some seconds old. That it is authentic nobody here can know.
    pub fn reply(&self, answer: &[u8], age: u32) -> Vec<u8> {
        let Ok(mut answer) = Message::from_vec(answer) else { return self.failed() };
        if answer.all_sections().any(|record| self.leads_inside(&record.data)) {
            return self.asked.refuse(ResponseCode::Refused);
        }
        for section in [&mut answer.answers, &mut answer.authorities, &mut answer.additionals] {
            section.iter_mut().for_each(|record| record.ttl = record.ttl.saturating_sub(age));
        }
        let mut message = self.asked.message(answer.metadata.response_code);
        (message.answers, message.authorities) = (answer.answers, answer.authorities);
        message.additionals = answer.additionals;
        self.asked.write(message)
    }

    /// The reply if nobody gave an answer.
    pub fn failed(&self) -> Vec<u8> {
        self.asked.refuse(ResponseCode::ServFail)
    }

    /// The reply if there is no room for another question.
    pub fn refused(&self) -> Vec<u8> {
        self.asked.refuse(ResponseCode::Refused)
    }

    fn leads_inside(&self, data: &RData) -> bool {
        let inside =
            |address: IpAddr| is_inside(address) || self.ranges.iter().any(|range| range.contains(address));
        let ours = |name: &Name| ["internal", "localhost"].iter().any(|zone| domain(zone).zone_of(name));
        match data {
            // Whose address it is would be asked here.
            RData::CNAME(name) => ours(name),
            RData::MX(mx) => ours(&mx.exchange),
            RData::SRV(srv) => ours(&srv.target),
            RData::SVCB(svcb) | RData::HTTPS(HTTPS(svcb)) => {
                ours(&svcb.target_name)
                    || svcb.svc_params.iter().any(|(_, value)| match value {
                        SvcParamValue::Ipv4Hint(hint) => hint.0.iter().any(|a| inside(a.0.into())),
                        SvcParamValue::Ipv6Hint(hint) => hint.0.iter().any(|aaaa| inside(aaaa.0.into())),
                        _ => false,
                    })
            }
            RData::A(a) => inside(a.0.into()),
            RData::AAAA(aaaa) => inside(aaaa.0.into()),
            _ => false,
        }
    }
}

/// How many seconds an answer may be kept: as long as the shortest of its records; that there is none, as long as the zone
/// says (RFC 2308 section 5). 0: it may not.
pub fn lifetime(answer: &[u8]) -> u32 {
    let Ok(message) = Message::from_vec(answer) else { return 0 };
    let shortest = message.all_sections().map(|record| record.ttl).min();
    let negative = message.answers.is_empty();
    let by_zone = message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(soa.minimum),
        _ => None,
    });
    match (negative, by_zone, shortest) {
        (false, _, Some(shortest)) => shortest.min(LONGEST),
        (true, Some(minimum), Some(shortest)) => shortest.min(minimum).min(LONGEST_NEGATIVE),
        _ => 0,
    }
}
