//! Which interfaces have a filter of ours: a pin tells that we put one there, not that nobody has taken it away.

use std::collections::BTreeSet;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use rustix::io::Errno;

use super::attach::{HANDLE, PRIORITY};
use crate::error::Result;
use crate::netlink::{Mode, Purpose};
use crate::{Changes, Netlink};

/// Where the filters of packets that come in are (`TC_H_CLSACT` and `TC_H_MIN_INGRESS`).
const INGRESS: TcHandle = TcHandle { major: 0xffff, minor: 0xfff2 };

/// The filters, looked at anew only when the kernel has told of a change.
#[derive(Debug, Default)]
pub(super) struct Filters {
    changes: Option<Changes>,
    /// Those that were looked at, and whether each has its filter.
    asked: BTreeSet<u32>,
    present: BTreeSet<u32>,
}

impl Filters {
    /// Those of these interfaces that have one.
    pub(super) fn of(&mut self, interfaces: BTreeSet<u32>) -> Result<&BTreeSet<u32>> {
        if interfaces.is_empty() {
            *self = Self::default();
            return Ok(&self.present);
        }
        // After a failure they are watched anew.
        let changes = self.changes.take().map_or_else(Changes::of_filters, Ok)?;
        let begins = self.asked.is_empty();
        if changes.any() || begins || !interfaces.is_subset(&self.asked) {
            let mut netlink = Netlink::open()?;
            self.present.clear();
            for index in &interfaces {
                if has_filter(&mut netlink, *index)? {
                    self.present.insert(*index);
                }
            }
            self.asked = interfaces;
        }
        self.changes = Some(changes);
        Ok(&self.present)
    }
}

fn has_filter(netlink: &mut Netlink, index: u32) -> Result<bool> {
    let mut message = TcMessage::default();
    // The kernel's own type there is a signed one; indices are small.
    message.header.index = index.cast_signed();
    message.header.parent = INGRESS;
    let purpose = Purpose { operation: "list", subject: "the filters of an interface" };
    match netlink.request(purpose, Mode::Dump, RouteNetlinkMessage::GetTrafficFilter(message)) {
        Ok(answers) => Ok(answers.iter().any(is_ours)),
        // No such interface, or none with the queueing discipline.
        Err(error) if matches!(error.os_error(), Some(Errno::NODEV | Errno::INVAL | Errno::NOENT)) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn is_ours(answer: &RouteNetlinkMessage) -> bool {
    let RouteNetlinkMessage::NewTrafficFilter(TcMessage { header, attributes, .. }) = answer else {
        return false;
    };
    let of_bpf = |attribute: &TcAttribute| matches!(attribute, TcAttribute::Kind(kind) if kind == "bpf");
    u32::from(header.handle) == u32::from(HANDLE)
        && header.info >> 16 == u32::from(PRIORITY)
        && attributes.iter().any(of_bpf)
}
