//! How long an apply takes on an object of 3 KB with three managers: `cargo bench -p madang-merge`.

#![expect(clippy::print_stdout, reason = "a measurement")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use madang_merge::{ManagedFields, Schema, Write, apply, update};
use serde_json::{Value, json};

const ROUNDS: u32 = 2_000;

fn main() {
    let schema = schema();
    let (live, managed) = object(&schema);
    println!(
        "object {} bytes, {} of managed fields in {} entries, {} paths",
        live.to_string().len(),
        managed.to_value().to_string().len(),
        managed.entries().len(),
        managed.entries().iter().map(|entry| entry.fields.len()).sum::<usize>()
    );
    let same = config(0);
    let other = config(1);
    let mut changed = live.clone();
    changed["spec"]["mtu"] = json!(9000);
    let by = |manager| Write { manager, api_version: "v1", subresource: None, now: "2025-01-01T00:00:09Z" };
    timed("apply, nothing changes", || {
        drop(black_box(apply(&schema, Some(&live), &managed, &same, &by("gitops"), false)))
    });
    timed("apply, every rule changes", || {
        drop(black_box(apply(&schema, Some(&live), &managed, &other, &by("gitops"), false)));
    });
    timed("apply, nothing said any more", || {
        drop(black_box(apply(&schema, Some(&live), &managed, &json!({}), &by("gitops"), false)));
    });
    timed("apply, only conflicts", || {
        drop(black_box(apply(&schema, Some(&live), &managed, &other, &by("other"), false)));
    });
    timed("update, one field", || {
        drop(black_box(update(&schema, Some(&live), &managed, &changed, &by("kubectl-edit"))))
    });
    let stored = managed.to_value();
    timed("owners from JSON", || drop(black_box(ManagedFields::from_value(&stored))));
    timed("owners to JSON", || drop(black_box(managed.to_value())));
}

fn timed(what: &str, mut run: impl FnMut()) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |hundredths: usize| times[times.len() * hundredths / 100];
    println!("{what}: best {:.1?}, median {:.1?}, 99th of 100 {:.1?}", times[0], at(50), at(99));
}

/// A security group with 24 rules, as one manager applies it.
fn config(more: u16) -> Value {
    let rule = |n: u16| {
        json!({
            "name": format!("rule-{n}"),
            "protocol": "tcp",
            "ports": [8000 + n + more, 9000 + n],
            "from": [format!("10.{n}.0.0/16")],
            "description": "what it is for",
        })
    };
    let rules: Value = (0..24).map(rule).collect();
    json!({
        "metadata": { "name": "a", "labels": { "app": "web", "tier": "front" } },
        "spec": { "mtu": 1500, "vpc": "main", "rules": rules },
    })
}

/// Applied by one, edited by another, labelled by a third.
fn object(schema: &Schema) -> (Value, ManagedFields) {
    let by = |manager| Write { manager, api_version: "v1", subresource: None, now: "2025-01-01T00:00:00Z" };
    let none = ManagedFields::default();
    let (live, managed) =
        apply(schema, None, &none, &config(0), &by("gitops"), false).expect("nobody owns anything yet");
    let mut edited = live.clone();
    for n in 0..24 {
        edited["spec"]["rules"][n]["priority"] = json!(n);
    }
    let managed = update(schema, Some(&live), &managed, &edited, &by("kubectl-edit"));
    let labels = json!({ "metadata": { "labels": { "team": "x" }, "annotations": { "a": "b", "c": "d" } } });
    apply(schema, Some(&edited), &managed, &labels, &by("labeller"), false).expect("the labels are new")
}

fn schema() -> Schema {
    Schema::new(&json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": {
        "mtu": { "type": "integer" },
        "vpc": { "type": "string" },
        "rules": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": { "type": "object", "properties": {
                "name": { "type": "string" },
                "protocol": { "type": "string" },
                "description": { "type": "string" },
                "priority": { "type": "integer" },
                "ports": { "type": "array", "items": { "type": "integer" } },
                "from": { "type": "array", "items": { "type": "string" }, "x-kubernetes-list-type": "set" },
            } },
        },
    } } } }))
    .expect("the schema is structural")
}
