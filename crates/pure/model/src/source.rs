//! Texts that declare resources, and which line of them says what.

use std::collections::{BTreeMap, HashMap};

use crate::origin::{LINES_OF, annotations, parent};
use crate::{Diagnostic, ObjectRef, Resource, Span};

/// A text, and what to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// As it was given on the command line; `-` is standard input.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// A resource, and where each of its fields was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What was declared.
    pub resource: Resource,
    /// Where.
    pub source: SourceMap,
}

/// Where each field of a document was written. Paths are as `spec.ingress[0].ports[1]`; the empty path is the document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceMap {
    spans: BTreeMap<String, Span>,
}

impl SourceMap {
    /// Where a field was written; if it was not, where the nearest part around it was.
    pub fn span(&self, path: &str) -> Option<&Span> {
        let mut path = path;
        loop {
            if let Some(span) = self.spans.get(path) {
                return Some(span);
            }
            path = parent(path)?;
        }
    }

    /// Every path that was written, and where.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Span)> {
        self.spans.iter().map(|(path, span)| (path.as_str(), span))
    }
}

impl FromIterator<(String, Span)> for SourceMap {
    fn from_iter<I: IntoIterator<Item = (String, Span)>>(spans: I) -> Self {
        Self { spans: spans.into_iter().collect() }
    }
}

impl Document {
    /// Notes in the resource's annotations which file, and which lines of it, it was applied from.
    pub fn annotate(&mut self, file: &str) {
        let lines = self.source.iter().filter(|(path, _)| LINES_OF.iter().any(|part| path.starts_with(part)));
        let lines = lines.chain(self.source.spans.get("").map(|span| ("", span)));
        let lines = lines.map(|(path, span)| (path.to_owned(), span.line)).collect();
        self.resource.metadata_mut().annotations.extend(annotations(file, lines));
    }
}

/// Gives each diagnostic that is about one of the documents its place in the text.
pub fn locate(diagnostics: &mut [Diagnostic], documents: &[Document]) {
    let mut by_object: HashMap<ObjectRef, &SourceMap> = HashMap::new();
    for document in documents {
        by_object.insert(document.resource.object_ref(), &document.source);
    }
    for diagnostic in diagnostics {
        let source = diagnostic.object.as_ref().and_then(|object| by_object.get(object));
        if let Some(span) = source.and_then(|source| source.span(&diagnostic.path)) {
            diagnostic.span = Some(span.clone());
        }
    }
}
