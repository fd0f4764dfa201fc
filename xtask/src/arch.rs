//! Whether the code keeps to the plan of the house.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Crates that do I/O, or read the clock, or make randomness. A name with a star stands for all that begin so.
const IO_CRATES: [&str; 32] = [
    "async-*",
    "aya",
    "aya-*",
    "bollard",
    "chrono",
    "crossterm",
    "fastrand",
    "getrandom",
    "hyper",
    "hyper-*",
    "libc",
    "mio",
    "neli",
    "netlink-*",
    "nix",
    "notify",
    "quinn",
    "rand",
    "rand_core",
    "redb",
    "reqwest",
    "rtnetlink",
    "rustix",
    "seccompiler",
    "signal-hook",
    "smol",
    "socket2",
    "tempfile",
    "time",
    "tokio",
    "tokio-*",
    "uuid",
];

/// Modules and types of the standard library that do. (Of jiff, which knows times, pure crates use what reads a time that is
/// given, never its clock.) What is under `std::net` beside these are addresses alone.
const IO_PATHS: [(&str, &str); 11] = [
    ("std::fs", "files"),
    ("std::net::TcpStream", "sockets"),
    ("std::net::TcpListener", "sockets"),
    ("std::net::UdpSocket", "sockets"),
    ("std::time::SystemTime", "the clock"),
    ("std::time::Instant", "the clock"),
    ("std::process", "processes"),
    ("std::env", "the environment"),
    ("std::thread", "threads"),
    ("std::os", "the operating system"),
    ("std::io", "I/O"),
];

/// Stages with files of one language only, each for a reason.
const ONE_SIDED_STAGES: [&str; 0] = [];

/// What was looked at, and what is wrong.
pub(crate) struct Report {
    crates: usize,
    files: usize,
    stages: usize,
    pub(crate) violations: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { crates, files, stages, violations } = self;
        if violations.is_empty() {
            return write!(f, "the architecture holds: {crates} pure crates, {files} files, {stages} stages");
        }
        violations.iter().try_for_each(|violation| writeln!(f, "{violation}"))?;
        write!(f, "{} violations of the architecture; ARCHITECTURE.md says why it is so", violations.len())
    }
}

/// Looks at the workspace that `cargo metadata` describes.
pub(crate) fn check(metadata: &Value) -> Result<Report, String> {
    let root =
        metadata["workspace_root"].as_str().map(Path::new).ok_or("cargo metadata names no workspace_root")?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let under = |folder: &str| {
        let folder = root.join(folder);
        packages.iter().filter(move |package| manifest(package).is_some_and(|path| path.starts_with(&folder)))
    };
    let host: BTreeSet<&str> = under("crates/host").filter_map(|package| package["name"].as_str()).collect();
    let mut report = Report { crates: 0, files: 0, stages: 0, violations: Vec::new() };
    for package in under("crates/pure") {
        report.crates += 1;
        report.violations.extend(dependencies(package, &host));
        let folder = manifest(package).and_then(|path| path.parent()).ok_or("a manifest has no folder")?;
        let of_tests = |file: &Path| file.file_stem().is_some_and(|stem| stem == "tests");
        for file in rust_files(&folder.join("src"))?.into_iter().filter(|file| !of_tests(file)) {
            let text = read(&file)?;
            report.files += 1;
            let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            report.violations.extend(mentions(&shown, without_tests(&text)));
        }
    }
    let kernel = stems(&root.join("bpf/stages"), "h")?;
    let reference = stems(&root.join("crates/pure/datapath/src/stages"), "rs")?;
    report.stages = kernel.union(&reference).count();
    report.violations.extend(stages(&kernel, &reference));
    Ok(report)
}

fn manifest(package: &Value) -> Option<&Path> {
    package["manifest_path"].as_str().map(Path::new)
}

/// Normal dependencies of a pure crate that it may not have. Tests and build scripts may do I/O.
fn dependencies(package: &Value, host: &BTreeSet<&str>) -> Vec<String> {
    let of = package["name"].as_str().unwrap_or_default();
    let normal = package["dependencies"].as_array().into_iter().flatten().filter(|d| d["kind"].is_null());
    let names = normal.filter_map(|dependency| dependency["name"].as_str());
    let io = |name: &str| {
        IO_CRATES
            .iter()
            .any(|known| known.strip_suffix('*').map_or(*known == name, |start| name.starts_with(start)))
    };
    let wrong = |name: &str| {
        if host.contains(name) {
            Some(format!(
                "{of} depends on {name}: a pure crate knows no host crate; turn the dependency round"
            ))
        } else if io(name) {
            Some(format!(
                "{of} depends on {name}: a pure crate does no I/O; take what it gives as an argument"
            ))
        } else {
            None
        }
    };
    names.filter_map(wrong).collect()
}

/// Lines of a source file that reach I/O.
fn mentions(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut offset = 0;
    for statement in text.split_inclusive(';') {
        let code = without_comments(statement);
        for (path, what) in IO_PATHS {
            if expanded(&code).iter().any(|used| used == path || used.starts_with(&format!("{path}::"))) {
                let word = path.rsplit("::").next().unwrap_or(path);
                let before = statement.find(word).unwrap_or(0);
                let line = text[..offset + before].lines().count().max(1);
                found.push(format!(
                    "{file}:{line}: {path}: a pure crate does not reach {what}; take what it gives as an argument"
                ));
            }
        }
        offset += statement.len();
    }
    found
}

