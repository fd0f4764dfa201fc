//! How work goes on: lines that are redrawn on a terminal, a line for each change elsewhere.

use std::io::{self, Write};

use madang_api::INSTANCE_FINALIZER;
use madang_model::{ObjectRef, Resource};
use madang_plan::NAMESPACE_FINALIZER;

use super::style::{Role, Style};
use super::text::{cut, pad, printable, width};
use madang_model::{Readiness, readiness};

/// How far a resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Not there yet, for this reason if one is known.
    Waiting(String),
    /// Being deleted.
    Leaving(String),
    /// Done.
    Done(&'static str),
}

impl Step {
    /// How far a resource is on its way to being ready.
    pub(crate) fn up(resource: &Resource) -> Self {
        match readiness(resource) {
            Readiness::Ready => Self::Done("Ready"),
            Readiness::Deleting => Self::Waiting("being deleted".to_owned()),
            Readiness::Unseen => Self::Waiting(String::new()),
            Readiness::NotReady { reason, message } if message.is_empty() => Self::Waiting(reason),
            Readiness::NotReady { reason, message } => Self::Waiting(format!("{reason}: {message}")),
        }
    }

    /// How far a resource is on its way out: `None` is gone.
    pub(crate) fn down(resource: Option<&Resource>) -> Self {
        let Some(resource) = resource else { return Self::Done("gone") };
        let waits = match resource.metadata().finalizers.as_slice() {
            _ if resource.metadata().deletion_timestamp.is_none() => String::new(),
            [] => String::new(),
            [one] if one == INSTANCE_FINALIZER => "its process and its port are being removed".to_owned(),
            [one] if one == NAMESPACE_FINALIZER => "what is in it is being deleted".to_owned(),
            several => format!("waits for {}", several.join(", ")),
        };
        Self::Leaving(waits)
    }

    fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// Each resource, and how far it is.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    rows: Vec<(ObjectRef, Step)>,
    /// What stands before the count when all is done: `ready` or `gone`.
    goal: &'static str,
}

impl Board {
    /// Of resources of which nothing is known yet.
    pub(crate) fn new(objects: impl IntoIterator<Item = ObjectRef>, goal: &'static str) -> Self {
        Self {
            rows: objects.into_iter().map(|object| (object, Step::Waiting(String::new()))).collect(),
            goal,
        }
    }

    /// Takes note of a step. Returns whether it is another one than before.
    pub(crate) fn set(&mut self, object: &ObjectRef, step: Step) -> bool {
        let Some((_, row)) = self.rows.iter_mut().find(|(own, _)| own == object) else { return false };
        let changed = *row != step;
        *row = step;
        changed
    }

    /// Whether nothing is left to wait for.
    pub(crate) fn is_done(&self) -> bool {
        self.rows.iter().all(|(_, step)| step.is_done())
    }

    /// What is not done, and what is known of it.
    pub(crate) fn left(&self) -> impl Iterator<Item = (&ObjectRef, &Step)> {
        self.rows.iter().filter(|(_, step)| !step.is_done()).map(|(object, step)| (object, step))
    }

    fn line(&self, object: &ObjectRef) -> Option<String> {
        let (_, step) = self.rows.iter().find(|(own, _)| own == object)?;
        let line = match step {
            Step::Waiting(why) if why.is_empty() => return None,
            Step::Leaving(why) if why.is_empty() => "being deleted",
            Step::Waiting(text) | Step::Leaving(text) => text,
            Step::Done(text) => text,
        };
        Some(printable(&format!("{object}: {line}")))
    }

