//! The resource kinds: parsing, defaults, validation, JSON Schema.
//!
//! Text becomes [`Document`]s ([`parse`]), documents become [`Resource`]s, and a set of resources becomes a [`Model`]
//! ([`check`]), which is valid by construction: whoever holds one need not check again.

mod addresses;
mod allocate;
mod alone;
mod check;
pub mod columns;
mod core_v1;
mod diagnostic;
mod end;
mod fields;
mod formats;
mod immutable;
mod metadata;
mod model;
mod openapi;
mod origin;
mod parse;
mod rbac;
mod readiness;
mod references;
mod resource;
mod scalars;
mod schema;
mod selector;
mod shape;
mod source;
mod specs;
mod status;
mod words;
mod yaml;

pub use allocate::allocate;
pub use check::check;
pub use core_v1::*;
pub use diagnostic::{Diagnostic, Span};
pub use end::{ASSERTABLE, AssertedEnd};
pub use immutable::immutable_changes;
pub use metadata::{ManagedFieldsEntry, Metadata, ObjectRef, OwnerReference, bare, qualified};
pub use model::Model;
pub use openapi::{crd, openapi};
pub use origin::origin;
pub use parse::{from_json, parse, prune_unknown, yaml_value};
pub use rbac::*;
pub use readiness::{Readiness, readiness};
pub use references::{references_mut, refers_to};
pub use resource::{ApiGroup, Kind, Layout, Naming, Object, Resource};
pub use scalars::is_dns_label;
pub use schema::schema;
pub use selector::{FieldSelector, Selector};
pub use source::{Document, SourceFile, SourceMap, locate};
pub use specs::*;
pub use status::*;
pub use words::did_you_mean;

/// The API group and version of Madang's own kinds.
pub const API_VERSION: &str = "madang.dev/v1alpha1";
/// The project of what names none. It always exists.
pub const DEFAULT_NAMESPACE: &str = "default";
/// Annotation: the file that a resource was applied from.
pub const SOURCE_FILE: &str = "madang.dev/source-file";
/// Annotation: JSON object from a field's path (as `spec.ingress[0]`, the empty path is the document) to its line.
pub const SOURCE_LINES: &str = "madang.dev/source-lines";
/// Annotation, written by people: the name that the resource had before. In a bundle, it takes over what that one is.
pub const RENAMED_FROM: &str = "madang.dev/renamed-from";
