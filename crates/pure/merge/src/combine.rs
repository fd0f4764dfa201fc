//! A configuration laid over an object: what it says is set, what it does not say stays (KEP-555, "Apply").

use std::collections::BTreeMap;

use serde_json::Value;

use crate::path::PathElement;
use crate::schema::Type;
use crate::shape::Shape;

/// Lays the configuration over the value, both at this depth. Nothing is removed.
pub(crate) fn combine(of: &Type, value: &mut Value, config: &Value, depth: usize) {
    match (Shape::of(of, value, depth), Shape::of(of, config, depth)) {
        // What says nothing takes nothing away.
        (Shape::Fields(_) | Shape::Items(..), Shape::Null) if has_parts(value) => {}
        (Shape::Fields(fields), Shape::Fields(_)) => {
            let (Value::Object(values), Value::Object(config)) = (value, config) else { return };
            for (name, config) in config {
                match values.get_mut(name) {
                    Some(value) => combine(fields.field(name).0, value, config, depth + 1),
                    None => drop(values.insert(name.clone(), config.clone())),
                }
            }
        }
        (Shape::Items(steps, of), Shape::Items(wanted, _)) => {
            let (Value::Array(values), Value::Array(config)) = (value, config) else { return };
            if steps == wanted {
                let items = values.iter_mut().zip(config);
                items.for_each(|(value, config)| combine(of, value, config, depth + 1));
                return;
            }
            let items = std::mem::take(values).into_iter().zip(steps).collect();
            *values = combine_items(of, items, wanted.iter().zip(config).collect(), depth + 1);
        }
        _ => *value = config.clone(),
    }
}

fn has_parts(value: &Value) -> bool {
    match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// Items in the configuration's order. One that only the list has stays behind the one that it was behind: it is put
/// where it is met on the way to the next item that both have.
fn combine_items(
    of: &Type,
    list: Vec<(Value, PathElement)>,
    config: Vec<(&PathElement, &Value)>,
    depth: usize,
) -> Vec<Value> {
    let wanted: BTreeMap<&PathElement, usize> =
        config.iter().enumerate().map(|(n, (step, _))| (*step, n)).collect();
    // The items that both have, at their place in the configuration, and the order in which they are met in the list.
    let mut shared: Vec<Option<Value>> = config.iter().map(|_| None).collect();
    let mut twins = vec![false; config.len()];
    let mut met = Vec::with_capacity(list.len());
    for (item, step) in list {
        match wanted.get(&step) {
            Some(&n) => {
                twins[n] = shared[n].is_some();
                shared[n] = Some(item);
                met.push(Met::Shared(n));
            }
            None => met.push(Met::Alone(item)),
        }
    }
    let is_shared: Vec<bool> = shared.iter().map(Option::is_some).collect();
    let mut met = met.into_iter().peekable();
    let mut combined = Vec::with_capacity(config.len() + met.len());
    let mut next = 0;
    for (n, (_, config)) in config.into_iter().enumerate() {
        while next < n || (next < is_shared.len() && !is_shared[next]) {
            next += 1;
        }
        while let Some(met) = met.next_if(|met| !matches!(met, Met::Shared(at) if *at == next)) {
            combined.extend(met.alone());
        }
        if next == n {
            met.next();
            next += 1;
        }
        combined.push(match shared[n].take() {
            Some(mut item) if !twins[n] => {
                combine(of, &mut item, config, depth);
                item
            }
            _ => config.clone(),
        });
    }
    combined.extend(met.filter_map(Met::alone));
    combined
}

/// An item of the list on the way through it.
enum Met {
    /// Only the list has it.
    Alone(Value),
    /// The configuration has it too, at this place.
    Shared(usize),
}

impl Met {
    fn alone(self) -> Option<Value> {
        match self {
            Self::Alone(item) => Some(item),
            Self::Shared(_) => None,
        }
    }
}
