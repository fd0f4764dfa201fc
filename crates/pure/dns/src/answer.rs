//! What becomes of a message that somebody sends.

use std::net::IpAddr;
use std::str::FromStr;

use hickory_proto::op::{Edns, Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, PTR, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use crate::directory::{Directory, Zone};
use crate::forward::Forwarded;
use crate::inside::is_asked_here;
use crate::{MAX_UDP, NEGATIVE_TTL, TTL};

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram: what is too large is cut, and asked again over TCP.
    Udp,
    /// In a stream.
    Tcp,
}

/// What becomes of a message.
#[derive(Clone, Debug)]
pub enum Decision {
    /// It is answered with this.
    Reply(Vec<u8>),
    /// It is asked elsewhere.
    Forward(Box<Forwarded>),
    /// It is no question: nothing is said.
    Ignore,
}

/// What becomes of a message from the instance whose port has this index.
pub fn decide(directory: &Directory, asker: u32, bytes: &[u8], transport: Transport) -> Decision {
    let asked = match Asked::read(bytes, transport) {
        Ok(asked) => asked,
        Err(Some(refusal)) => return Decision::Reply(refusal),
        Err(None) => return Decision::Ignore,
    };
    // Nobody, or somebody so new that nothing is known yet: who asks again is told then.
    let Some((vpc, zone)) = directory.zone(asker) else { return Decision::Ignore };
    match found(zone, &asked.query) {
        Found::Here(answers) => Decision::Reply(asked.reply(ResponseCode::NoError, answers, None)),
        Found::NoData(of) => {
            Decision::Reply(asked.reply(ResponseCode::NoError, Vec::new(), Some(authority(of))))
        }
        Found::NoName(of) => {
            Decision::Reply(asked.reply(ResponseCode::NXDomain, Vec::new(), Some(authority(of))))
        }
        Found::Refused => Decision::Reply(asked.refuse(ResponseCode::Refused)),
        // Who does not want us to ask others gets what we have: nothing.
        Found::Elsewhere if !asked.recursion => Decision::Reply(asked.refuse(ResponseCode::Refused)),
        Found::Elsewhere => Decision::Forward(Box::new(Forwarded::new(asked, vpc, zone.ranges.clone()))),
    }
}

/// A question, and how it is to be answered.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) id: u16,
    pub(crate) query: Query,
    pub(crate) recursion: bool,
    pub(crate) checking_disabled: bool,
    /// None, if the asker does not know of EDNS; else whether it wants DNSSEC's records.
    pub(crate) edns: Option<bool>,
    /// The longest answer, in bytes.
    pub(crate) limit: usize,
}

impl Asked {
    /// The question in a message; else what is said about it, if anything.
    fn read(bytes: &[u8], transport: Transport) -> Result<Self, Option<Vec<u8>>> {
        let header = Header::read(&mut BinDecoder::new(bytes)).map_err(|_| None)?.metadata;
        // Two servers that answer each other's answers would never end.
        if header.message_type != MessageType::Query {
            return Err(None);
        }
        let refusal = |code| Some(bytes_of(&Message::error_msg(header.id, header.op_code, code)));
        if header.op_code != OpCode::Query {
            return Err(refusal(ResponseCode::NotImp));
        }
        let message = Message::from_vec(bytes).map_err(|_| refusal(ResponseCode::FormErr))?;
        let [query] = message.queries.as_slice() else { return Err(refusal(ResponseCode::FormErr)) };
        let limit = match (transport, &message.edns) {
            (Transport::Tcp, _) => usize::from(u16::MAX),
            (Transport::Udp, None) => 512,
            (Transport::Udp, Some(edns)) => usize::from(edns.max_payload().clamp(512, MAX_UDP)),
        };
        let asked = Self {
            id: header.id,
            query: query.clone(),
            recursion: header.recursion_desired,
            checking_disabled: header.checking_disabled,
            edns: message.edns.as_ref().map(|edns| edns.flags().dnssec_ok),
            limit,
        };
        if message.edns.is_some_and(|edns| edns.version() != 0) {
            return Err(Some(asked.refuse(ResponseCode::BADVERS)));
        }
        if query.query_class() != DNSClass::IN {
            return Err(Some(asked.refuse(ResponseCode::Refused)));
        }
        Ok(asked)
    }

    /// An answer without records.
    pub(crate) fn refuse(&self, code: ResponseCode) -> Vec<u8> {
        self.write(self.message(code))
    }

    fn reply(&self, code: ResponseCode, answers: Vec<Record>, authority: Option<Record>) -> Vec<u8> {
        let mut message = self.message(code);
        message.metadata.authoritative = true;
        message.answers = answers;
        message.authorities = authority.into_iter().collect();
        self.write(message)
    }

    /// An answer, as far as it does not depend on what was found.
    pub(crate) fn message(&self, code: ResponseCode) -> Message {
        let mut message = Message::response(self.id, OpCode::Query);
        message.metadata.recursion_desired = self.recursion;
        message.metadata.recursion_available = true;
        message.metadata.checking_disabled = self.checking_disabled;
        message.metadata.response_code = code;
        message.queries = vec![self.query.clone()];
        message.edns = self.edns.map(|dnssec_ok| {
            let mut edns = Edns::new();
            edns.set_max_payload(MAX_UDP).set_dnssec_ok(dnssec_ok).set_rcode_high(code.high());
            edns
        });
        message
    }

