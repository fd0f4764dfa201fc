//! A change that has to be confirmed, as it is told: what waits, and how the last one ended.

use madang_model::ObjectRef;
use madang_plan::Change;
use serde::{Deserialize, Serialize};

/// The longest time that a change can wait to be confirmed: a day.
pub const LONGEST_CONFIRMATION: u32 = 24 * 60 * 60;

/// The answer of `GET /apis/madang.dev/v1alpha1/confirmation`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confirmation {
    /// The change that waits, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// What was rolled back and is created again as soon as what it was before is gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returning: Vec<ObjectRef>,
    /// How the last one ended, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Ended>,
}

/// A change that is rolled back unless it is confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// RFC 3339: when it was made.
    pub since: String,
    /// RFC 3339: when it is rolled back.
    pub until: String,
    /// How long it was given.
    pub seconds: u32,
    /// How much of that is left.
    pub remaining_seconds: u32,
    /// What it changed.
    pub changes: Vec<Change>,
}

/// How a change that had to be confirmed ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// How.
    pub how: Ending,
    /// RFC 3339: when it was made.
    pub since: String,
    /// RFC 3339: when it ended.
    pub at: String,
    /// Why it was rolled back, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// What is again what it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restored: Vec<ObjectRef>,
    /// What the change had made, and is deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<ObjectRef>,
    /// What is created again as soon as what it was before is gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returning: Vec<ObjectRef>,
    /// What is left as it is, since somebody else has changed it meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Kept>,
}

/// How a change that had to be confirmed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// Somebody confirmed it.
    Confirmed,
    /// It was rolled back.
    RolledBack,
}

/// A resource that was not put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Which.
    pub object: ObjectRef,
    /// Why, for people.
    pub why: String,
}
