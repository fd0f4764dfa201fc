//! A terminal that hands on every key as it is, put back in order however the command ends.

use std::io;
use std::panic;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// The terminal at standard input, in raw mode until this is dropped, or the program panics.
pub(crate) struct RawMode {
    before: Termios,
}

impl RawMode {
    /// Puts the terminal into raw mode.
    pub(crate) fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let saved = before.clone();
        let report = panic::take_hook();
        // Without unwinding nothing is dropped; and what a panic says should be readable.
        panic::set_hook(Box::new(move |info| {
            restore(&saved);
            report(info);
        }));
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore(&self.before);
    }
}

fn restore(before: &Termios) {
    // There is nothing to be done about a terminal that is gone.
    let _ = tcsetattr(io::stdin(), OptionalActions::Drain, before);
}
