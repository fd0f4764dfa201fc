//! What a value is to who merges it: one piece, or parts that are merged one by one.
//!
//! Nothing here fails. What does not look as the schema says, or lies deeper than [`MAX_DEPTH`], is one piece.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::MAX_DEPTH;
use crate::path::PathElement;
use crate::schema::{ListType, MapType, Type, deduced};

/// A value under its type.
#[derive(Debug)]
pub(crate) enum Shape<'s> {
    /// One piece: a scalar, an atomic list or map.
    Leaf,
    /// `null`, which is as good as any shape without parts.
    Null,
    /// Fields, owned one by one.
    Fields(Fields<'s>),
    /// Items, owned one by one: the step to each in the list's order, and their type.
    Items(Vec<PathElement>, &'s Type),
}

/// What the schema says of an object's fields.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fields<'s> {
    /// Nothing.
    Deduced,
    /// This.
    Known(&'s MapType),
}

/// The step to a part: a name that is borrowed, as most are only looked at.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step<'v> {
    Field(&'v str),
    /// Never a field.
    Item(PathElement),
}

/// A part of a value.
#[derive(Debug)]
pub(crate) struct Part<'v, 's> {
    pub(crate) step: Step<'v>,
    pub(crate) of: &'s Type,
    /// A field that the schema declares. It is there because of what is in it: who writes what is in it does not own it.
    pub(crate) declared: bool,
    pub(crate) value: &'v Value,
    /// More items that nothing tells apart from this one. They are owned together, as one piece.
    pub(crate) twins: Vec<&'v Value>,
}

impl Step<'_> {
    /// How it is sorted beside the step of a path.
    pub(crate) fn cmp_element(&self, element: &PathElement) -> Ordering {
        match (self, element) {
            (Self::Field(name), PathElement::Field(other)) => (*name).cmp(other),
            (Self::Field(_), _) => Ordering::Less,
            (Self::Item(item), element) => item.cmp(element),
        }
    }

    /// As a step of a path.
    pub(crate) fn into_element(self) -> PathElement {
        match self {
            Self::Field(name) => PathElement::field(name),
            Self::Item(item) => item,
        }
    }
}

impl<'s> Fields<'s> {
    /// The type of a field, and whether the schema declares it.
    pub(crate) fn field(self, name: &str) -> (&'s Type, bool) {
        match self {
            Self::Deduced => (deduced(), false),
            Self::Known(map) => map.field(name),
        }
    }
}

impl<'s> Shape<'s> {
    /// The shape of a value that is so many steps deep.
    pub(crate) fn of(of: &'s Type, value: &Value, depth: usize) -> Self {
        match (of, value) {
            (_, Value::Null) => Self::Null,
            _ if depth >= MAX_DEPTH => Self::Leaf,
            (Type::Deduced, Value::Object(_)) => Self::Fields(Fields::Deduced),
            (Type::Map(map), Value::Object(_)) if !map.atomic => Self::Fields(Fields::Known(map)),
            (Type::List(ListType::Atomic), _) => Self::Leaf,
            (Type::List(list), Value::Array(items)) => {
                let steps: Result<_, _> = items.iter().map(|item| list.step(item)).collect();
                steps.map_or(Self::Leaf, |steps| Self::Items(steps, list.items()))
            }
            _ => Self::Leaf,
        }
    }

    /// Whether it is one piece.
    pub(crate) fn is_leaf(&self) -> bool {
        matches!(self, Self::Leaf)
    }

    /// The parts, sorted by their steps.
    pub(crate) fn parts<'v>(self, value: &'v Value) -> Vec<Part<'v, 's>> {
        match (self, value) {
            (Self::Fields(fields), Value::Object(values)) => field_parts(fields, values),
            (Self::Items(steps, of), Value::Array(items)) => item_parts(steps, of, items),
            _ => Vec::new(),
        }
    }
}

fn field_parts<'v, 's>(fields: Fields<'s>, values: &'v Map<String, Value>) -> Vec<Part<'v, 's>> {
    let part = |(name, value): (&'v String, &'v Value)| {
        let (of, declared) = fields.field(name);
        Part { step: Step::Field(name), of, declared, value, twins: Vec::new() }
    };
    let mut parts: Vec<_> = values.iter().map(part).collect();
    parts.sort_by(|a, b| a.step.cmp(&b.step));
    parts
}

fn item_parts<'v, 's>(steps: Vec<PathElement>, of: &'s Type, items: &'v [Value]) -> Vec<Part<'v, 's>> {
    let part = |(step, value)| Part { step: Step::Item(step), of, declared: false, value, twins: Vec::new() };
    let mut parts: Vec<_> = steps.into_iter().zip(items).map(part).collect();
    parts.sort_by(|a, b| a.step.cmp(&b.step));
    parts.dedup_by(|later, kept| {
        let twin = later.step == kept.step;
        if twin {
            kept.twins.push(later.value);
        }
        twin
    });
    parts
}
