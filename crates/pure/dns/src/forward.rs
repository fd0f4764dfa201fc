//! What is asked elsewhere, and what is made of the answer.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{Name, RData};
use madang_addr::Prefix;

use crate::MAX_UDP;
use crate::answer::{Asked, bytes_of, domain};
use crate::inside::is_inside;

/// A question that is asked elsewhere.
#[derive(Clone, Debug)]
pub struct Forwarded {
    asked: Asked,
    /// The VPC's own.
    ranges: Vec<Prefix>,
}

/// Why an answer is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It answers something else: wait for the right one.
    NotMine,
    /// It has been cut: ask again over TCP.
    Truncated,
    /// The server cannot answer: ask another one.
    Failed,
}

impl Forwarded {
    pub(crate) fn new(asked: Asked, ranges: Vec<Prefix>) -> Self {
        Self { asked, ranges }
    }

    /// The question, as another server is asked it under this number.
    pub fn query(&self, id: u16) -> Vec<u8> {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.metadata.checking_disabled = self.asked.checking_disabled;
        message.queries = vec![self.asked.query.clone()];
        let mut edns = Edns::new();
        edns.set_max_payload(MAX_UDP).set_dnssec_ok(self.asked.edns == Some(true));
        message.edns = Some(edns);
        bytes_of(&message)
    }

    /// The reply, made of what another server answered under this number.
    ///
    /// # Errors
    /// It is no answer to this question, or none to be taken.
    pub fn reply(&self, id: u16, answer: &[u8]) -> Result<Vec<u8>, Unfit> {
        let answer = Message::from_vec(answer).map_err(|_| Unfit::NotMine)?;
        let head = &answer.metadata;
        let mine = head.message_type == MessageType::Response
            && head.id == id
            && head.op_code == OpCode::Query
            && answer.queries.as_slice() == [self.asked.query.clone()];
        if !mine {
            return Err(Unfit::NotMine);
        }
        if head.truncation {
            return Err(Unfit::Truncated);
        }
        if ![ResponseCode::NoError, ResponseCode::NXDomain].contains(&head.response_code) {
            return Err(Unfit::Failed);
        }
        if answer.all_sections().any(|record| self.leads_inside(&record.data)) {
            return Ok(self.asked.refuse(ResponseCode::Refused));
        }
        let mut message = self.asked.message(head.response_code);
        message.metadata.authentic_data = head.authentic_data;
        (message.answers, message.authorities) = (answer.answers, answer.authorities);
        message.additionals = answer.additionals;
        Ok(self.asked.write(message))
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
            RData::A(a) => inside(a.0.into()),
            RData::AAAA(aaaa) => inside(aaaa.0.into()),
            _ => false,
        }
    }
}
