//! The reference of the book is what the code says: each page is rendered anew and compared with the file in
//! `docs/src/reference`. `RENEW=1` writes it, to be read before it is kept.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::path::Path;

use madang_datapath::DropReason;
use madang_model::{Kind, schema};
use serde_json::{Map, Value};

#[test]
fn commands() {
    holds("commands.md", &commands_page());
}

#[test]
fn fields() {
    holds("fields.md", &fields_page());
}

#[test]
fn drop_reasons() {
    holds("drop-reasons.md", &drop_reasons_page());
}

/// The file in the book says this.
fn holds(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/src/reference").join(name);
    if std::env::var_os("RENEW").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(page.lines()).find(|(a, b)| a != b);
    assert!(
        written == page,
        "docs/src/reference/{name} is not what the code says: run this test with RENEW=1, and read what it wrote. \
         The first difference: {differs:?}"
    );
}

// Commands.

fn commands_page() -> String {
    let mut command = madang_cli::command().term_width(100);
    command.build();
    let mut page = format!(
        "# Commands\n\nWhat each command says of itself with `--help`. \
         Data goes to standard output, words to standard error.\n\n```text\n{}\n```\n\n\
         Every command takes the global options; below they are left out.\n",
        help(&command)
    );
    add_commands(&mut page, "madang", &command);
    page
}

/// The commands of a command, each with those that it has itself.
fn add_commands(page: &mut String, before: &str, of: &clap::Command) {
    for command in of.get_subcommands().filter(|command| !command.is_hide_set()) {
        let without_globals = command.clone().mut_args(|arg| {
            let hide = arg.is_global_set();
            arg.hide(hide)
        });
        let name = format!("{before} {}", command.get_name());
        write!(page, "\n## {name}\n\n```text\n{}\n```\n", help(&without_globals)).unwrap();
        add_commands(page, &name, command);
    }
}

