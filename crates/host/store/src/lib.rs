//! The resource store: one trait, an embedded engine and a double in memory.
