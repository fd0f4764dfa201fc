//! What the datapath dropped, counted by where it came in and why.

use madang_model::ObjectRef;
use serde::{Deserialize, Serialize};

/// What was dropped: answer of `GET /apis/madang.dev/v1alpha1/drops`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drops {
    /// One for each origin and reason, since the interface exists; only what is not zero.
    pub items: Vec<Dropped>,
}

/// How many packets of one origin were dropped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dropped {
    /// The instance that sent them; none, if they came from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<ObjectRef>,
    /// The interface of the host that they came in at.
    pub interface: String,
    /// The drop reason's stable name, as `ingressDenied`.
    pub reason: String,
    /// What happened, for people.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// How many.
    pub packets: u64,
}
