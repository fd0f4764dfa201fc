//! Strategic merge patches, for Kubernetes' own kinds: clients that know these send no other.
//!
//! The kinds that there are here have maps, lists that are replaced as a whole, and two lists that are merged (finalizers, a
//! set; ownerReferences, by uid). So this is a merge patch (RFC 7396) with the few directives that clients write.

use madang_merge::merge_patch;
use serde_json::{Map, Value};

use crate::ApiError;

/// How long a list may be that is merged: each item is looked for among the others.
const LONGEST: usize = 1_000;

/// The document with the patch applied.
pub(super) fn merge(document: &Value, patch: &Value) -> Result<Value, ApiError> {
    let mut patch = patch.clone();
    if let Some(metadata) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
        let is_long = |list: &Value| list.as_array().is_some_and(|items| items.len() > LONGEST);
        if let Some((name, _)) = metadata.iter().find(|(_, value)| is_long(value)) {
            let message = format!("metadata.{name} of the patch has more than {LONGEST} items");
            return Err(ApiError::bad_request(message));
        }
        finalizers(document, metadata);
        owners(document, metadata);
    }
    without_directives(&mut patch);
    Ok(merge_patch(document, &patch))
}

/// Adds to the finalizers, and takes away those that are named so.
fn finalizers(document: &Value, metadata: &mut Map<String, Value>) {
    let gone = metadata.shift_remove("$deleteFromPrimitiveList/finalizers");
    let added = metadata.get("finalizers").and_then(Value::as_array).cloned();
    if gone.is_none() && added.is_none() {
        return;
    }
    let old = document["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let gone = gone.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
    let mut new: Vec<Value> = old.into_iter().filter(|name| !gone.contains(name)).collect();
    for name in added.into_iter().flatten() {
        if !new.contains(&name) {
            new.push(name);
        }
    }
    metadata.insert("finalizers".to_owned(), new.into());
}

/// Merges the owners by their uid; takes away those that are marked so.
fn owners(document: &Value, metadata: &mut Map<String, Value>) {
    let Some(Value::Array(sent)) = metadata.get("ownerReferences").cloned() else { return };
    let mut new = document["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
    for owner in sent {
        let place = new.iter().position(|old| old["uid"] == owner["uid"]);
        match (owner["$patch"] == "delete", place) {
            (true, Some(place)) => drop(new.remove(place)),
            (true, None) => {}
            (false, Some(place)) => new[place] = merge_patch(&new[place], &owner),
            (false, None) => new.push(owner),
        }
    }
    metadata.insert("ownerReferences".to_owned(), new.into());
}

/// What is left of directives only orders lists, or says what is so anyway.
fn without_directives(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.starts_with('$'));
            fields.values_mut().for_each(without_directives);
        }
        Value::Array(items) => items.iter_mut().for_each(without_directives),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn maps_are_merged_and_lists_replaced_but_for_finalizers_and_owners() {
        let document = json!({
            "metadata": { "labels": { "a": "1", "b": "2" }, "finalizers": ["x", "y"], "ownerReferences": [{ "uid": "1" }] },
            "rules": [{ "verbs": ["get"] }],
        });
        let patch = json!({
            "metadata": {
                "labels": { "a": null, "c": "3" },
                "$deleteFromPrimitiveList/finalizers": ["x"], "finalizers": ["z"],
                "$setElementOrder/finalizers": ["y", "z"],
                "ownerReferences": [{ "uid": "2" }, { "$patch": "delete", "uid": "1" }],
            },
            "rules": [],
        });
        assert_eq!(
            merge(&document, &patch).unwrap(),
            json!({
                "metadata": { "labels": { "b": "2", "c": "3" }, "finalizers": ["y", "z"], "ownerReferences": [{ "uid": "2" }] },
                "rules": [],
            })
        );
    }
}