    /// What a terminal of so many columns and lines shows at this moment: nothing in it wraps or scrolls.
    pub(crate) fn frame(&self, style: Style, columns: usize, lines: usize, moment: usize) -> Vec<Line> {
        // The last column stays free: some terminals wrap as soon as it is written.
        let columns = columns.saturating_sub(1);
        // One line is for the count, and the cursor waits on another.
        let room = lines.saturating_sub(2);
        let names = self.rows.iter().map(|(object, _)| width(&object.to_string())).max().unwrap_or(0);
        let names = names.min(columns.saturating_sub(2) / 2 + columns % 2);
        // Where not all fit, what is done is in the count alone.
        let crowded = self.rows.len() > room;
        let shown = self.rows.iter().filter(|(_, step)| !crowded || !step.is_done()).take(room);
        let mut frame: Vec<Line> =
            shown.map(|(object, step)| row(object, step, names, columns, style, moment)).collect();
        let done = self.rows.iter().filter(|(_, step)| step.is_done()).count();
        let count = format!("{done} of {} {}", self.rows.len(), self.goal);
        frame.push(Line::plain(cut(&count, columns, style)));
        frame
    }
}

fn row(object: &ObjectRef, step: &Step, names: usize, columns: usize, style: Style, moment: usize) -> Line {
    let (mark, role, text) = match step {
        Step::Done(text) => (style.tick(), Role::Good, *text),
        Step::Waiting(why) => (style.spinner(moment), Role::Change, why.as_str()),
        Step::Leaving(why) => (style.spinner(moment), Role::Change, why.as_str()),
    };
    let name = cut(&object.to_string(), names, style);
    let text = cut(text, columns.saturating_sub(names + 4), style);
    // No spaces at the end: on a terminal made narrower they would take a line.
    let name = if text.is_empty() { name } else { format!("{}  ", pad(&name, names)) };
    let plain = format!("{mark} {name}{text}");
    if !style.color || width(&plain) > columns {
        return Line::plain(cut(&plain, columns, style));
    }
    let faint = if step.is_done() { Role::Good } else { Role::Faint };
    let painted = format!("{} {name}{}", style.paint(role, mark), style.paint(faint, &text));
    Line { columns: width(&plain), text: painted }
}

/// A line for a terminal, and the columns that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    text: String,
    columns: usize,
}

impl Line {
    fn plain(text: String) -> Self {
        Self { columns: width(&text), text }
    }
}

/// Shows a board on a stream as it changes.
#[derive(Debug)]
pub(crate) struct Display<W> {
    out: W,
    style: Style,
    drawn: Vec<Line>,
    moment: usize,
}

impl<W: Write> Display<W> {
    /// On this stream, of which nothing else is written meanwhile.
    pub(crate) fn new(out: W, style: Style) -> Self {
        Self { out, style, drawn: Vec::new(), moment: 0 }
    }

    /// Redraws the board on a terminal of this size. Elsewhere nothing happens.
    pub(crate) fn redraw(&mut self, board: &Board, (columns, lines): (usize, usize)) -> io::Result<()> {
        if !self.style.terminal {
            return Ok(());
        }
        self.moment += 1;
        let frame = board.frame(self.style, columns, lines, self.moment);
        // A terminal that became narrower has wrapped what was drawn.
        let above: usize = self.drawn.iter().map(|line| line.columns.div_ceil(columns.max(1)).max(1)).sum();
        let mut text = if above > 0 { format!("\x1b[{}A\r", above.min(lines)) } else { "\r".to_owned() };
        for line in &frame {
            text += &format!("\x1b[2K{}\n", line.text);
        }
        text += "\x1b[J";
        self.drawn = frame;
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Says what became of a resource, where there is no terminal to redraw.
    pub(crate) fn changed(&mut self, board: &Board, object: &ObjectRef) -> io::Result<()> {
        match board.line(object) {
            Some(line) if !self.style.terminal => writeln!(self.out, "{line}"),
            _ => Ok(()),
        }
    }

    /// Takes what was drawn away, so that what follows stands alone.
    pub(crate) fn clear(&mut self, (columns, lines): (usize, usize)) -> io::Result<()> {
        let above: usize = self.drawn.iter().map(|line| line.columns.div_ceil(columns.max(1)).max(1)).sum();
        if above > 0 {
            write!(self.out, "\x1b[{}A\r\x1b[J", above.min(lines))?;
            self.drawn.clear();
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
