//! What is wrong with a file: drawn with the lines of it, a caret, the reason and the way out.

use std::fmt;

use madang_model::{Diagnostic, SourceFile};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, ThemeStyles};

use super::excerpt::{AROUND, Excerpt};
use super::style::Style;
use super::text::{count, width};

/// Below this, what is drawn is wider than the terminal.
const NARROWEST: usize = 20;

/// All of them, and how many there are.
pub(crate) fn render(
    diagnostics: &[Diagnostic],
    files: &[SourceFile],
    style: Style,
    columns: usize,
) -> String {
    let handler = handler(style, columns.max(NARROWEST));
    let mut out = String::new();
    for diagnostic in diagnostics {
        let file = diagnostic.span.as_ref().and_then(|span| files.iter().find(|file| file.name == span.file));
        let drawn = Drawn::new(diagnostic, file, style, columns.max(NARROWEST));
        handler.render_report(&mut out, &drawn).expect("writing to a string does not fail");
        out += "\n";
    }
    let lines: Vec<_> = out.lines().map(str::trim_end).collect();
    format!(
        "{}\n\n{}; nothing was changed.\n",
        lines.join("\n").trim_matches('\n'),
        count(diagnostics.len(), "mistake")
    )
}

fn handler(style: Style, columns: usize) -> GraphicalReportHandler {
    let mut theme = if style.unicode { GraphicalTheme::unicode() } else { GraphicalTheme::ascii() };
    theme.styles = if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    GraphicalReportHandler::new_themed(theme)
        .with_width(columns)
        .with_context_lines(AROUND)
        .with_links(false)
        .without_syntax_highlighting()
}

/// A diagnostic in the form that miette draws.
#[derive(Debug)]
struct Drawn<'a> {
    diagnostic: &'a Diagnostic,
    excerpt: Option<Excerpt>,
    /// Whether the reason stands below what is marked, and not beside the message.
    labelled: bool,
}

impl<'a> Drawn<'a> {
    fn new(diagnostic: &'a Diagnostic, file: Option<&SourceFile>, style: Style, columns: usize) -> Self {
        let place = diagnostic.span.as_ref().zip(file);
        let excerpt =
            place.map(|(span, file)| Excerpt::new(name(&file.name), &file.text, span, style, columns));
        let cause = diagnostic.cause.as_deref().map_or(0, width);
        let labelled = excerpt.as_ref().is_some_and(|excerpt| excerpt.has_room_below(cause, columns));
        Self { diagnostic, excerpt, labelled }
    }
}

/// What to call the file: standard input has no name of its own.
fn name(file: &str) -> &str {
    if file == "-" { "standard input" } else { file }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { object, path, message, cause, span, .. } = self.diagnostic;
        if let Some(object) = object {
            write!(f, "{object}: ")?;
        }
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(message)?;
        if let (Some(span), None) = (span, &self.excerpt) {
            write!(f, " ({}:{}:{})", name(&span.file), span.line, span.column)?;
        }
        cause.as_ref().filter(|_| !self.labelled).map_or(Ok(()), |cause| write!(f, "\nbecause {cause}"))
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let cause = self.diagnostic.cause.clone().filter(|_| self.labelled);
        let label = LabeledSpan::new_with_span(cause, self.excerpt.as_ref()?.span());
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(test)]
mod tests {
    use madang_model::{Kind, ObjectRef, Span};

    use super::*;

    const TEXT: &str = "apiVersion: madang.dev/v1alpha1\nkind: Subnet\nmetadata: { name: web }\nspec:\n  vpc: shop\n  # 한국어\n  cidr: 10.1.0.0/24\n  pubic: true\n";

    fn mistakes() -> (Vec<Diagnostic>, Vec<SourceFile>) {
        let at = |line, column, length| Span { file: "shop.yaml".to_owned(), line, column, length };
        let subnet = ObjectRef::new(Kind::Subnet, "web");
        let mut outside = Diagnostic::new("cidrOutsideVpc", "10.1.0.0/24 is outside its VPC")
            .at(subnet.clone(), "spec.cidr")
            .cause("Vpc/shop has 10.0.0.0/16")
            .hint("choose a range inside 10.0.0.0/16, or add 10.1.0.0/24 to the VPC");
        outside.span = Some(at(7, 9, 11));
        let mut unknown = Diagnostic::new("unknownField", "there is no field \"pubic\"")
            .at(subnet.clone(), "spec.pubic")
            .hint("did you mean public?");
        unknown.span = Some(at(8, 3, 5));
        let stored = Diagnostic::new("inUse", "a subnet that is there overlaps it")
            .at(subnet, "")
            .cause("Subnet/old has 10.1.0.0/16")
            .hint("delete it first");
        let file = SourceFile { name: "shop.yaml".to_owned(), text: TEXT.to_owned() };
        (vec![outside, unknown, stored], vec![file])
    }

