//! Lines that line up, whatever the language: Korean letters take two columns of a terminal.

use unicode_width::UnicodeWidthStr;

/// The most columns that a line takes, but for a single word that is longer.
pub const COLUMNS: usize = 100;

const GAP: &str = "  ";

pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text with spaces behind it, up to a width.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// A text in lines, all but the first behind spaces; `taken` columns of each line are somebody else's.
pub(crate) fn wrap(text: &str, indent: usize, taken: usize) -> Vec<String> {
    let indent = " ".repeat(indent);
    let options = textwrap::Options::new(COLUMNS - taken.min(COLUMNS - 20))
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
    textwrap::wrap(text, options).into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Names and values, a line each, the values below each other.
#[derive(Default)]
pub(crate) struct Fields {
    rows: Vec<(String, String)>,
}

impl Fields {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: impl ToString) {
        self.rows.push((name.into(), value.to_string()));
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.rows.push(Default::default());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let names = self.rows.iter().map(|(name, _)| width(name)).max().unwrap_or(0) + GAP.len();
        let row = |(name, value): &(String, String)| {
            let line = format!("{}{value}", pad(name, names));
            if width(&line) > COLUMNS { wrap(&line, names, 0) } else { vec![line.trim_end().to_owned()] }
        };
        self.rows.iter().flat_map(row).collect()
    }
}

/// The columns of a table whose rows come one by one: their widths are known before.
#[derive(Clone)]
pub(crate) struct Columns {
    widths: Vec<usize>,
}

impl Columns {
    /// Wide enough for these rows, and as many of them as fit into [`COLUMNS`], less those that are taken.
    pub(crate) fn fitting<'a>(rows: impl IntoIterator<Item = &'a Vec<String>>, taken: usize) -> Self {
        let mut widths: Vec<usize> = Vec::new();
        for row in rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (column, cell) in widths.iter_mut().zip(row) {
                *column = width(cell).max(*column);
            }
        }
        while widths.len() > 2 && Self::total(&widths) + taken > COLUMNS {
            widths.pop();
        }
        Self { widths }
    }

    fn total(widths: &[usize]) -> usize {
        widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
    }

    pub(crate) fn row(&self, cells: &[String]) -> String {
        let padded = cells.iter().zip(&self.widths).map(|(cell, columns)| pad(cell, *columns));
        padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    }
}

/// A small table as lines.
pub(crate) fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = Columns::fitting(rows, 0);
    rows.iter().map(|row| columns.row(row)).collect()
}

/// `1 host`, `6 hosts`.
pub(crate) fn plural(count: impl ToString, one: &str) -> String {
    let count = count.to_string();
    if count == "1" { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// `1 address`, `8 addresses`.
pub(crate) fn addresses(count: impl ToString) -> String {
    plural(count, "address").replace("addresss", "addresses")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_takes_two_columns_a_letter() {
        let mut fields = Fields::default();
        fields.add("호스트", "a");
        fields.add("host", "b");
        assert_eq!(fields.lines(), ["호스트  a", "host    b"]);
    }

    #[test]
    fn a_table_gives_up_its_last_columns_before_it_is_too_wide() {
        let row = ["a", "b", "c"].map(|cell| cell.repeat(40)).to_vec();
        let columns = Columns::fitting([&row], 0);
        assert_eq!(columns.row(&row), format!("{}  {}", row[0], row[1]));
    }
}
