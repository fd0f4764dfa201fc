//! The lines of a file around a place in it, as miette draws them. Of long lines only what is around the place is shown.

use std::ops::Range;

use madang_model::Span;
use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use unicode_width::UnicodeWidthChar;

use super::style::Style;
use super::text::width;

/// Lines before and after the one that is meant.
pub(crate) const AROUND: usize = 1;
/// How narrow a line may be cut at most.
const NARROWEST: usize = 16;
/// How miette shows a tab.
const TAB: usize = 4;

/// The lines, and where in them the place is.
#[derive(Debug)]
pub(crate) struct Excerpt {
    file: String,
    text: String,
    /// How many lines of the file come before.
    above: usize,
    /// Of the place in its line, in characters from 0.
    column: usize,
    span: SourceSpan,
    /// Columns before what is marked.
    indent: usize,
}

impl Excerpt {
    /// The lines around a place, cut to fit these columns.
    #[expect(clippy::needless_range_loop, reason = "the lines are told by their numbers")]
    pub(crate) fn new(file: &str, text: &str, place: &Span, style: Style, columns: usize) -> Self {
        let mut lines: Vec<&str> = text.lines().collect();
        let line = place.line.saturating_sub(1).min(lines.len());
        if line == lines.len() {
            lines.push("");
        }
        let gutter = (line + 1 + AROUND).to_string().len() + " ".len() + " | ".len();
        let room = columns.saturating_sub(gutter).max(NARROWEST);
        let marked = marked(lines[line], place);
        let start = window(lines[line], &marked, room);
        let (above, below) = (line.saturating_sub(AROUND), (line + AROUND).min(lines.len() - 1));
        let (mut text, mut span, mut indent) = (String::new(), 0..0, gutter);
        for n in above..=below {
            let cut = Cut::new(lines[n], start, room, style);
            if n == line {
                let (from, to) = (cut.place(marked.start), cut.place(marked.end));
                indent += width(&cut.text[..from]);
                span = text.len() + from..text.len() + to;
            }
            text += &cut.text;
            text += "\n";
        }
        let span = SourceSpan::new(span.start.into(), span.len());
        Self { file: file.to_owned(), text, above, column: place.column.saturating_sub(1), span, indent }
    }

    /// What to mark.
    pub(crate) fn span(&self) -> SourceSpan {
        self.span
    }

    /// Whether so many columns of text can stand below the middle of what is marked.
    pub(crate) fn has_room_below(&self, text: usize, columns: usize) -> bool {
        let end = self.span.offset() + self.span.len();
        let middle = width(&self.text[self.span.offset()..end]) / 2;
        self.indent + middle + "╰── ".chars().count() + text <= columns
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, before, after)?;
        let column = if before == 0 { self.column } else { inner.column() };
        let (line, count) = (self.above + inner.line(), inner.line_count());
        let contents = MietteSpanContents::new_named(
            self.file.clone(),
            inner.data(),
            *inner.span(),
            line,
            column,
            count,
        );
        Ok(Box::new(contents))
    }
}

/// The bytes of a line that a place means. What spans lines is marked to the end of its first.
fn marked(line: &str, place: &Span) -> Range<usize> {
    let start: usize = line.chars().take(place.column.saturating_sub(1)).map(char::len_utf8).sum();
    let length =
        line[start..].trim_end().chars().take(place.length.max(1)).map(char::len_utf8).sum::<usize>();
    start..start + length
}

/// The first column to show, so that what is marked is seen, with something before it.
fn window(line: &str, marked: &Range<usize>, room: usize) -> usize {
    let (whole, at, end) = (columns(line), columns(&line[..marked.start]), columns(&line[..marked.end]));
    if whole <= room || end + NARROWEST / 4 <= room {
        return 0;
    }
    at.saturating_sub(room / 3).min(whole.saturating_sub(room) + 1)
}

/// A line from a column on, in so many columns.
struct Cut {
    /// Which bytes of the line are kept.
    kept: Range<usize>,
    /// How many bytes of the text are before them: of the mark that something was left out.
    before: usize,
    text: String,
}

impl Cut {
    fn new(line: &str, start: usize, room: usize, style: Style) -> Self {
        let mark = style.ellipsis();
        let from = at_column(line, start);
        let left = if from > 0 { mark } else { "" };
        let (rest, room) = (&line[from..], room.saturating_sub(width(left)));
        let fits = columns(rest) <= room;
        let to = if fits { rest.len() } else { at_column(rest, room.saturating_sub(width(mark))) };
        let right = if fits { "" } else { mark };
        Self { kept: from..from + to, before: left.len(), text: format!("{left}{}{right}", &rest[..to]) }
    }

    /// Where a byte of the line is in the text; the nearest that is, if it was left out.
    fn place(&self, byte: usize) -> usize {
        self.before + byte.clamp(self.kept.start, self.kept.end) - self.kept.start
    }
}

/// The byte at which a column begins; of a character that lies across it, its own.
fn at_column(text: &str, column: usize) -> usize {
    let mut taken = 0;
    let fits = |(_, c): &(usize, char)| {
        taken += columns_of(*c);
        taken <= column
    };
    text.char_indices().take_while(fits).last().map_or(0, |(at, c)| at + c.len_utf8())
}

fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(c: char) -> usize {
    if c == '\t' { TAB } else { c.width().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, column: usize, length: usize, room: usize) -> (String, String) {
        let place = Span { file: "f".to_owned(), line: 1, column, length };
        let excerpt = Excerpt::new("f", text, &place, Style::PLAIN, room + " 1 | ".len());
        let span = excerpt.span();
        let marked = excerpt.text[span.offset()..span.offset() + span.len()].to_owned();
        (excerpt.text.lines().next().unwrap_or_default().to_owned(), marked)
    }

    #[test]
    fn a_short_line_is_whole_and_a_long_one_is_seen_around_the_place() {
        let line = "abcdefghijklmnopqrstuvwxyz0123456789";
        let said = |column, length| {
            let (line, marked) = excerpt(line, column, length, 20);
            format!("{line} {marked}")
        };
        assert_eq!(excerpt(line, 3, 2, 36), (line.to_owned(), "cd".to_owned()));
        assert_eq!(said(3, 2), "abcdefghijklmnopqrs… cd");
        assert_eq!(said(20, 2), "…nopqrstuvwxyz01234… tu");
        assert_eq!(said(36, 1), "…rstuvwxyz0123456789 9");
        assert_eq!(said(20, 500), "…nopqrstuvwxyz01234… tuvwxyz01234");
    }

    #[test]
    fn wide_letters_and_tabs_fit_too() {
        for text in ["한국어".repeat(40), "\t한a".repeat(40)] {
            for column in [1, 2, 50, 119, 120, 121, 500] {
                let (line, _) = excerpt(&text, column, 7, 30);
                assert!(columns(&line) <= 30, "{column}: {line}");
            }
        }
    }
}
