//! Files of any text, and objects of any JSON: they become a model, or what is wrong with them, which can be drawn.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use madang_fuzz::output::drawn;
use madang_model::{
    Diagnostic, Document, Resource, SourceFile, allocate, check, columns, from_json, locate, parse,
    prune_unknown, readiness, yaml_value,
};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Some((flags, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    if flags & 1 == 0 {
        file(text, *flags);
    } else if let Ok(value) = serde_json::from_str(text) {
        object(value);
    }
});

fn file(text: &str, flags: u8) {
    let file = SourceFile { name: "-".to_owned(), text: text.to_owned() };
    let _ = yaml_value(&file.name, text);
    let files = [file];
    match parse(&files) {
        Ok(documents) => declared(documents, &files, flags),
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty(), "what is refused is refused for a reason");
            draw(&diagnostics, &files, flags);
        }
    }
}

/// What becomes of resources that are right each by itself.
fn declared(mut documents: Vec<Document>, files: &[SourceFile], flags: u8) {
    for document in &mut documents {
        document.source.iter().for_each(|(_, span)| assert_inside(span, &files[0].text));
        document.annotate("-");
        shown(&document.resource);
        let again = from_json(document.resource.to_json()).expect("what was read can be read again");
        assert!(again.same_spec(&document.resource));
    }
    let mut resources: Vec<_> = documents.iter().map(|document| document.resource.clone()).collect();
    let mut diagnostics = allocate(&[], &mut resources);
    let (model, found) = check(&resources);
    diagnostics.extend(found);
    locate(&mut diagnostics, &documents);
    draw(&diagnostics, files, flags);
    if diagnostics.is_empty() {
        for resource in resources.iter().filter(|resource| !resource.kind().is_namespaced()) {
            let _ = model.contains(&resource.object_ref());
        }
    }
}

/// What is said of a resource.
fn shown(resource: &Resource) {
    let around = columns::Around { now: jiff::Timestamp::UNIX_EPOCH, vpcs: BTreeMap::new() };
    let _ = (columns::columns(resource, &around), readiness(resource));
}

fn object(mut value: Value) {
    match from_json(value.clone()) {
        Ok(resource) => {
            shown(&resource);
            let json = resource.to_json();
            let decoded = Resource::decode(json.clone()).expect("what was written is read");
            assert_eq!(decoded.to_json(), json);
        }
        Err(diagnostics) => draw(&diagnostics, &[], 0),
    }
    draw(&prune_unknown(&mut value), &[], 0);
    let gone = prune_unknown(&mut value);
    assert!(gone.is_empty(), "what is gone is gone: {gone:?}");
}

/// Every mistake is in the text, and can be said and drawn.
fn draw(diagnostics: &[Diagnostic], files: &[SourceFile], flags: u8) {
    for diagnostic in diagnostics {
        assert!(!diagnostic.to_string().is_empty() && !diagnostic.code.is_empty());
        if let (Some(span), Some(file)) = (&diagnostic.span, files.first()) {
            assert_inside(span, &file.text);
        }
    }
    if !diagnostics.is_empty() {
        let columns = [80, 20, 40, 200][usize::from(flags >> 3) % 4];
        let drawn = drawn(diagnostics, files, flags & 2 != 0, flags & 4 != 0, columns);
        assert!(!drawn.is_empty());
    }
}

/// A place is a line of the text, or the one after the last; and in it, or just behind it.
fn assert_inside(span: &madang_model::Span, text: &str) {
    let mut lines: Vec<_> = text.split('\n').collect();
    // YAML ends lines with carriage returns too.
    if text.contains('\r') {
        lines = text.split(['\n', '\r']).collect();
    }
    assert!(span.line >= 1 && span.column >= 1, "{span:?}");
    assert!(span.line <= lines.len() + 1, "{span:?} of {} lines", lines.len());
    if text.contains('\r') {
        return;
    }
    let length = lines.get(span.line - 1).map_or(0, |line| line.chars().count());
    assert!(span.column <= length + 1, "{span:?} of {length} characters");
    assert!(span.column - 1 + span.length <= length.max(span.column), "{span:?} of {length} characters");
}
