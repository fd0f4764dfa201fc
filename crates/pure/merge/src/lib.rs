//! How two documents become one.
//!
//! Three ways in which a client changes an object of the API, on plain JSON values:
//!
//! - [`merge_patch`]: JSON Merge Patch, RFC 7396.
//! - [`json_patch`]: JSON Patch, RFC 6902, with the pointers of RFC 6901.
//! - [`apply`]: server-side apply as Kubernetes has it (KEP-555). The server keeps who owns which field ([`ManagedFields`])
//!   and refuses to let one take another's by accident. After every other write, [`update`] says who owns what.
//!
//! What tells the items of a list apart, and what is owned as a whole, is in the kind's [`Schema`].
//!
//! Nothing here reads a clock or fails on what a client sends otherwise than by an error. Values are walked no deeper than
//! [`MAX_DEPTH`]: what lies deeper is one piece, or refused.

#![forbid(unsafe_code)]

mod apply;
mod combine;
mod compare;
mod conflict;
mod field_set;
mod fields_v1;
mod json_patch;
mod managed;
mod merge_patch;
mod owned;
mod path;
mod prune;
mod scalar;
mod schema;
mod scope;
mod settle;
mod shape;
#[cfg(test)]
mod testing;
mod update;

pub use apply::{ApplyError, apply};
pub use conflict::{Conflict, Conflicts, FIELD_MANAGER_CONFLICT};
pub use field_set::FieldSet;
pub use fields_v1::FieldsV1Error;
pub use json_patch::{PatchError, PatchReason, json_patch};
pub use managed::{
    ANCIENT, BEFORE_FIRST_APPLY, Entry, MAX_UPDATE_ENTRIES, ManagedFields, ManagedFieldsError, Operation,
    Write, is_manager_name,
};
pub use merge_patch::merge_patch;
pub use owned::ConfigError;
pub use path::{ParsePathElementError, Path, PathElement};
pub use scalar::{Number, Scalar};
pub use schema::{Schema, SchemaError};
pub use update::update;

/// How deep fields are told apart, and how deep a patch may make an object.
pub const MAX_DEPTH: usize = 64;
