//! The resource kinds: parsing, defaults, validation, JSON Schema.
//!
//! Text becomes [`Document`]s ([`parse`]), documents become [`Resource`]s, and a set of resources becomes a [`Model`]
//! ([`check`]), which is valid by construction: whoever holds one need not check again.

mod addresses;
mod allocate;
mod alone;
mod check;
mod diagnostic;
mod fields;
mod formats;
mod immutable;
mod metadata;
mod model;
mod origin;
mod parse;
mod references;
mod resource;
mod scalars;
mod schema;
mod shape;
mod source;
mod specs;
mod status;
mod words;
mod yaml;

pub use allocate::allocate;
pub use check::check;
pub use diagnostic::{Diagnostic, Span};
pub use immutable::immutable_changes;
pub use metadata::{Metadata, ObjectRef};
pub use model::Model;
pub use origin::origin;
pub use parse::{from_json, parse};
pub use references::refers_to;
pub use resource::{Kind, Object, Resource};
pub use scalars::is_dns_label;
pub use schema::schema;
pub use source::{Document, SourceFile, SourceMap, locate};
pub use specs::*;
pub use status::*;

/// The API group and version of every kind.
pub const API_VERSION: &str = "madang.dev/v1alpha1";
/// The one project there is so far.
pub const DEFAULT_NAMESPACE: &str = "default";
/// Annotation: the file that a resource was applied from.
pub const SOURCE_FILE: &str = "madang.dev/source-file";
/// Annotation: JSON object from a field's path (as `spec.ingress[0]`, the empty path is the document) to its line.
pub const SOURCE_LINES: &str = "madang.dev/source-lines";
