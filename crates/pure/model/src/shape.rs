//! A kind's JSON Schema, made ready for walking: what may stand where.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::formats::Format;
use crate::{Kind, Layout, Metadata, Resource};

/// What a value must be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// Fields with names of their own.
    Fields(Vec<Field>),
    /// Any names, and values that are all of one shape.
    Map(Box<Shape>),
    List(Box<Shape>),
    Choice(Vec<String>),
    Text,
    Written(Format),
    Integer {
        min: i64,
        max: u64,
    },
    Boolean,
    /// Whatever stands there.
    Any,
}

/// One field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    /// What one might write, for a hint.
    pub(crate) example: Option<Value>,
}

/// The parts of a kind's document.
pub(crate) struct Parts {
    pub(crate) metadata: Shape,
    pub(crate) spec: Shape,
    /// A spec that works, where its required fields alone make none.
    pub(crate) example: Option<Value>,
    pub(crate) status: Shape,
}

impl Parts {
    /// The whole document.
    pub(crate) fn whole(&self, kind: Kind) -> Shape {
        let field = |name: &str, shape: &Shape| Field {
            name: name.to_owned(),
            shape: shape.clone(),
            required: false,
            example: None,
        };
        let mut fields = vec![
            field("apiVersion", &Shape::Text),
            field("kind", &Shape::Text),
            field("metadata", &self.metadata),
        ];
        match kind.layout() {
            Layout::Spec => fields.extend([field("spec", &self.spec), field("status", &self.status)]),
            Layout::Flat => fields.extend(self.spec.fields().iter().cloned()),
        }
        Shape::Fields(fields)
    }
}

/// The parts of this kind's document.
pub(crate) fn parts(kind: Kind) -> &'static Parts {
    static PARTS: LazyLock<HashMap<Kind, Parts>> = LazyLock::new(|| {
        let of = |kind: Kind| {
            let (spec, status) = Resource::schemas(kind);
            Parts {
                metadata: whole(schemars::schema_for!(Metadata)),
                example: example(spec.as_value()),
                spec: whole(spec),
                status: whole(status),
            }
        };
        Kind::ALL.iter().map(|kind| (*kind, of(*kind))).collect()
    });
    &PARTS[&kind]
}

impl Shape {
    /// The fields, if there are such.
    pub(crate) fn fields(&self) -> &[Field] {
        if let Self::Fields(fields) = self { fields } else { &[] }
    }

    /// Something of this shape that says as little as possible.
    pub(crate) fn least(&self) -> Value {
        match self {
            Self::Fields(fields) => {
                let required = fields.iter().filter(|field| field.required);
                let least = |field: &Field| field.example.clone().unwrap_or_else(|| field.shape.least());
                Value::Object(required.map(|field| (field.name.clone(), least(field))).collect())
            }
            Self::Map(_) | Self::Any => Value::Object(Map::new()),
            Self::List(_) => Value::Array(Vec::new()),
            Self::Choice(names) => names.first().cloned().unwrap_or_default().into(),
            Self::Text | Self::Written(_) => "".into(),
            Self::Integer { min, .. } => (*min).into(),
            Self::Boolean => false.into(),
        }
    }

    /// Whether something must be in it.
    pub(crate) fn requires_something(&self) -> bool {
        self.fields().iter().any(|field| field.required)
    }
}

fn whole(schema: schemars::Schema) -> Shape {
    let schema = schema.to_value();
    shape(&schema, &schema)
}

/// The shape of a schema. Each schema that the kinds' types make has one: a test says so.
fn shape(schema: &Value, root: &Value) -> Shape {
    let says_nothing =
        |schema: &Map<String, Value>| schema.keys().all(|key| key == "description" || key == "default");
    if schema.as_bool() == Some(true) || schema.as_object().is_some_and(says_nothing) {
        return Shape::Any;
    }
    if let Some(to) = schema.get("$ref").and_then(Value::as_str) {
        return shape(root.pointer(&to[1..]).expect("a schema's references lead somewhere"), root);
    }
    if let Some(format) = schema.get("format").and_then(Value::as_str).and_then(Format::named) {
        return Shape::Written(format);
    }
    if let Some(one_of) = schema.get("oneOf").and_then(Value::as_array) {
        return Shape::Choice(one_of.iter().flat_map(constants).collect());
    }
    if schema.get("enum").is_some() {
        return Shape::Choice(constants(schema));
    }
    if let Some(any_of) = schema.get("anyOf").and_then(Value::as_array) {
        let real = any_of.iter().find(|schema| schema["type"] != "null");
        return shape(real.expect("an option is of something"), root);
    }
    match type_of(schema) {
        "object" => object(schema, root),
        "array" => Shape::List(Box::new(shape(&schema["items"], root))),
        "boolean" => Shape::Boolean,
        "integer" => integer(schema),
        _ => Shape::Text,
    }
}

