//! Rows and columns.

use super::style::{Role, Style};
use super::text::{pad, printable, width};

/// A table: headings and rows of as many cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

/// A cell's text, and its role if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    role: Option<Role>,
}

impl Cell {
    /// In a colour.
    pub(crate) fn new(text: impl Into<String>, role: Role) -> Self {
        Self { text: printable(&text.into()), role: Some(role) }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: printable(&text.into()), role: None }
    }
}

const GAP: &str = "   ";

impl Table {
    /// Without rows.
    pub(crate) fn new<'a>(headings: impl IntoIterator<Item = &'a str>) -> Self {
        Self { headings: headings.into_iter().map(str::to_owned).collect(), rows: Vec::new() }
    }

    /// Adds a row, whose cells follow the headings. What is empty shows as `-`.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let dash = |mut cell: Cell| {
            if cell.text.is_empty() {
                "-".clone_into(&mut cell.text);
            }
            cell
        };
        self.rows.push(cells.into_iter().map(dash).collect());
    }

    /// As lines. On a terminal that is too narrow for a row, each cell stands on a line of its own.
    pub(crate) fn render(&self, style: Style, columns: usize) -> String {
        let widths = self.widths();
        let total = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        if style.terminal && total > columns { self.stacked(style) } else { self.lines(style, &widths, true) }
    }

    /// The rows alone, in columns at least as wide as given; the widths that were used come back.
    pub(crate) fn continued(&self, style: Style, widths: &mut Vec<usize>) -> String {
        let own = self.widths();
        widths.resize(own.len(), 0);
        for (width, own) in widths.iter_mut().zip(own) {
            *width = own.max(*width);
        }
        self.lines(style, widths, false)
    }

    /// The widest cell of each column, its heading included.
    pub(crate) fn widths(&self) -> Vec<usize> {
        let column = |(i, heading): (usize, &String)| {
            let cells = self.rows.iter().filter_map(|row| row.get(i)).map(|cell| width(&cell.text));
            cells.max().unwrap_or(0).max(width(heading))
        };
        self.headings.iter().enumerate().map(column).collect()
    }

    /// As lines in columns of these widths, with or without the headings.
    pub(crate) fn lines(&self, style: Style, widths: &[usize], headed: bool) -> String {
        let heading = self.headings.iter().map(|text| Cell::new(text.as_str(), Role::Heading)).collect();
        let heading = headed.then_some(heading);
        heading.iter().chain(&self.rows).map(|row: &Vec<Cell>| line(row, style, widths)).collect()
    }

    fn stacked(&self, style: Style) -> String {
        let label = self.headings.iter().map(|text| width(text)).max().unwrap_or(0);
        let row = |row: &Vec<Cell>| {
            let cells = self.headings.iter().zip(row).map(|(heading, cell)| {
                format!("{} {}\n", style.paint(Role::Heading, &pad(heading, label)), cell.painted(style))
            });
            cells.collect::<String>()
        };
        self.rows.iter().map(row).collect::<Vec<_>>().join("\n")
    }
}

impl Cell {
    fn painted(&self, style: Style) -> String {
        self.role.map_or_else(|| self.text.clone(), |role| style.paint(role, &self.text))
    }
}

fn line(row: &[Cell], style: Style, widths: &[usize]) -> String {
    let mut line = String::new();
    for (i, (cell, columns)) in row.iter().zip(widths).enumerate() {
        line += &cell.painted(style);
        if i + 1 < row.len() {
            line += &" ".repeat(columns.saturating_sub(width(&cell.text)));
            line += GAP;
        }
    }
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["NAME", "ADDRESS", "STATUS"]);
        table.row(["web-1".into(), "10.0.1.4".into(), Cell::new("Ready", Role::Good)]);
        table.row(["a-longer-name".into(), "".into(), Cell::new("Pending", Role::Change)]);
        table
    }

    #[test]
    fn columns_line_up() {
        insta::assert_snapshot!(table().render(Style::PLAIN, 80), @r"
        NAME            ADDRESS    STATUS
        web-1           10.0.1.4   Ready
        a-longer-name   -          Pending
        ");
    }

    #[test]
    fn a_narrow_terminal_gets_a_line_for_each_cell() {
        let terminal = Style { terminal: true, ..Style::PLAIN };
        insta::assert_snapshot!(table().render(terminal, 30), @r"
        NAME    web-1
        ADDRESS 10.0.1.4
        STATUS  Ready

        NAME    a-longer-name
        ADDRESS -
        STATUS  Pending
        ");
        assert_eq!(table().render(Style::PLAIN, 30), table().render(terminal, 80), "a pipe has no width");
    }

    #[test]
    fn colours_do_not_shift_columns() {
        let color = Style { color: true, ..Style::PLAIN };
        let colored = table().render(color, 80);
        assert!(colored.contains("\x1b[32mReady\x1b[0m"));
        let bare = ["\x1b[32m", "\x1b[33m", "\x1b[1m", "\x1b[0m"]
            .iter()
            .fold(colored, |text, code| text.replace(code, ""));
        assert_eq!(bare, table().render(Style::PLAIN, 80));
    }

    #[test]
    fn later_rows_keep_the_widths() {
        let mut widths = table().widths();
        let mut more = Table::new(["NAME", "ADDRESS", "STATUS"]);
        more.row(["db-1".into(), "10.0.2.4".into(), "Ready".into()]);
        assert_eq!(more.continued(Style::PLAIN, &mut widths), "db-1            10.0.2.4   Ready\n");
    }
}
