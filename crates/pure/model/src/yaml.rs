//! YAML (1.2.2, core schema) to JSON values, with the place of every field.
//!
//! Any text is taken: what is no YAML, or wants too much, is said with its place. Nesting, and what aliases expand to, are
//! bounded before they are built.

mod builder;
mod plain;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use saphyr_parser::{Parser, ScanError};
use serde_json::Value;

use crate::{Diagnostic, SourceFile, Span};
use builder::Builder;

pub(crate) use plain::plain;

/// The largest text, in bytes.
pub(crate) const LARGEST_FILE: usize = 16 << 20;
/// How deep lists and maps may be in each other.
const DEEPEST: usize = 64;
/// A place in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    line: usize,
    column: usize,
    length: usize,
}

impl Mark {
    /// With the name of the file.
    pub(crate) fn span(self, file: &str) -> Span {
        Span { file: file.to_owned(), line: self.line, column: self.column, length: self.length }
    }
}

impl From<saphyr_parser::Span> for Mark {
    fn from(span: saphyr_parser::Span) -> Self {
        let length = if span.start.line() == span.end.line() { span.len() } else { 0 };
        Self { line: span.start.line(), column: span.start.col() + 1, length }
    }
}

/// Where fields were written, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// A field's value; its name, where the value is a list or a map.
    pub(crate) values: BTreeMap<String, Mark>,
    /// A field's name.
    pub(crate) keys: BTreeMap<String, Mark>,
}

impl Marks {
    /// Those of what is at the path, as seen from there.
    pub(crate) fn below(&self, path: &str) -> Self {
        let part = |marks: &BTreeMap<String, Mark>| {
            let marks = marks.range(path.to_owned()..).take_while(|(at, _)| at.starts_with(path));
            let inner = |at: &str| at[path.len()..].trim_start_matches('.').to_owned();
            marks.map(|(at, mark)| (inner(at), *mark)).collect()
        };
        Self { values: part(&self.values), keys: part(&self.keys) }
    }
}

/// What ends the reading of a file.
type Stop = Box<Diagnostic>;

/// One document that is not empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct YamlDocument {
    pub(crate) value: Value,
    pub(crate) marks: Marks,
}

/// The documents of a file, and what is wrong with it. What is wrong ends the file, but for names that are written twice.
pub(crate) fn load(file: &SourceFile) -> (Vec<YamlDocument>, Vec<Diagnostic>) {
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    if text.len() > LARGEST_FILE {
        let message = format!("the file is too large: {} bytes", text.len());
        let hint = format!("split it into files of at most {} MiB", LARGEST_FILE >> 20);
        let start = Mark { line: 1, column: 1, length: 0 };
        return (Vec::new(), vec![problem(file, "tooLarge", message, start).hint(hint)]);
    }
    let mut builder = Builder::new(file);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let event = event.map_err(|error| Box::new(syntax(file, &error)));
        if let Err(stop) = event.and_then(|(event, span)| builder.take(event, span.into())) {
            builder.problems.push(*stop);
            break;
        }
    }
    (builder.documents, builder.problems)
}

fn problem(file: &SourceFile, code: &str, message: impl Into<String>, mark: Mark) -> Diagnostic {
    Diagnostic { span: Some(mark.span(&file.name)), ..Diagnostic::new(code, message) }
}

fn syntax(file: &SourceFile, error: &ScanError) -> Diagnostic {
    let marker = error.marker();
    let mark = Mark { line: marker.line().max(1), column: marker.col() + 1, length: 0 };
    if error.info().contains("recursion limit") {
        return too_deep(file, mark);
    }
    let line = file.text.lines().nth(mark.line.saturating_sub(1)).unwrap_or_default();
    let hint = if line.trim_start_matches(' ').starts_with('\t') || error.info().contains("tab") {
        "indent with spaces: YAML takes no tabs"
    } else if error.info().contains("mapping values are not allowed") {
        "check the indentation of this line and of the one before it; put text that has \": \" in it in quotes"
    } else if line.contains("{{") {
        "templates are not filled in: write the values themselves"
    } else {
        "check this line and the one before it: indentation, quotes, brackets"
    };
    // The parser says first what it was doing: "while parsing a node, did not find expected node content".
    let info = match error.info().split_once(", ") {
        Some((doing, what)) if doing.starts_with("while ") => what,
        _ => error.info(),
    };
    problem(file, "invalidYaml", format!("the file is no YAML from here on: {info}"), mark).hint(hint)
}

fn too_deep(file: &SourceFile, mark: Mark) -> Diagnostic {
    let message = format!("lists and maps are in each other more than {DEEPEST} deep");
    problem(file, "tooDeep", message, mark).hint("no resource needs that: check the brackets")
}
