//! The shapes that are stored and sent, beside those of [`crate::runtime`].
//!
//! Resources that come from outside go through `madang_model::from_json`, which says everything that is wrong with
//! them. What is read here was checked when it came in, so it is only decoded: a rule that is new in this build must
//! not make what an older one stored unreadable.

use madang_model::Resource;
use madang_plan::Preview;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// What a bundle did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BundleResult {
    /// What changed.
    pub preview: Preview,
    /// The bundle's resources, in its order, as they are stored now.
    #[serde(with = "resources")]
    pub items: Vec<Resource>,
}

/// What `/version` answers, in Kubernetes' shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The first number.
    pub major: String,
    /// The second.
    pub minor: String,
    /// The whole version, as `v0.1.0`.
    pub git_version: String,
    /// The system and the machine, as `linux/x86_64`.
    pub platform: String,
}

impl Version {
    /// This build's.
    pub fn of_build() -> Self {
        Self {
            major: env!("CARGO_PKG_VERSION_MAJOR").to_owned(),
            minor: env!("CARGO_PKG_VERSION_MINOR").to_owned(),
            git_version: concat!("v", env!("CARGO_PKG_VERSION")).to_owned(),
            platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

/// A list as it is sent.
#[derive(Deserialize)]
pub(crate) struct SentList {
    pub(crate) metadata: SentListMetadata,
    #[serde(with = "resources")]
    pub(crate) items: Vec<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SentListMetadata {
    pub(crate) resource_version: String,
}

/// An event of a watch as it is sent: one line of JSON.
#[derive(Deserialize)]
pub(crate) struct SentEvent {
    pub(crate) r#type: String,
    pub(crate) object: Value,
}

/// Resources in the Kubernetes shape, for serde's `with`.
mod resources {
    use super::{Deserialize, Deserializer, Resource, Serializer, Value};

    pub(super) fn serialize<S: Serializer>(items: &[Resource], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(items.iter().map(Resource::to_json))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Resource>, D::Error> {
        let values = Vec::<Value>::deserialize(deserializer)?;
        values.into_iter().map(|value| Resource::decode(value).map_err(serde::de::Error::custom)).collect()
    }
}
