//! The book's page of addresses: what it shows is what is printed.

use std::path::Path;
use std::process::Command;

/// The commands of the page, each with what stands below it.
fn shown(page: &str) -> Vec<(&str, &str)> {
    let blocks = page.split("```").skip(1).step_by(2);
    let sessions = blocks.flat_map(|block| block.split("\n$ ").skip(1));
    sessions.map(|session| session.split_once('\n').unwrap_or((session, ""))).collect()
}

#[test]
fn the_page_of_addresses_shows_what_is_printed() {
    let page = include_str!("../../../../docs/src/addresses.md");
    let binary = Path::new(env!("CARGO_BIN_EXE_madang"));
    let folder = binary.parent().unwrap().to_str().unwrap();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    let shown = shown(page);
    assert!(shown.len() >= 10, "{shown:?}");
    for (typed, expected) in shown {
        let output =
            Command::new("sh").args(["-c", typed]).env("PATH", &path).env("LC_ALL", "C").output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed.trim_end(), expected.trim_end(), "{typed}");
    }
}
