//! One more command in an instance's sandbox.
//!
//! The daemon starts `madang sandbox-exec` with one end of a socket as its standard input. Through it go the request
//! with the command's streams, then the terminal's other side, if there is one, and whether the command began. As long
//! as the daemon holds its end, the command may run.

mod inside;
mod session;
mod wire;

pub use inside::main;
pub(crate) use session::begin;
pub use session::{ExecControl, ExecInput, ExecOutput, ExecSession};

use serde::{Deserialize, Serialize};

/// A command for a sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRequest {
    /// The program and its arguments. A name without a slash is looked up in PATH.
    pub command: Vec<String>,
    /// Whether it gets a terminal.
    pub tty: bool,
    /// The terminal's size; 0 for 80.
    pub columns: u16,
    /// The terminal's size; 0 for 24.
    pub rows: u16,
}

/// A terminal's size, as the kernel takes it.
fn window(columns: u16, rows: u16) -> rustix::termios::Winsize {
    let or = |value, usual| if value == 0 { usual } else { value };
    rustix::termios::Winsize { ws_row: or(rows, 24), ws_col: or(columns, 80), ws_xpixel: 0, ws_ypixel: 0 }
}
