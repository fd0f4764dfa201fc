//! What becomes of a packet, and by which generation of the tables.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::abi::{DropReason, VerdictCode};
use crate::{PortId, UplinkId, VpcId};

/// What has been decided about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Nowhere. The frame is as it came.
    Drop(DropReason),
    /// To an instance (`bpf_redirect_peer`, or `bpf_redirect` if it is the host itself), rewritten.
    ToPort(PortId),
    /// Out of an uplink (`bpf_redirect_neigh`), rewritten but for the Ethernet addresses, which the kernel sets.
    ToUplink(UplinkId, IpAddr),
    /// Made into an answer, and back out of where it came from (`bpf_redirect`).
    Answered,
    /// Not ours: on to the host. The frame is as it came.
    ToHost,
    /// Nowhere; the frame is an ICMP error now that tells its sender so, and goes back out of where it came from.
    Refused(DropReason),
}

impl Verdict {
    /// The verdict's number.
    pub fn code(self) -> VerdictCode {
        match self {
            Self::Drop(_) => VerdictCode::Drop,
            Self::ToPort(_) => VerdictCode::ToPort,
            Self::ToUplink(..) => VerdictCode::ToUplink,
            Self::Answered => VerdictCode::Answered,
            Self::ToHost => VerdictCode::ToHost,
            Self::Refused(_) => VerdictCode::Refused,
        }
    }

    /// Why it is dropped, if it is.
    pub fn drop_reason(self) -> Option<DropReason> {
        match self {
            Self::Drop(reason) | Self::Refused(reason) => Some(reason),
            _ => None,
        }
    }
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Where it goes.
    pub verdict: Verdict,
    /// The interface index that it goes out of: 0 if dropped or passed to the host.
    pub target: u32,
}

/// Which generation of its tables each VPC is at; VPC 0 is [`crate::Tables::outside`].
///
/// The writer begins at 1 and adds 1 with every change. A VPC that is not here is at 0, where nothing is found, as in
/// the kernel's maps, whose keys hold the generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generations(pub BTreeMap<VpcId, u32>);

impl Generations {
    /// The generation of this VPC's tables.
    pub fn of(&self, vpc: VpcId) -> u32 {
        self.0.get(&vpc).copied().unwrap_or(0)
    }

    /// Makes the VPC's tables new: flows of it are decided again on their next packet.
    pub fn raise(&mut self, vpc: VpcId) {
        *self.0.entry(vpc).or_default() += 1;
    }
}