fn constants(schema: &Value) -> Vec<String> {
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    listed.chain(schema.get("const")).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        name => name.as_str(),
    }
    .unwrap_or_default()
}

fn object(schema: &Value, root: &Value) -> Shape {
    if let Some(of) =
        schema.get("additionalProperties").filter(|of| of.is_object() || of.as_bool() == Some(true))
    {
        return Shape::Map(Box::new(shape(of, root)));
    }
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let field = |(name, schema): (&String, &Value)| Field {
        name: name.clone(),
        shape: shape(schema, root),
        required: required.contains(&name.as_str()),
        example: example(schema),
    };
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    Shape::Fields(properties.iter().map(field).collect())
}

fn example(schema: &Value) -> Option<Value> {
    schema.get("examples").and_then(|examples| examples.get(0)).cloned()
}

fn integer(schema: &Value) -> Shape {
    let max = match schema.get("format").and_then(Value::as_str) {
        Some("uint16") => u64::from(u16::MAX),
        Some("uint32") => u64::from(u32::MAX),
        Some("int32") => 0x7fff_ffff,
        _ => u64::MAX,
    };
    let min = if schema["format"] == "int32" { i64::from(i32::MIN) } else { 0 };
    Shape::Integer {
        min: schema.get("minimum").and_then(Value::as_i64).unwrap_or(min),
        max: schema.get("maximum").and_then(Value::as_u64).unwrap_or(max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(shape: &'a Shape, path: &str) -> &'a Field {
        let (name, rest) = path.split_once('.').unwrap_or((path, ""));
        let field =
            shape.fields().iter().find(|field| field.name == name).unwrap_or_else(|| panic!("{path}"));
        let inner = if let Shape::List(of) = &field.shape { of } else { &field.shape };
        if rest.is_empty() { field } else { self::field(inner, rest) }
    }

    #[test]
    fn the_kinds_have_the_shapes_of_their_types() {
        let spec = |kind: Kind, path: &str| field(&parts(kind).spec, path).shape.clone();
        let list = |shape| Shape::List(Box::new(shape));
        assert_eq!(spec(Kind::Vpc, "cidrs"), list(Shape::Written(Format::Cidr)));
        assert_eq!(spec(Kind::Vpc, "mtu"), Shape::Integer { min: 576, max: 9000 });
        assert_eq!(spec(Kind::Subnet, "public"), Shape::Boolean);
        assert_eq!(spec(Kind::Instance, "address"), Shape::Written(Format::Address));
        assert_eq!(spec(Kind::Instance, "process.env"), Shape::Map(Box::new(Shape::Text)));
        assert_eq!(
            spec(Kind::Instance, "process.runAsUser"),
            Shape::Integer { min: 0, max: u32::MAX.into() }
        );
        assert_eq!(spec(Kind::Instance, "resources.cpu"), Shape::Written(Format::Cpu));
        assert_eq!(spec(Kind::SecurityGroup, "ingress.ports"), list(Shape::Written(Format::PortRange)));
        assert_eq!(spec(Kind::SecurityGroup, "egress.to"), list(Shape::Written(Format::Peer)));
        assert_eq!(spec(Kind::PublicAddress, "forwards.targetPort"), Shape::Integer { min: 1, max: 65535 });
        let choice = ["local", "internet", "nat", "blackhole"].map(str::to_owned).to_vec();
        assert_eq!(spec(Kind::RouteTable, "routes.target"), Shape::Choice(choice));
        let status = |path| field(&parts(Kind::Instance).status, path).shape.clone();
        assert_eq!(status("process.lastExitCode"), Shape::Integer { min: i32::MIN.into(), max: 0x7fff_ffff });
    }

    #[test]
    fn every_required_field_has_an_example() {
        fn look(shape: &Shape, at: &str) {
            match shape {
                Shape::Fields(fields) => {
                    for field in fields {
                        let at = format!("{at}.{}", field.name);
                        assert!(!field.required || field.example.is_some(), "{at}");
                        look(&field.shape, &at);
                    }
                }
                Shape::List(of) | Shape::Map(of) => look(of, at),
                _ => {}
            }
        }
        for kind in Kind::ALL {
            look(&parts(*kind).spec, kind.name());
        }
    }
}
