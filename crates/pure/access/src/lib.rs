//! Who may do what: Kubernetes' RBAC as functions, and how much of it at once.
//!
//! A [`User`] asks for something ([`Attributes`]); a [`Policy`], made from roles and bindings, allows it or does not. Nothing
//! is ever forbidden, only not allowed, so that what is left out of a policy is closed. Meanings are those of Kubernetes'
//! `rbac.authorization.k8s.io/v1`.

mod attributes;
mod defaults;
mod escalation;
mod limits;
mod policy;
mod request;
mod review;
mod rule;
mod user;

pub use attributes::{Attributes, ResourceTarget, Target};
pub use defaults::{AUTO_UPDATE, BOOTSTRAPPING, RBAC_DEFAULTS, completed, defaults};
pub use escalation::Escalation;
pub use limits::{Buckets, Rate, Shares, Taken};
pub use policy::{Decision, Policy};
pub use request::{BadPath, path_parts};
pub use review::{ReviewError, access_review, rules_review, self_review};
pub use rule::covers;
pub use user::{ANONYMOUS, AUTHENTICATED, MASTERS, UNAUTHENTICATED, User};
