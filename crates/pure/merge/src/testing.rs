//! An object and its owners, for tests that tell a story.

use serde_json::{Value, json};

use crate::{ApplyError, ManagedFields, Schema, Write, apply, update};

/// An object of a kind that has one of everything.
pub(crate) struct Story {
    pub(crate) schema: Schema,
    pub(crate) live: Option<Value>,
    pub(crate) managed: ManagedFields,
    subresource: Option<&'static str>,
    now: String,
}

/// Fields of each kind, below `spec` and below `status`.
pub(crate) fn schema() -> Schema {
    let set = json!({ "type": "array", "items": { "type": "string" }, "x-kubernetes-list-type": "set" });
    Schema::new(&json!({ "type": "object", "properties": {
        "spec": { "type": "object", "properties": {
            "mtu": { "type": "integer" },
            "name": { "type": "string" },
            "labels": { "type": "object", "additionalProperties": { "type": "string" } },
            "command": { "type": "array", "items": { "type": "string" } },
            "selector": {
                "type": "object",
                "additionalProperties": { "type": "string" },
                "x-kubernetes-map-type": "atomic",
            },
            "zones": set,
            "route": { "type": "object", "properties": { "via": { "type": "string" }, "metric": { "type": "integer" } } },
            "ports": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["port", "protocol"],
                "items": { "type": "object", "properties": {
                    "port": { "type": "integer" },
                    "protocol": { "type": "string", "default": "TCP" },
                    "name": { "type": "string" },
                    "weight": { "type": "integer" },
                } },
            },
            "any": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
        } },
        "status": { "type": "object", "properties": { "phase": { "type": "string" }, "zones": set } },
    } }))
    .unwrap()
}

impl Story {
    /// Nothing is there yet.
    pub(crate) fn new() -> Self {
        Self {
            schema: schema(),
            live: None,
            managed: ManagedFields::default(),
            subresource: None,
            now: time(0),
        }
    }

    /// What follows happens at this second.
    pub(crate) fn at(&mut self, second: u8) -> &mut Self {
        self.now = time(second);
        self
    }

    /// What follows goes to a subresource.
    pub(crate) fn through(&mut self, subresource: Option<&'static str>) -> &mut Self {
        self.subresource = subresource;
        self
    }

    pub(crate) fn try_apply(&mut self, manager: &str, object: Value, force: bool) -> Result<(), ApplyError> {
        let write = write(manager, self.subresource, &self.now);
        let (live, managed) = apply(&self.schema, self.live.as_ref(), &self.managed, &object, &write, force)?;
        (self.live, self.managed) = (Some(live), managed);
        Ok(())
    }

    /// Applies a spec.
    pub(crate) fn apply(&mut self, manager: &str, spec: Value) -> &mut Self {
        self.try_apply(manager, json!({ "spec": spec }), false).unwrap();
        self
    }

    /// Applies a spec with force.
    pub(crate) fn force(&mut self, manager: &str, spec: Value) -> &mut Self {
        self.try_apply(manager, json!({ "spec": spec }), true).unwrap();
        self
    }

    /// The conflicts of an apply, each as `manager: path`. Nothing has changed.
    pub(crate) fn conflicts(&mut self, manager: &str, spec: Value) -> Vec<String> {
        let before = (self.live.clone(), self.managed.clone());
        let error = self.try_apply(manager, json!({ "spec": spec }), false).unwrap_err();
        assert_eq!(before, (self.live.clone(), self.managed.clone()));
        let ApplyError::Conflicts(conflicts) = error else { panic!("{error}") };
        conflicts.each().iter().map(|conflict| format!("{}: {}", conflict.manager, conflict.path)).collect()
    }

    /// Writes a whole object.
    pub(crate) fn update_object(&mut self, manager: &str, object: Value) -> &mut Self {
        let write = write(manager, self.subresource, &self.now);
        self.managed = update(&self.schema, self.live.as_ref(), &self.managed, &object, &write);
        self.live = Some(object);
        self
    }

    /// Writes a spec.
    pub(crate) fn update(&mut self, manager: &str, spec: Value) -> &mut Self {
        self.update_object(manager, json!({ "spec": spec }))
    }

    /// The spec, as text: the order counts.
    pub(crate) fn spec(&self) -> String {
        self.live.as_ref().unwrap()["spec"].to_string()
    }

    /// What somebody owns, by either operation, one path a word; empty if nothing.
    pub(crate) fn owned_by(&self, manager: &str) -> String {
        let entries = self.managed.entries().iter().filter(|entry| entry.manager == manager);
        let paths = entries.flat_map(|entry| entry.fields.paths()).map(|path| path.to_string());
        paths.collect::<Vec<_>>().join(" ")
    }

    /// When somebody last changed something.
    pub(crate) fn time_of(&self, manager: &str) -> Option<u8> {
        let entry = self.managed.entries().iter().find(|entry| entry.manager == manager)?;
        entry.time.as_ref()?[17..19].parse().ok()
    }
}

fn write<'a>(manager: &'a str, subresource: Option<&'a str>, now: &'a str) -> Write<'a> {
    Write { manager, api_version: "madang.dev/v1alpha1", subresource, now }
}

fn time(second: u8) -> String {
    format!("2025-01-01T00:00:{second:02}Z")
}
