//! Resources as tables and as metadata alone (meta.k8s.io/v1).

use std::sync::Arc;

use madang_model::columns::{Around, Column, columns};
use madang_model::{Kind, Resource};
use serde_json::{Value, json};

use super::query::IncludeObject;
use crate::Entry;

/// The headings of the kind of these rows, as their definitions.
fn definitions(kind: Kind, columns: &[Column]) -> Vec<Value> {
    let definition = |column: &Column| {
        let name = title(column.heading);
        let format = if column.heading == "NAME" && kind != Kind::Event { "name" } else { "" };
        json!({
            "name": name,
            "type": "string",
            "format": format,
            "description": format!("{name} of the {kind}"),
            "priority": i32::from(column.wide),
        })
    };
    // Labels are shown by --show-labels.
    columns.iter().filter(|column| column.heading != "LABELS").map(definition).collect()
}

/// `NEXT HOP` as `Next Hop`: clients put headings into capitals themselves.
fn title(heading: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(1);
        format!("{first}{}", rest.to_lowercase())
    };
    heading.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A table of resources of one kind.
pub(super) fn table(kind: Kind, entries: &[Arc<Entry>], around: &Around, include: IncludeObject) -> Value {
    let rows: Vec<(Vec<Column>, &Entry)> =
        entries.iter().map(|entry| (columns(&entry.resource, around), &**entry)).collect();
    let head = match rows.first() {
        Some((columns, _)) => definitions(kind, columns),
        // Headings without rows are those of any resource of the kind.
        None => definitions(kind, &columns(&Resource::least(kind), around)),
    };
    let row = |(columns, entry): &(Vec<Column>, &Entry)| {
        let cells = columns.iter().filter(|column| column.heading != "LABELS");
        let cells: Vec<&str> = cells.map(|column| cell(&column.text)).collect();
        let mut row = json!({ "cells": cells });
        match include {
            IncludeObject::None => {}
            IncludeObject::Metadata => row["object"] = partial(&entry.resource),
            IncludeObject::Object => row["object"] = entry.resource.to_json(),
        }
        row
    };
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": head,
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn cell(text: &str) -> &str {
    if text.is_empty() { "<none>" } else { text }
}

/// A resource's metadata alone.
pub(super) fn partial(resource: &Resource) -> Value {
    let mut metadata = resource.to_json();
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata["metadata"].take(),
    })
}
