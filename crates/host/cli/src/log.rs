//! The daemon's log: a line for each event, on standard error.
//!
//! `2026-01-10T12:00:00.123Z INFO  port attached instance=web-1 port=mdab12cd34`

use std::fmt::{self, Write as _};
use std::io::Write as _;

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::output::style::{Role, Style};

/// Sends events to standard error, down to a level that follows from how often `-v` was given.
pub(crate) fn install(verbose: u8, style: Style) {
    let level = match verbose {
        0 => Level::INFO,
        1 => Level::DEBUG,
        _ => Level::TRACE,
    };
    // Only fails if there is one already, and then that one is meant.
    let _ = tracing::subscriber::set_global_default(Lines { level, style });
}

/// Writes a line for each event. Spans are not shown: events name what they are about.
struct Lines {
    level: Level,
    style: Style,
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level && metadata.target().starts_with("madang")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = line(Timestamp::now(), *event.metadata().level(), &fields, self.style);
        // A log that cannot be written is no reason to stop.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn line(now: Timestamp, level: Level, fields: &Fields, style: Style) -> String {
    let role = match level {
        Level::ERROR => Role::Bad,
        Level::WARN => Role::Change,
        Level::INFO => Role::Good,
        _ => Role::Faint,
    };
    let time = style.paint(Role::Faint, &format!("{now:.3}"));
    let level = style.paint(role, &format!("{level:<5}"));
    let text = format!("{}{}", fields.message, fields.others);
    format!("{time} {level} {}\n", text.trim_start())
}

/// An event's message, and its other fields as ` name=value`.
#[derive(Default)]
struct Fields {
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        self.put(field.name(), &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = crate::error::causes(value)
            .into_iter()
            .fold(value.to_string(), |text, cause| text + ": " + &cause);
        self.put(field.name(), &causes);
    }
}

impl Fields {
    fn put(&mut self, name: &str, value: &str) {
        // One event is one line, whatever somebody else named a thing.
        if name == "message" {
            self.message = value.replace('\n', "\\n");
        } else if value.is_empty() || value.contains([' ', '"', '=', '\n', '\x1b']) {
            write!(self.others, " {name}={value:?}").expect("writing to a string does not fail");
        } else {
            write!(self.others, " {name}={value}").expect("writing to a string does not fail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_is_one_line() {
        let mut fields = Fields::default();
        fields.put("message", "port attached");
        fields.put("instance", "web-1");
        fields.put("why", "two\nlines and \"quotes\"");
        let now = "2026-01-10T12:00:00.123456Z".parse().unwrap();
        assert_eq!(
            line(now, Level::INFO, &fields, Style::PLAIN),
            "2026-01-10T12:00:00.123Z INFO  port attached instance=web-1 why=\"two\\nlines and \\\"quotes\\\"\"\n"
        );
    }

    #[test]
    fn colours_only_where_they_are_wanted() {
        let now = Timestamp::UNIX_EPOCH;
        assert!(!line(now, Level::WARN, &Fields::default(), Style::PLAIN).contains('\x1b'));
    }
}
