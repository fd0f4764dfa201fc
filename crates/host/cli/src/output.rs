//! What is printed, as functions from what is known to text: no command prints any other way.

pub(crate) mod columns;
pub(crate) mod confirm;
pub(crate) mod describe;
pub(crate) mod diagnostics;
pub(crate) mod doctor;
pub(crate) mod drops;
pub(crate) mod events;
mod excerpt;
pub(crate) mod explain;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod yaml;
