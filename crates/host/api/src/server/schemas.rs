//! The kinds' schemas, ready for merging.

use std::collections::HashMap;
use std::sync::LazyLock;

use madang_merge::Schema;
use madang_model::{Kind, openapi};

/// The schema of a kind.
pub(super) fn schema(kind: Kind) -> &'static Schema {
    static SCHEMAS: LazyLock<HashMap<Kind, Schema>> = LazyLock::new(|| {
        let of =
            |kind: &Kind| (*kind, Schema::new(openapi(*kind)).expect("a test reads every kind's schema"));
        Kind::ALL.iter().map(of).collect()
    });
    &SCHEMAS[&kind]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kinds_schema_can_be_read() {
        for kind in Kind::ALL {
            Schema::new(openapi(*kind)).unwrap_or_else(|error| panic!("{kind}: {error}"));
        }
    }
}
