//! Widths, wrapping, cutting.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::style::Style;

/// Columns that the text takes on a terminal. It must have no escape codes.
pub(crate) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text without what would move a terminal's cursor or colour the rest, whoever wrote it.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The text in so many columns at most, with an ellipsis where it was cut.
pub(crate) fn cut(text: &str, columns: usize, style: Style) -> String {
    let text = &printable(text);
    if width(text) <= columns {
        return text.clone();
    }
    let end = style.ellipsis();
    let mut room = columns.saturating_sub(width(end));
    let fits = |c: &char| {
        let taken = c.width().unwrap_or(0);
        let fits = taken <= room;
        room = if fits { room - taken } else { 0 };
        fits
    };
    let kept: String = text.chars().take_while(fits).collect();
    if columns < width(end) { String::new() } else { kept.trim_end().to_owned() + end }
}

/// The text in lines of so many columns, each after the first behind the indent.
pub(crate) fn wrap(text: &str, columns: usize, indent: &str) -> Vec<String> {
    // Below this, cutting words apart is all that would be left.
    let columns = columns.max(width(indent) + 12);
    let text = text.split('\n').map(printable).collect::<Vec<_>>().join("\n");
    let options = textwrap::Options::new(columns)
        .subsequent_indent(indent)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
    textwrap::wrap(&text, options).into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// The same of what somebody may copy: no word is cut, and what begins a line stays at its beginning. With a `margin`,
/// all lines but the first begin with more spaces.
pub(crate) fn wrap_words(text: &str, columns: usize, margin: &str) -> Vec<String> {
    let wrapped = text.split('\n').flat_map(|line| {
        let own = &line[..line.len() - line.trim_start().len()];
        let indent = format!("{own}{margin}");
        let options = textwrap::Options::new(columns)
            .initial_indent(own)
            .subsequent_indent(&indent)
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
        let lines = textwrap::wrap(line.trim_start(), options).into_iter();
        lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>()
    });
    wrapped.collect()
}

/// The text behind spaces up to a width.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// `1 resource`, `3 resources`.
pub(crate) fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A span of time, as `60 s` or `200 ms`.
pub(crate) fn span(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_never_exceeds_the_columns() {
        for text in ["short", "a rather long sentence", "한국어로 쓴 문장", "👩‍👩‍👧 family"]
        {
            for columns in 0..30 {
                for unicode in [true, false] {
                    let style = Style { unicode, ..Style::PLAIN };
                    let cut = cut(text, columns, style);
                    assert!(width(&cut) <= columns, "{cut:?} in {columns}");
                }
            }
        }
        assert_eq!(cut("a rather long sentence", 10, Style::PLAIN), "a rather…");
    }

    #[test]
    fn nobody_moves_the_cursor() {
        let text = "\x1b[2J\x1b[31mred\r\u{9b}1A";
        assert_eq!(cut(text, 80, Style::PLAIN), " [2J [31mred  1A");
        assert_eq!(wrap("a\tb\nc\x07", 40, ""), ["a b", "c"]);
    }

    #[test]
    fn wrapping_keeps_every_word() {
        let text = "delivered to instance db-1 (10.0.2.4) by a rather long way";
        for columns in [12, 20, 40, 80] {
            let lines = wrap(text, columns, "  ");
            assert_eq!(lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" "), text);
            assert!(lines.iter().all(|line| width(line) <= columns.max(14)), "{lines:?}");
        }
    }
}
