//! The book and the READMEs hold together: pages are listed, links lead somewhere, YAML is right, and what is typed in
//! them can be typed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use madang_model::{Resource, SourceFile, allocate, check, parse};

#[test]
fn the_summary_lists_every_page() {
    let folder = root().join("docs/src");
    let listed: BTreeSet<PathBuf> =
        links(&read(&folder.join("SUMMARY.md"))).iter().map(|link| folder.join(link)).collect();
    let mut there: BTreeSet<PathBuf> = files(&folder, "md").into_iter().collect();
    there.remove(&folder.join("SUMMARY.md"));
    assert_eq!(listed, there);
}

#[test]
fn every_link_leads_somewhere() {
    let book = root().join("docs/src");
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages() {
        let text = read(&page);
        for link in links(&text).into_iter().filter(|link| !link.starts_with("http")) {
            count += 1;
            let (path, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target =
                if path.is_empty() { page.clone() } else { plain(&page.parent().unwrap().join(path)) };
            let leaves = page.starts_with(&book) && !target.starts_with(&book);
            let has_heading = || read(&target).lines().any(|l| l.starts_with('#') && anchor(l) == heading);
            if leaves || !target.exists() || !(heading.is_empty() || has_heading()) {
                wrong.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(count > 30, "the links are not found: {count}");
    assert!(wrong.is_empty(), "these links lead nowhere, or out of the book:\n{}", wrong.join("\n"));
}

#[test]
fn every_example_is_right() {
    let examples = files(&root().join("examples"), "yaml");
    assert!(examples.len() >= 2, "{examples:?}");
    for path in examples {
        let resources = resources(&path.display().to_string(), &read(&path));
        assert_eq!(mistakes(&resources), Vec::<String>::new(), "{}", path.display());
    }
}

/// Each block stands alone, or as a change of the shop in `examples/shop.yaml`.
#[test]
fn every_piece_of_yaml_is_right() {
    let shop = resources("shop.yaml", &read(&root().join("examples/shop.yaml")));
    let mut count = 0;
    for page in pages() {
        let text = read(&page);
        let with_kinds = |block: &str| block.lines().any(|line| line.starts_with("kind:"));
        for (_, line, block) in blocks(&text).into_iter().filter(|(_, _, block)| with_kinds(block)) {
            count += 1;
            let place = format!("{}:{line}", page.display());
            let own = resources(&place, &block);
            if mistakes(&own).is_empty() {
                continue;
            }
            let kept = |old: &&Resource| own.iter().all(|new| new.object_ref() != old.object_ref());
            let whole: Vec<_> = shop.iter().filter(kept).chain(&own).cloned().collect();
            assert_eq!(mistakes(&whole), Vec::<String>::new(), "{place}");
        }
    }
    assert!(count > 8, "the YAML is not found: {count}");
}

#[test]
fn what_is_typed_can_be_typed() {
    let mut count = 0;
    for page in pages() {
        let text = read(&page);
        for (_, line, block) in blocks(&text).into_iter().filter(|(language, _, _)| *language == "console") {
            for typed in block.lines().filter_map(typed) {
                count += 1;
                let words =
                    typed.split_whitespace().take_while(|word| !matches!(*word, "|" | ">" | "&&" | "#"));
                if let Err(error) = madang_cli::command().try_get_matches_from(words) {
                    panic!("{}:{line}: {typed}\n{error}", page.display());
                }
            }
        }
        let commands = madang_cli::command();
        let prose = prose(&text);
        let code = prose.split('`').skip(1).step_by(2);
        for words in code.filter_map(|code| code.strip_prefix("madang ")) {
            let word = words.split_whitespace().next().unwrap_or_default();
            let known = word.starts_with('-') || commands.find_subcommand(word).is_some();
            assert!(known, "{}: `madang {words}` is no command", page.display());
        }
    }
    assert!(count > 15, "what is typed is not found: {count}");
}

#[test]
fn both_readmes_show_the_same() {
    let shown = |name: &str| {
        let text = read(&root().join(name));
        let code =
            blocks(&text).into_iter().filter(|(language, _, _)| ["yaml", "console"].contains(language));
        code.map(|(_, _, block)| block).collect::<Vec<_>>()
    };
    let english = shown("README.md");
    assert!(english.len() >= 2);
    assert_eq!(english, shown("README.ko.md"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a folder that end so.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The pages of the book, the READMEs, and what stands beside them.
fn pages() -> Vec<PathBuf> {
    let root = root();
    let mut pages = files(&root.join("docs"), "md");
    let beside = ["README.md", "README.ko.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    pages.extend(beside.map(|name| root.join(name)));
    pages
}

/// The blocks of code in a page: language, first line, text.
fn blocks(text: &str) -> Vec<(&str, usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language, index + 2, String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, _, block))) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of code does not end");
    blocks
}

/// The text outside of blocks of code.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// Where the links of a page lead.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let after = prose.split("](").skip(1);
    after.map(|rest| rest.split(')').next().unwrap().to_owned()).collect()
}

/// The name by which a heading can be linked.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The path without dots in it.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// The command that a line of a console shows somebody typing, if it is one of Madang's.
fn typed(line: &str) -> Option<&str> {
    let words = line.strip_prefix("# ").or_else(|| line.strip_prefix("$ "))?;
    let words = words.strip_prefix("sudo ").unwrap_or(words);
    words.starts_with("madang ").then_some(words)
}

fn resources(name: &str, text: &str) -> Vec<Resource> {
    let file = SourceFile { name: name.to_owned(), text: text.to_owned() };
    let documents = parse(&[file]).unwrap_or_else(|wrong| panic!("{name}: {wrong:#?}\n{text}"));
    documents.into_iter().map(|document| document.resource).collect()
}

/// What is wrong with the resources, as a whole.
fn mistakes(resources: &[Resource]) -> Vec<String> {
    let mut resources = resources.to_vec();
    let mut found = allocate(&[], &mut resources);
    found.extend(check(&resources).1);
    found.iter().map(|diagnostic| format!("{:?}: {}", diagnostic.object, diagnostic.message)).collect()
}