    /// Its bytes: if they are too many, the question alone, and that it is to be asked over TCP; if it was, that it failed.
    pub(crate) fn write(&self, mut message: Message) -> Vec<u8> {
        let whole = bytes_of(&message);
        if whole.len() <= self.limit && !whole.is_empty() {
            return whole;
        }
        let last = self.limit >= usize::from(u16::MAX);
        message.metadata.truncation = !last;
        if last {
            message.metadata.response_code = ResponseCode::ServFail;
        }
        for section in [&mut message.answers, &mut message.authorities, &mut message.additionals] {
            section.clear();
        }
        bytes_of(&message)
    }
}

/// Nothing that was read cannot be written; if it were so, an empty message is sent, which nobody takes for an answer.
pub(crate) fn bytes_of(message: &Message) -> Vec<u8> {
    message.to_vec().unwrap_or_default()
}

/// What is known of a question.
enum Found {
    Here(Vec<Record>),
    /// The name is there, and has nothing of this type; and of which zone it is.
    NoData(Name),
    /// There is no such name in this zone.
    NoName(Name),
    Refused,
    Elsewhere,
}

fn found(zone: &Zone, query: &Query) -> Found {
    let (name, kind) = (query.name(), query.query_type());
    if [RecordType::AXFR, RecordType::IXFR].contains(&kind) {
        return Found::Refused;
    }
    let internal = domain("internal");
    if internal.zone_of(name) {
        let own = domain(&zone.domain);
        // Every other name below it is another VPC's, or nobody's: nobody outside knows it, nor learns that it was asked.
        return if own.zone_of(name) {
            in_zone(zone, own, name, kind)
        } else if name.num_labels() == internal.num_labels() {
            // Something is below it (RFC 8020).
            Found::NoData(internal)
        } else {
            Found::NoName(internal)
        };
    }
    let localhost = domain("localhost");
    if localhost.zone_of(name) {
        let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
        return addresses(name, kind, &loopback, localhost);
    }
    // An address alone; what stands for a whole range is asked elsewhere.
    let Ok(net) = name.parse_arpa_name() else { return Found::Elsewhere };
    let address = net.trunc().addr();
    if !zone.has(address) && !is_asked_here(address) {
        return Found::Elsewhere;
    }
    match net.prefix_len() {
        length if length == net.max_prefix_len() => reverse(zone, name, kind, address),
        // More than what is inside.
        0..8 => Found::Elsewhere,
        // Something may be below it (RFC 8020).
        _ => Found::NoData(name.clone()),
    }
}

fn in_zone(zone: &Zone, own: Name, name: &Name, kind: RecordType) -> Found {
    if name.num_labels() == own.num_labels() {
        return match kind {
            RecordType::SOA => Found::Here(vec![authority(own)]),
            _ => Found::NoData(own),
        };
    }
    let label = name.iter().next().and_then(|label| std::str::from_utf8(label).ok()).unwrap_or_default();
    let host = zone.hosts.get(&label.to_ascii_lowercase());
    match host.filter(|_| name.num_labels() == own.num_labels() + 1) {
        Some(address) => addresses(name, kind, &[*address], own),
        None => Found::NoName(own),
    }
}

/// Those of the addresses that are of the type.
fn addresses(name: &Name, kind: RecordType, addresses: &[IpAddr], zone: Name) -> Found {
    let record = |address: &IpAddr| match (kind, address) {
        (RecordType::A | RecordType::ANY, IpAddr::V4(v4)) => Some(RData::A(A(*v4))),
        (RecordType::AAAA | RecordType::ANY, IpAddr::V6(v6)) => Some(RData::AAAA(AAAA(*v6))),
        _ => None,
    };
    let records: Vec<_> =
        addresses.iter().filter_map(record).map(|data| Record::from_rdata(name.clone(), TTL, data)).collect();
    if records.is_empty() { Found::NoData(zone) } else { Found::Here(records) }
}

fn reverse(zone: &Zone, name: &Name, kind: RecordType, address: IpAddr) -> Found {
    let Some(host) = zone.name_of(address).filter(|_| zone.has(address)) else {
        return Found::NoName(name.clone());
    };
    if ![RecordType::PTR, RecordType::ANY].contains(&kind) {
        return Found::NoData(name.clone());
    }
    let target = domain(&format!("{host}.{}", zone.domain));
    Found::Here(vec![Record::from_rdata(name.clone(), TTL, RData::PTR(PTR(target)))])
}

/// Who answers for a zone, and how long it may be kept that something is not there.
fn authority(zone: Name) -> Record {
    let (server, keeper) = (domain("ns.internal"), domain("hostmaster.internal"));
    let start = SOA::new(server, keeper, 1, 3600, 600, 86_400, NEGATIVE_TTL);
    Record::from_rdata(zone, NEGATIVE_TTL, RData::SOA(start))
}

/// A name that is right by construction; the root, if it were not.
pub(crate) fn domain(text: &str) -> Name {
    let mut name = Name::from_str(text).unwrap_or_else(|_| Name::root());
    name.set_fqdn(true);
    name
}
