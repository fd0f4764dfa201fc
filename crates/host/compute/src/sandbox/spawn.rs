//! Starting a program in the sandbox, and saying which step failed if one did.

use std::io::{self, PipeReader, Read, Write};
use std::process::{Child, Command};

use crate::error::Trying;
use crate::{Error, Result, sys};

/// Starts the command after these steps, which its process takes before it becomes the program. Only for processes of
/// one thread.
pub(crate) fn spawn_after(
    mut command: Command,
    mut steps: impl FnMut() -> Result<()> + Send + Sync + 'static,
) -> Result<Child> {
    let (mut failure, mut report) = io::pipe().trying(|| "make a pipe".into())?;
    sys::before_exec(&mut command, move || {
        sys::reset_signals();
        steps().map_err(|error| {
            // If even this cannot be written, the parent says what it knows.
            let _ = report.write_all(error.chain().as_bytes());
            io::Error::from_raw_os_error(libc::EPERM)
        })
    });
    command.spawn().map_err(|error| {
        let program = command.get_program().to_string_lossy().into_owned();
        let reason = written(&mut failure).unwrap_or_else(|| describe(&program, &error));
        Error::Exec { reason, code: if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 } }
    })
}

/// What the child wrote before it gave up. Its end of the pipe is open in this process too: never wait for more.
fn written(failure: &mut PipeReader) -> Option<String> {
    rustix::io::ioctl_fionbio(&*failure, true).ok()?;
    let mut text = Vec::new();
    let _ = failure.read_to_end(&mut text);
    (!text.is_empty()).then(|| String::from_utf8_lossy(&text).into_owned())
}

fn describe(program: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("cannot run \"{program}\": there is no such program in the sandbox")
        }
        io::ErrorKind::PermissionDenied => {
            format!("cannot run \"{program}\": it is not executable for this user")
        }
        _ => format!("cannot run \"{program}\": {error}"),
    }
}