/// Tests stand at the end of a file, or in one of their own, and may measure time and start threads.
fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {").map_or(text, |end| &text[..end])
}

fn without_comments(statement: &str) -> String {
    statement.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Every path that begins with `std::`, with braces written out.
fn expanded(code: &str) -> Vec<String> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("std::") {
        tree("std::", &code[at + "std::".len()..], &mut paths);
    }
    paths
}

/// Reads one use tree and gives what is left after it.
fn tree<'a>(before: &str, code: &'a str, paths: &mut Vec<String>) -> &'a str {
    if let Some(mut rest) = code.strip_prefix('{') {
        while !rest.is_empty() && !rest.starts_with('}') {
            let left = tree(before, rest, paths);
            rest = left.strip_prefix(',').unwrap_or(left);
            if left.len() == rest.len() && !rest.starts_with('}') {
                break;
            }
        }
        return rest.strip_prefix('}').unwrap_or(rest);
    }
    let end = code.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '*')).unwrap_or(code.len());
    let (name, rest) = code.split_at(end);
    let path = format!("{before}{}", if name == "self" { "" } else { name });
    match rest.strip_prefix("::") {
        Some(more) => tree(&format!("{path}::"), more, paths),
        None => {
            paths.push(path.trim_end_matches("::").to_owned());
            rest
        }
    }
}

fn stages(kernel: &BTreeSet<String>, reference: &BTreeSet<String>) -> Vec<String> {
    let alone = |name: &&String| !ONE_SIDED_STAGES.contains(&name.as_str());
    let c = kernel.difference(reference).filter(alone);
    let c = c.map(|name| {
        format!("bpf/stages/{name}.h has no crates/pure/datapath/src/stages/{name}.rs beside it")
    });
    let rust = reference.difference(kernel).filter(alone);
    let rust = rust.map(|name| {
        format!("crates/pure/datapath/src/stages/{name}.rs has no bpf/stages/{name}.h beside it")
    });
    c.chain(rust).map(|what| format!("{what}: a stage is two files of one name")).collect()
}

/// The names of a folder's files of this extension. A folder that is missing has none.
fn stems(folder: &Path, extension: &str) -> Result<BTreeSet<String>, String> {
    let files = files(folder)?;
    let right = files.iter().filter(|path| path.extension().is_some_and(|e| e == extension));
    let stems = right.filter_map(|path| path.file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    Ok(stems.filter(|stem| stem != "mod").collect())
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for path in files(folder)? {
        if path.is_dir() {
            found.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let read =
        || fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut files =
        read().map_err(|error: std::io::Error| format!("{} cannot be read: {error}", folder.display()))?;
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_found_however_they_are_written() {
        let bad = [
            "use std::fs;",
            "use std::{fmt, fs::{self, File}};",
            "use std::net::{IpAddr, UdpSocket};",
            "let now = std::time::Instant::now();",
            "use std::{\n    collections::BTreeMap,\n    time::{Duration, SystemTime},\n};",
            "use ::std::os::fd::AsFd;",
        ];
        for code in bad {
            assert_eq!(mentions("a.rs", code).len(), 1, "{code}: {:?}", mentions("a.rs", code));
        }
        let good = [
            "use std::net::{IpAddr, Ipv4Addr};",
            "use std::time::Duration;",
            "// not std::fs, ever",
            "use std::fmt::{self, Write};",
            "use crate::process::{env, fs};",
            "use std::{collections::{BTreeMap, BTreeSet}, fmt};",
        ];
        for code in good {
            assert!(mentions("a.rs", code).is_empty(), "{code}: {:?}", mentions("a.rs", code));
        }
    }

    #[test]
    fn the_line_is_named() {
        let text = "use std::fmt;\nuse std::{\n    collections::BTreeMap,\n    fs,\n};\n";
        assert_eq!(
            mentions("a.rs", text),
            ["a.rs:4: std::fs: a pure crate does not reach files; take what it gives as an argument"]
        );
    }

    #[test]
    fn only_normal_dependencies_count() {
        let dependency = |name: &str, kind: Value| json!({ "name": name, "kind": kind });
        let package = json!({ "name": "madang-x", "dependencies": [
            dependency("serde", Value::Null),
            dependency("tokio-util", Value::Null),
            dependency("madang-kernel", Value::Null),
            dependency("tempfile", json!("dev")),
        ] });
        let found = dependencies(&package, &BTreeSet::from(["madang-kernel"]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("tokio-util") && found[1].contains("no host crate"));
    }

    #[test]
    fn a_stage_without_its_twin_is_named() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let found = stages(&set(&["parse", "policy"]), &set(&["parse", "guard"]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("bpf/stages/policy.h has no") && found[1].contains("stages/guard.rs has no")
        );
        assert!(stages(&set(&["parse"]), &set(&["parse"])).is_empty());
    }
}
