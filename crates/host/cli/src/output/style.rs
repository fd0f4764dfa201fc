//! Colours, marks and width: what the terminal at the other end takes, if there is one.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use crate::args::ColorChoice;

/// What a text is, from which its colour follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Added, ready, allowed.
    Good,
    /// Deleted, failed, dropped.
    Bad,
    /// Changed, waited for.
    Change,
    /// A heading.
    Heading,
    /// A resource.
    Object,
    /// Beside the point: where something was written.
    Faint,
}

impl Role {
    /// The parameters of ECMA-48's SGR.
    fn sgr(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Change => "33",
            Self::Heading => "1",
            Self::Object => "36",
            Self::Faint => "2",
        }
    }
}

/// How to write to one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether escape codes for colours are wanted.
    pub(crate) color: bool,
    /// Whether more than ASCII can be shown in marks and frames.
    pub(crate) unicode: bool,
    /// Whether a person sees it as it is written, on a terminal that can redraw.
    pub(crate) terminal: bool,
}

/// Where there is no terminal to ask.
pub(crate) const DEFAULT_WIDTH: usize = 80;

impl Style {
    /// Plain text: no colours, no terminal.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { color: false, unicode: true, terminal: false };

    /// For this stream, in this environment.
    pub(crate) fn of(stream: &(impl IsTerminal + AsFd), choice: ColorChoice) -> Self {
        Self::from_environment(stream.is_terminal(), choice, |name| std::env::var(name).ok())
    }

    fn from_environment(
        is_terminal: bool,
        choice: ColorChoice,
        var: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let set = |name| var(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_none_or(|term| term == "dumb");
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            // https://no-color.org: set and not empty.
            ColorChoice::Auto => is_terminal && !dumb && set("NO_COLOR").is_none(),
        };
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_lowercase();
        let unicode = locale.contains("utf-8") || locale.contains("utf8");
        Self { color, unicode, terminal: is_terminal && !dumb }
    }

    /// The text, in the role's colour.
    pub(crate) fn paint(self, role: Role, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", role.sgr())
        } else {
            text.to_owned()
        }
    }

    /// The mark of what is done and right.
    pub(crate) fn tick(self) -> &'static str {
        if self.unicode { "✓" } else { "+" }
    }

    /// The mark of what failed.
    pub(crate) fn cross(self) -> &'static str {
        if self.unicode { "✗" } else { "x" }
    }

    /// The mark of what goes on, at this moment.
    pub(crate) fn spinner(self, moment: usize) -> &'static str {
        const FINE: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
        const PLAIN: [&str; 4] = ["-", "\\", "|", "/"];
        if self.unicode { FINE[moment % FINE.len()] } else { PLAIN[moment % PLAIN.len()] }
    }

    /// The end of what was cut short.
    pub(crate) fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }
}

/// The columns and lines of the terminal behind a stream; if there is none, of the environment's COLUMNS.
pub(crate) fn size(stream: &impl AsFd) -> (usize, usize) {
    match rustix::termios::tcgetwinsize(stream) {
        Ok(size) if size.ws_col > 0 => (size.ws_col.into(), usize::from(size.ws_row).max(2)),
        _ => {
            let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|n| *n > 0);
            (columns.unwrap_or(DEFAULT_WIDTH), 24)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(is_terminal: bool, choice: ColorChoice, vars: &[(&str, &str)]) -> Style {
        let find = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Style::from_environment(is_terminal, choice, find)
    }

    #[test]
    fn colours_only_where_they_are_wanted() {
        let xterm = ("TERM", "xterm");
        assert!(style(true, ColorChoice::Auto, &[xterm]).color);
        assert!(style(true, ColorChoice::Auto, &[xterm, ("NO_COLOR", "")]).color);
        assert!(!style(true, ColorChoice::Auto, &[xterm, ("NO_COLOR", "1")]).color);
        assert!(!style(true, ColorChoice::Auto, &[("TERM", "dumb")]).color);
        assert!(!style(true, ColorChoice::Auto, &[]).color);
        assert!(!style(false, ColorChoice::Auto, &[xterm]).color);
        assert!(!style(true, ColorChoice::Never, &[xterm]).color);
        assert!(style(false, ColorChoice::Always, &[("NO_COLOR", "1")]).color);
    }

    #[test]
    fn a_dumb_terminal_is_not_redrawn() {
        assert!(!style(true, ColorChoice::Always, &[("TERM", "dumb")]).terminal);
        assert!(style(true, ColorChoice::Never, &[("TERM", "xterm")]).terminal);
    }

    #[test]
    fn marks_follow_the_locale() {
        assert_eq!(style(true, ColorChoice::Auto, &[("LANG", "ko_KR.UTF-8")]).tick(), "✓");
        assert_eq!(style(true, ColorChoice::Auto, &[("LANG", "C")]).tick(), "+");
        assert_eq!(style(true, ColorChoice::Auto, &[("LANG", "C"), ("LC_ALL", "C.utf8")]).tick(), "✓");
        assert_eq!(style(true, ColorChoice::Auto, &[("LC_ALL", "C"), ("LANG", "ko_KR.UTF-8")]).tick(), "+");
    }
}
