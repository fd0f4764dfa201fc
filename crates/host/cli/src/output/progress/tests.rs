//! On a terminal that is only a grid of characters.

use madang_model::Kind;

use super::*;

/// What a terminal shows: enough of ECMA-48 for what is drawn here. Anything else is a mistake.
struct Terminal {
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
    columns: usize,
}

impl Terminal {
    fn new(columns: usize) -> Self {
        Self { rows: vec![vec![]], row: 0, column: 0, columns }
    }

    fn feed(&mut self, text: &str) {
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\n' => self.line_feed(),
                '\r' => self.column = 0,
                '\x1b' => {
                    assert_eq!(chars.next(), Some('['));
                    let sequence: String = chars.by_ref().take_while_inclusive().collect();
                    self.control(&sequence);
                }
                c => self.put(c),
            }
        }
    }

    fn control(&mut self, sequence: &str) {
        let (parameters, last) = sequence.split_at(sequence.len() - 1);
        match last {
            "A" => self.row -= parameters.parse::<usize>().unwrap(),
            "K" if parameters == "2" => self.rows[self.row].clear(),
            "J" if parameters.is_empty() => {
                self.rows.truncate(self.row + 1);
                self.rows[self.row].truncate(self.column);
            }
            "m" => {}
            _ => panic!("an unknown sequence: {sequence:?}"),
        }
    }

    fn line_feed(&mut self) {
        self.row += 1;
        self.column = 0;
        if self.row == self.rows.len() {
            self.rows.push(vec![]);
        }
    }

    fn put(&mut self, c: char) {
        if self.column == self.columns {
            self.line_feed();
        }
        let row = &mut self.rows[self.row];
        row.resize(row.len().max(self.column + 1), ' ');
        row[self.column] = c;
        self.column += 1;
    }

    /// Another width: lines that no longer fit are wrapped, as most terminals do.
    fn resize(&mut self, columns: usize) {
        let wrap = |row: &Vec<char>| -> Vec<Vec<char>> {
            if row.is_empty() { vec![vec![]] } else { row.chunks(columns).map(<[char]>::to_vec).collect() }
        };
        self.rows = self.rows.iter().flat_map(wrap).collect();
        self.row = self.rows.len() - 1;
        self.columns = columns;
    }

    fn screen(&self) -> String {
        let line = |row: &Vec<char>| row.iter().collect::<String>().trim_end().to_owned();
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }
}

/// The characters up to the first letter, and that one.
trait TakeWhileInclusive: Iterator<Item = char> {
    fn take_while_inclusive(&mut self) -> impl Iterator<Item = char> {
        let mut ended = false;
        std::iter::from_fn(move || {
            let c = if ended { None } else { self.next() };
            ended |= c.is_some_and(|c| c.is_ascii_alphabetic());
            c
        })
    }
}

impl<T: Iterator<Item = char>> TakeWhileInclusive for T {}

const TERMINAL: Style = Style { color: true, unicode: true, terminal: true };

fn objects() -> Vec<ObjectRef> {
    vec![
        ObjectRef::new(Kind::Vpc, "shop"),
        ObjectRef::new(Kind::SecurityGroup, "web"),
        ObjectRef::new(Kind::Instance, "web-1"),
        ObjectRef::new(Kind::Instance, "a-name-that-is-rather-long-for-an-instance"),
    ]
}

fn board() -> Board {
    let mut board = Board::new(objects(), "ready");
    board.set(&objects()[0], Step::Done("Ready"));
    board.set(&objects()[2], Step::Waiting("Starting: the process has not said anything yet".to_owned()));
    board
}

fn drawn(display: &mut Display<Vec<u8>>) -> String {
    String::from_utf8(std::mem::take(&mut display.out)).unwrap()
}

fn shown(columns: usize, lines: usize) -> String {
    let mut display = Display::new(Vec::new(), TERMINAL);
    let mut terminal = Terminal::new(columns);
    for _ in 0..3 {
        display.redraw(&board(), (columns, lines)).unwrap();
        terminal.feed(&drawn(&mut display));
    }
    terminal.screen()
}

#[test]
fn in_a_hundred_columns() {
    insta::assert_snapshot!(shown(100, 24), @r"
    ✓ Vpc/shop                                           Ready
    ⠸ SecurityGroup/web
    ⠸ Instance/web-1                                     Starting: the process has not said anything y…
    ⠸ Instance/a-name-that-is-rather-long-for-an-insta…
    1 of 4 ready
    ");
}

#[test]
fn in_forty_columns() {
    insta::assert_snapshot!(shown(40, 24), @r"
    ✓ Vpc/shop             Ready
    ⠸ SecurityGroup/web
    ⠸ Instance/web-1       Starting: the p…
    ⠸ Instance/a-name-th…
    1 of 4 ready
    ");
}

#[test]
fn in_four_lines_only_what_is_waited_for_is_shown() {
    insta::assert_snapshot!(shown(40, 4), @r"
    ⠸ SecurityGroup/web
    ⠸ Instance/web-1       Starting: the p…
    1 of 4 ready
    ");
}

#[test]
fn any_size_shows_one_board() {
    for columns in 1..60 {
        for lines in 2..8 {
            let screen = shown(columns, lines);
            assert!(screen.lines().count() < lines, "{columns} x {lines}:\n{screen}");
        }
    }
}

#[test]
fn a_terminal_made_narrower_shows_no_rests() {
    let mut display = Display::new(Vec::new(), TERMINAL);
    let mut terminal = Terminal::new(100);
    for columns in [100, 40, 25, 90] {
        terminal.resize(columns);
        display.redraw(&board(), (columns, 24)).unwrap();
        terminal.feed(&drawn(&mut display));
        if columns != 90 {
            let expected = shown(columns, 24);
            let bare = |text: &str| text.replace(|c| ('⠀'..='⣿').contains(&c), "*");
            assert_eq!(bare(&terminal.screen()), bare(&expected), "{columns}");
        }
    }
}

#[test]
fn cleared_is_as_never_drawn() {
    let mut display = Display::new(Vec::new(), TERMINAL);
    let mut terminal = Terminal::new(60);
    terminal.feed("before\n");
    display.redraw(&board(), (60, 24)).unwrap();
    display.clear((60, 24)).unwrap();
    terminal.feed(&drawn(&mut display));
    assert_eq!(terminal.screen(), "before");
}

#[test]
fn elsewhere_one_line_for_each_change_and_no_escape_codes() {
    let mut display = Display::new(Vec::new(), Style::PLAIN);
    let mut board = Board::new(objects(), "ready");
    let steps = [
        (2, Step::Waiting(String::new())),
        (2, Step::Waiting("Starting: the process starts".to_owned())),
        (2, Step::Waiting("Starting: the process starts".to_owned())),
        (0, Step::Done("Ready")),
        (2, Step::Done("Ready")),
    ];
    for (i, step) in steps {
        let object = &objects()[i];
        if board.set(object, step) {
            display.changed(&board, object).unwrap();
        }
        display.redraw(&board, (80, 24)).unwrap();
    }
    display.clear((80, 24)).unwrap();
    insta::assert_snapshot!(drawn(&mut display), @r"
    Instance/web-1: Starting: the process starts
    Vpc/shop: Ready
    Instance/web-1: Ready
    ");
}
