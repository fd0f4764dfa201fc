//! What every command has at hand: where Madang stands, and how to speak to the person.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use madang_api::{Client, ClientError};
use madang_kernel::Layout;
use madang_model::DEFAULT_NAMESPACE;

use crate::args::Global;
use crate::error::{Failure, causes};
use crate::output::diagnostics;
use crate::output::style::{self, Role, Style};
use crate::output::text::wrap_words;

/// What every command has at hand.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// Where this Madang stands.
    pub(crate) layout: Layout,
    /// How to print data, to standard output.
    pub(crate) data: Style,
    /// How to print words, to standard error.
    pub(crate) words: Style,
    /// How often `-v` was given.
    pub(crate) verbose: u8,
    /// The project that was named with `-n`.
    pub(crate) named_project: Option<String>,
}

impl Context {
    /// From the global options.
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        let root = global.root.as_deref().map(absolute).transpose()?;
        Ok(Self {
            layout: Layout::new(root.as_deref()),
            data: Style::of(&io::stdout(), global.color),
            words: Style::of(&io::stderr(), global.color),
            verbose: global.verbose,
            named_project: global.namespace.clone(),
        })
    }

    /// The project of what is named without one.
    pub(crate) fn project(&self) -> &str {
        self.named_project.as_deref().unwrap_or(DEFAULT_NAMESPACE)
    }

    /// Writes data to standard output.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|source| Failure::Output { source })
    }

    /// Writes lines to standard output, as they are made.
    pub(crate) fn print_lines(&self, mut lines: impl Iterator<Item = String>) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        let written = lines.try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush());
        written.map_err(|source| Failure::Output { source })
    }

    /// Writes a value to standard output as JSON, as it is made.
    pub(crate) fn print_json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        let written = serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from);
        let written = written.and_then(|()| writeln!(out)).and_then(|()| out.flush());
        written.map_err(|source| Failure::Output { source })
    }

    /// Says something, in a line on standard error.
    pub(crate) fn say(&self, text: &str) {
        // There is nobody left to tell that nobody listens.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Says something that only matters to who wants to see more.
    pub(crate) fn say_more(&self, text: &str) {
        if self.verbose > 0 {
            self.say(&self.words.paint(Role::Faint, text));
        }
    }

    /// Columns to print data in.
    pub(crate) fn columns(&self) -> usize {
        style::size(&io::stdout()).0
    }

    /// The daemon.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        self.find_client().await?.ok_or_else(|| Failure::NoDaemon { socket: self.layout.socket() })
    }

    /// The daemon, if one answers.
    pub(crate) async fn find_client(&self) -> Result<Option<Client>, Failure> {
        let socket = self.layout.socket();
        self.say_more(&format!("asking the daemon at {}", socket.display()));
        match Client::connect(&socket).await {
            Ok(client) => Ok(Some(client)),
            Err(ClientError::NoDaemon { .. }) => Ok(None),
            Err(ClientError::Denied { .. }) => Err(Failure::Forbidden { socket }),
            Err(source) => Err(Failure::api("speak to the daemon", source)),
        }
    }

    /// The command that does this with the same Madang, as it is typed.
    pub(crate) fn command(&self, rest: &str) -> String {
        let root = self.layout.root().map(|root| format!(" --root {}", root.display())).unwrap_or_default();
        let project = self.named_project.as_ref().map(|project| format!(" -n {project}")).unwrap_or_default();
        format!("madang{root}{project} {rest}")
    }

    /// Says why a command failed.
    pub(crate) fn report(&self, failure: &Failure) {
        let columns = style::size(&io::stderr()).0;
        let text = explain_failure(failure, self.words, columns);
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

/// What failed, why, and what to do.
pub(crate) fn explain_failure(failure: &Failure, style: Style, columns: usize) -> String {
    match failure {
        Failure::Exit(_) => return String::new(),
        Failure::Invalid { diagnostics, files } => {
            return diagnostics::render(diagnostics, files, style, columns);
        }
        Failure::Interrupted { goes_on } => return format!("{goes_on}\n"),
        _ => {}
    }
    // A program that reads it wants whole lines.
    let columns = if style.terminal { columns } else { usize::MAX };
    let mut text = labelled(("error:", Role::Bad), &failure.to_string(), style, columns);
    for cause in causes(failure) {
        text += &lines(&format!("  because: {cause}"), columns);
    }
    if let Failure::Daemon { tail, .. } = failure {
        if !tail.is_empty() {
            text += "  its last words:\n";
        }
        text.extend(tail.iter().map(|line| lines(&format!("    {line}"), columns)));
    }
    if let Some(hint) = failure.hint() {
        text += &labelled(("hint:", Role::Object), &hint, style, columns);
    }
    text
}

/// A text behind a coloured word, in lines.
fn labelled((label, role): (&str, Role), text: &str, style: Style, columns: usize) -> String {
    lines(&format!("{label} {text}"), columns).replacen(label, &style.paint(role, label), 1)
}

fn lines(text: &str, columns: usize) -> String {
    wrap_words(text, columns, "  ").into_iter().map(|line| line + "\n").collect()
}

/// The directory's own path, so that it means the same wherever the daemon stands, and under whichever name it was given.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let doing = || format!("find the directory {}", path.display());
    let path = std::path::absolute(path).map_err(|source| Failure::Host { doing: doing(), source })?;
    for existing in path.ancestors() {
        if let Ok(real) = existing.canonicalize() {
            let rest = path.strip_prefix(existing).expect("an ancestor is a prefix");
            return Ok(if rest.as_os_str().is_empty() { real } else { real.join(rest) });
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_absolute_and_has_one_name() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("a")).unwrap();
        std::os::unix::fs::symlink(real.join("a"), real.join("b")).unwrap();
        assert_eq!(absolute(&real.join("b/new")).unwrap(), real.join("a/new"));
        assert_eq!(absolute(&real.join("b")).unwrap(), real.join("a"));
        assert!(absolute(Path::new("relative")).unwrap().is_absolute());
    }

    #[test]
    fn failures_say_what_and_why_and_what_to_do() {
        let say = |failure: Failure| explain_failure(&failure, Style::PLAIN, 80);
        insta::assert_snapshot!(say(Failure::NoDaemon { socket: "/run/madang/madang.sock".into() }), @r"
        error: no Madang answers at /run/madang/madang.sock
        hint: start one: sudo madang up -f FILE, or sudo madang serve
        ");
        let narrow = Style { terminal: true, ..Style::PLAIN };
        let socket = "/srv/madang/a-long-name/run/madang.sock".into();
        insta::assert_snapshot!(explain_failure(&Failure::NoDaemon { socket }, narrow, 40), @r"
        error: no Madang answers at
          /srv/madang/a-long-name/run/madang.sock
        hint: start one: sudo madang up -f FILE,
          or sudo madang serve
        ");
        insta::assert_snapshot!(say(Failure::NotRoot { doing: "starting the daemon" }), @r"
        error: starting the daemon needs root
        hint: run it again with sudo
        ");
        insta::assert_snapshot!(say(Failure::Read { path: "shop.yaml".into(), source: io::Error::from_raw_os_error(2) }), @r"
        error: cannot read shop.yaml
          because: No such file or directory (os error 2)
        ");
        insta::assert_snapshot!(say(Failure::Daemon {
            what: "ended before it answered".to_owned(),
            log: "/run/madang/madang.log".into(),
            tail: vec!["ERROR the store is locked by another daemon".to_owned()],
        }), @r"
        error: the daemon ended before it answered
          its last words:
            ERROR the store is locked by another daemon
        hint: see all of its log: /run/madang/madang.log; and madang doctor
        ");
    }
}
