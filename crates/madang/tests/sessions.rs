//! What the README and the quick start show is what happens: their commands are typed into the real binary, on the real
//! kernel, and each line that they show must be said, in this order. `...` stands for lines that are left out; MAC
//! addresses, times and places may differ.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a command is tried again until it says what is shown: a process may not listen yet.
const LIMIT: Duration = Duration::from_secs(15);

#[test]
fn the_readme() {
    let page = read("README.md");
    let session = Session::new();
    session.file("home.yaml", block(&page, "yaml", 0));
    session.plays(&page);
}

#[test]
fn the_quick_start() {
    let page = read("docs/src/quick-start.md");
    let session = Session::new();
    session.file("examples/quick-start.yaml", &read("examples/quick-start.yaml"));
    session.file("client.yaml", block(&page, "yaml", 1));
    session.plays(&page);
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// The blocks of code in this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let code = page.split("```").skip(1).step_by(2);
    code.filter_map(|code| code.strip_prefix(language)?.strip_prefix('\n')).collect()
}

fn block<'a>(page: &'a str, language: &str, nth: usize) -> &'a str {
    blocks(page, language)[nth]
}

/// A Madang of its own.
struct Session {
    place: TempDir,
}

impl Session {
    fn new() -> Self {
        Self { place: tempfile::Builder::new().prefix("madang-session.").tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.place.path().canonicalize().unwrap()
    }

    fn root(&self) -> PathBuf {
        self.path().join("root")
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Types the commands of Madang that the page shows, and compares.
    #[expect(clippy::print_stderr, reason = "a person who runs the tests should see that some were skipped")]
    fn plays(&self, page: &str) {
        let root = rustix::process::geteuid().is_root();
        assert!(root || std::env::var_os("CI").is_none(), "these tests need root");
        if !root {
            eprintln!("skipped: this test needs root");
            return;
        }
        let mut typed = 0;
        for exchange in blocks(page, "console").iter().flat_map(|block| exchanges(block)) {
            let (words, shown) = exchange;
            if let Some(words) = words.strip_prefix("madang ") {
                self.holds(words, &shown);
                typed += 1;
            }
        }
        assert!(typed >= 4, "the commands are not found: {typed}");
    }

    fn holds(&self, words: &str, shown: &[&str]) {
        let end = Instant::now() + LIMIT;
        loop {
            let said = self.said(words);
            let Some(missing) = first_missing(&said, shown) else { return };
            let again = words.starts_with("exec ") && Instant::now() < end;
            assert!(again, "madang {words}\n-- does not say\n{missing}\n-- but\n{said}");
        }
    }

    /// Both streams, as on a terminal of 80 columns.
    fn said(&self, words: &str) -> String {
        let log = self.path().join("said");
        let file = File::create(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_madang"));
        command.arg("--root").arg(self.root()).args(words.split_whitespace()).current_dir(self.path());
        command.env("COLUMNS", "80").env("NO_COLOR", "1").env("LANG", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        command.status().unwrap();
        let root = self.root().display().to_string();
        let said = fs::read_to_string(log).unwrap();
        said.replace(&format!("{root}/run"), "/run/madang").replace(&format!(" --root {root}"), "")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.root().join("run/madang.sock").exists() {
            self.said("down --all");
        }
    }
}

/// Each command that is typed, and the lines that are shown after it.
fn exchanges(block: &str) -> Vec<(&str, Vec<&str>)> {
    let mut exchanges: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in block.lines().filter(|line| !line.is_empty()) {
        if let Some(typed) = line.strip_prefix("# ").or_else(|| line.strip_prefix("$ ")) {
            exchanges.push((typed, Vec::new()));
        } else if let (false, Some((_, shown))) = (line == "...", exchanges.last_mut()) {
            shown.push(line);
        }
    }
    exchanges
}

/// The first line that is shown and not said after those before it.
fn first_missing<'a>(said: &str, shown: &[&'a str]) -> Option<&'a str> {
    let mut lines = said.lines().map(plain);
    shown.iter().find(|line| !lines.any(|said| said == plain(line))).copied()
}

/// The line without what differs each time.
fn plain(line: &str) -> String {
    let words = line.split_whitespace().collect::<Vec<_>>();
    let plain = words.iter().enumerate().map(|(n, word)| {
        let number = |text: &str| text.parse::<f64>().is_ok();
        let time = word.strip_suffix('s').is_some_and(number)
            || (n > 0 && words[n - 1] == "in" && number(word))
            || words.get(n + 1).is_some_and(|next| *next == "ms;");
        let mac = word.split(':').count() == 6;
        if time || mac { "#" } else { word }
    });
    plain.collect::<Vec<_>>().join(" ")
}