fn help(command: &clap::Command) -> String {
    let help = command.clone().render_long_help().to_string();
    help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

// Fields.

/// Parts of a status that every kind has.
const OF_EVERY_STATUS: [&str; 2] = ["observedGeneration", "conditions"];

fn fields_page() -> String {
    let mut page = "# Fields\n\nEvery field of every kind, from the schema that `madang schema` prints. \
        A dot leads into an object, `[]` into each of a list. An unknown field is an error. \
        A dash means: there is no value, and the meaning says what that means.\n\n\
        ## Every kind\n\nA document has `apiVersion: madang.dev/v1alpha1`, `kind`, `metadata`, `spec` and, \
        written by Madang, `status`. Kinds that are Kubernetes' own have its apiVersion, and those without a spec their \
        fields beside `metadata`.\n"
        .to_owned();
    let any = Schema(schema(Some(Kind::Vpc)));
    let of_every = |name: &str| OF_EVERY_STATUS.contains(&name);
    any.section(&mut page, "metadata", &|_| true);
    any.section(&mut page, "status", &of_every);
    for kind in Kind::ALL {
        let mut names = vec![kind.plural()];
        names.extend(kind.short_names());
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let place = if kind.is_namespaced() { "the project" } else { "the host" };
        let (first, rest) = kind.summary().split_at(1);
        let names = names.join(", ");
        let first = first.to_uppercase();
        write!(page, "\n## {kind}\n\n{first}{rest}. It belongs to {place}. On the command line: {names}.\n")
            .unwrap();
        let schema = Schema(schema(Some(*kind)));
        if kind.layout() == madang_model::Layout::Flat {
            schema.section(&mut page, "", &|name| !matches!(name, "apiVersion" | "kind" | "metadata"));
            continue;
        }
        schema.section(&mut page, "spec", &|_| true);
        schema.section(&mut page, "status", &|name| !of_every(name));
    }
    page
}

/// A kind's schema.
struct Schema(Value);

impl Schema {
    /// The table of a part of the document, if there is something in it.
    fn section(&self, page: &mut String, part: &str, wanted: &dyn Fn(&str) -> bool) {
        let mut rows = String::new();
        let schema = if part.is_empty() { &self.0 } else { &self.0["properties"][part] };
        let schema = schema.as_object().unwrap();
        self.rows(&mut rows, part, schema, wanted);
        if !rows.is_empty() {
            let without = if part == "status" { "if unknown" } else { "if left out" };
            write!(page, "\n| field | type | {without} | meaning |\n|---|---|---|---|\n{rows}").unwrap();
        }
    }

    fn rows(
        &self,
        rows: &mut String,
        path: &str,
        schema: &Map<String, Value>,
        wanted: &dyn Fn(&str) -> bool,
    ) {
        let required: Vec<_> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().collect();
        let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        for (name, field) in fields.filter(|(name, _)| wanted(name)) {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let without = match field.get("default") {
                _ if required.iter().any(|required| **required == **name) => "required".to_owned(),
                Some(Value::String(text)) if !text.is_empty() => format!("`{text}`"),
                Some(value) => format!("`{value}`"),
                None => "-".to_owned(),
            };
            let (kind, meaning) = (self.kind(field), self.meaning(field));
            writeln!(rows, "| `{path}` | {kind} | {without} | {meaning} |").unwrap();
            let (inner, path) = match self.resolved(field).get("items") {
                Some(items) => (self.resolved(items), format!("{path}[]")),
                None => (self.resolved(field), path),
            };
            self.rows(rows, &path, inner, &|_| true);
        }
    }

    /// What a schema stands for: behind references, and beside null.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Map<String, Value> {
        if let Some(to) = schema["$ref"].as_str() {
            return self.resolved(self.0.pointer(&to[1..]).unwrap());
        }
        let any_of: Vec<_> = schema["anyOf"].as_array().into_iter().flatten().collect();
        let (null, real): (Vec<&Value>, Vec<_>) = any_of.into_iter().partition(|of| of["type"] == "null");
        match (null.is_empty(), real.first()) {
            (false, Some(real)) => self.resolved(real),
            _ => schema.as_object().unwrap(),
        }
    }

    /// A type, for people.
    fn kind(&self, schema: &Value) -> String {
        let schema = self.resolved(schema);
        let written = match schema.get("format").and_then(Value::as_str) {
            Some("cidr") => "CIDR",
            Some("ip" | "ipv4") => "address",
            Some("port-range") => "port or range",
            Some("peer") => "CIDR or group",
            Some("pool-entry") => "address or CIDR",
            Some("cpu") => "CPUs",
            Some("memory") => "amount of memory",
            _ => "",
        };
        if !written.is_empty() {
            return written.to_owned();
        }
        if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
            let names = choices.iter().map(|choice| format!("`{}`", choice["const"].as_str().unwrap()));
            return names.collect::<Vec<_>>().join(", ");
        }
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        match schema.get("type").map_or("", name) {
            "array" => format!("list of: {}", self.kind(&schema["items"])),
            "integer" => match (bound("minimum"), bound("maximum")) {
                (Some(least), Some(most)) => format!("{least} to {most}"),
                _ => "number".to_owned(),
            },
            "boolean" => "`true`, `false`".to_owned(),
            "string" => "text".to_owned(),
            "object" if schema.get("additionalProperties").is_some_and(Value::is_object) => {
                "texts by name".to_owned()
            }
            "object" => "object".to_owned(),
            "" => "anything".to_owned(),
            other => panic!("the schema has a type that this page has no word for: {other}"),
        }
    }

    /// A description, and that of each choice.
    fn meaning(&self, field: &Value) -> String {
        let mut meaning = field["description"].as_str().unwrap().replace('\n', " ").replace('|', "\\|");
        for choice in self.resolved(field).get("oneOf").and_then(Value::as_array).into_iter().flatten() {
            let (name, what) = (choice["const"].as_str().unwrap(), choice["description"].as_str().unwrap());
            if !what.trim_end_matches('.').eq_ignore_ascii_case(name) {
                write!(meaning, "<br>`{name}`: {what}").unwrap();
            }
        }
        meaning
    }
}

/// The type that a schema names, beside null.
fn name(of: &Value) -> &str {
    match of {
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap(),
        name => name.as_str().unwrap_or_default(),
    }
}

// Drop reasons.

fn drop_reasons_page() -> String {
    let mut page = "# Drop reasons\n\nEvery reason for which a packet is dropped, in the order of the \
        [stages](../datapath.md). `madang explain` says which it was and what decided it.\n\n\
        | reason | what happened | what to do |\n|---|---|---|\n"
        .to_owned();
    for reason in DropReason::ALL {
        writeln!(page, "| `{}` | {} | {} |", reason.name(), reason.sentence(), reason.hint()).unwrap();
    }
    page
}
