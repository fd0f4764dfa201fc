//! Conversations: each file in `conversations/` says what happens, and what a machine does about it.
//!
//! A line at the margin happens; an indented one is what follows from it. `RENEW=1` writes what follows now into the files,
//! to be read before it is kept. Files begin with `server` or `host`, which says what machine it is; `##` begins a new story
//! with a machine that knows nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod talk;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[test]
fn every_conversation_goes_so() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8, "the conversations are gone: {files:?}");
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

/// The file with what follows now.
fn renewed(text: &str) -> String {
    let happens = |line: &&str| !line.starts_with("  ");
    let mut stories = text.split("\n## ");
    let head = stories.next().unwrap();
    let settings: Vec<&str> =
        head.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let mut out = head.trim_end().to_owned();
    for story in stories {
        let (title, rest) = story.split_once('\n').unwrap_or((story, ""));
        write!(out, "\n\n## {title}").unwrap();
        let mut machine = talk::Machine::new(&settings);
        for line in rest.lines().filter(happens).filter(|line| !line.is_empty()) {
            write!(out, "\n{line}").unwrap();
            if line.starts_with('#') {
                continue;
            }
            for follows in machine.happen(line) {
                write!(out, "\n  {follows}").unwrap();
            }
        }
    }
    out + "\n"
}
