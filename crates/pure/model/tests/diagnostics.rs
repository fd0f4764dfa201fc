//! What is said of what is wrong: each case in `cases/*.txt` is a text, and all that is said of it.
//!
//! A line as `Subnet web { vpc: shop, cidr: 10.0.1.0/24 }` is short for that whole document. `RENEW=1` writes what is said
//! now into the files, to be read before it is kept.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use madang_model::{API_VERSION, Diagnostic, Kind, SourceFile, allocate, check, locate, parse};

#[test]
fn every_case_is_said_so() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 3, "the cases are gone: {files:?}");
    let mut differences = String::new();
    for path in files {
        let before = std::fs::read_to_string(&path).unwrap();
        let after = renewed(&before);
        if std::env::var_os("RENEW").is_some() {
            std::fs::write(&path, &after).unwrap();
        }
        for (before, after) in before.split("\n## ").zip(after.split("\n## ")).filter(|(a, b)| a != b) {
            writeln!(differences, "{}\n-- expected\n{before}\n-- said\n{after}", path.display()).unwrap();
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// The file with what is said now. A case is `## name`, the text, `=>`, and what is said.
fn renewed(text: &str) -> String {
    let mut cases = text.split("\n## ");
    let mut out = cases.next().unwrap().trim_end().to_owned();
    for case in cases {
        let (head, rest) = case.split_once('\n').unwrap();
        let text = rest.split("\n=>\n").next().unwrap();
        write!(out, "\n\n## {head}\n{text}\n=>\n{}", said(text).trim_end()).unwrap();
    }
    out + "\n"
}

fn said(text: &str) -> String {
    let lines: Vec<String> =
        text.lines().map(|line| long_form(line).unwrap_or_else(|| line.to_owned())).collect();
    let is_short = lines.iter().zip(text.lines()).any(|(long, short)| long != short);
    let diagnostics = diagnostics(lines.join("\n"));
    if diagnostics.is_empty() {
        return "nothing\n".to_owned();
    }
    diagnostics.iter().map(|diagnostic| shown(diagnostic, is_short)).collect()
}

/// The document that a short line stands for.
fn long_form(line: &str) -> Option<String> {
    let (kind, rest) = line.split_once(' ')?;
    let (name, spec) = rest.split_once(' ')?;
    let known = Kind::ALL.iter().any(|k| k.name() == kind);
    known.then(|| {
        format!(
            "--- {{apiVersion: {API_VERSION}, kind: {kind}, metadata: {{ name: {name} }}, spec: {spec} }}"
        )
    })
}

fn diagnostics(text: String) -> Vec<Diagnostic> {
    let mut documents = match parse(&[SourceFile { name: "shop.yaml".to_owned(), text }]) {
        Ok(documents) => documents,
        Err(diagnostics) => return diagnostics,
    };
    let mut resources: Vec<_> = documents
        .iter_mut()
        .map(|document| {
            document.annotate("/srv/shop.yaml");
            document.resource.clone()
        })
        .collect();
    let allocated = allocate(&[], &mut resources);
    let (_, mut checked) = check(&resources);
    checked.extend(allocated);
    locate(&mut checked, &documents);
    checked
}

fn shown(diagnostic: &Diagnostic, is_short: bool) -> String {
    let mut out = String::new();
    if let Some(span) = &diagnostic.span {
        let column = if is_short { String::new() } else { format!(":{}+{}", span.column, span.length) };
        write!(out, "{}:{}{column}: ", span.file, span.line).unwrap();
    }
    if let Some(object) = &diagnostic.object {
        write!(out, "{object}: ").unwrap();
    }
    if !diagnostic.path.is_empty() {
        write!(out, "{}: ", diagnostic.path).unwrap();
    }
    writeln!(out, "{} [{}]", diagnostic.message, diagnostic.code).unwrap();
    for (what, text) in [("why", &diagnostic.cause), ("fix", &diagnostic.hint)] {
        if let Some(text) = text {
            writeln!(out, "  {what}: {text}").unwrap();
        }
    }
    out
}