    #[test]
    fn several_at_once() {
        let (mistakes, files) = mistakes();
        insta::assert_snapshot!(render(&mistakes, &files, Style::PLAIN, 100), @r#"
          × Subnet/web: spec.cidr: 10.1.0.0/24 is outside its VPC
           ╭─[shop.yaml:7:9]
         6 │   # 한국어
         7 │   cidr: 10.1.0.0/24
           ·         ─────┬─────
           ·              ╰── Vpc/shop has 10.0.0.0/16
         8 │   pubic: true
           ╰────
          help: choose a range inside 10.0.0.0/16, or add 10.1.0.0/24 to the VPC

          × Subnet/web: spec.pubic: there is no field "pubic"
           ╭─[shop.yaml:8:3]
         7 │   cidr: 10.1.0.0/24
         8 │   pubic: true
           ·   ─────
           ╰────
          help: did you mean public?

          × Subnet/web: a subnet that is there overlaps it
          │ because Subnet/old has 10.1.0.0/16
          help: delete it first

        3 mistakes; nothing was changed.
        "#);
    }

    #[test]
    fn in_forty_columns_of_ascii() {
        let (mistakes, files) = mistakes();
        let ascii = Style { unicode: false, ..Style::PLAIN };
        insta::assert_snapshot!(render(&mistakes[..1], &files, ascii, 40), @"
          x Subnet/web: spec.cidr: 10.1.0.0/24
          | is outside its VPC
          | because Vpc/shop has 10.0.0.0/16
           ,-[shop.yaml:7:9]
         6 |   # 한국어
         7 |   cidr: 10.1.0.0/24
           :         ^^^^^^^^^^^
         8 |   pubic: true
           `----
          help: choose a range inside
                10.0.0.0/16, or add
                10.1.0.0/24 to the VPC

        1 mistake; nothing was changed.
        ");
    }

    #[test]
    fn of_a_long_line_what_is_around_the_place() {
        let (mut mistakes, mut files) = mistakes();
        let field = "pubic: true";
        let before = (0..40).map(|n| format!("label-{n}: some-value, ")).collect::<String>();
        files[0].text = format!("{{ {before}{field}, more: {} }}\n", "x".repeat(500));
        let mut mistake = mistakes.remove(1).cause("a subnet has no such field");
        mistake.span =
            Some(Span { file: "shop.yaml".to_owned(), line: 1, column: before.len() + 3, length: 5 });
        insta::assert_snapshot!(render(&[mistake], &files, Style::PLAIN, 60), @r#"
          × Subnet/web: spec.pubic: there is no field "pubic"
           ╭─[shop.yaml:1:873]
         1 │ …l-39: some-value, pubic: true, more: xxxxxxxxxxxxxxxx…
           ·                    ──┬──
           ·                      ╰── a subnet has no such field
           ╰────
          help: did you mean public?

        1 mistake; nothing was changed.
        "#);
    }

    #[test]
    fn no_escape_codes_unless_wanted() {
        let (mistakes, files) = mistakes();
        assert!(!render(&mistakes, &files, Style::PLAIN, 80).contains('\x1b'));
        assert!(render(&mistakes, &files, Style { color: true, ..Style::PLAIN }, 80).contains('\x1b'));
    }

    #[test]
    fn any_place_in_any_text_can_be_drawn() {
        let (mistakes, _) = mistakes();
        for text in ["", "\n", "한국어\n", "a\r\nb\r\n", "no newline"] {
            for line in 0..4 {
                for column in 0..6 {
                    let mut mistake = mistakes[0].clone();
                    mistake.span = Some(Span { file: "f".to_owned(), line, column, length: 9 });
                    let file = SourceFile { name: "f".to_owned(), text: text.to_owned() };
                    assert!(!render(&[mistake], &[file], Style::PLAIN, 80).is_empty());
                }
            }
        }
    }
}
