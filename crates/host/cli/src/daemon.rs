//! A daemon of one's own: `up` starts it if none answers.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use madang_api::Client;
use madang_kernel::Layout;

use crate::context::Context;
use crate::ephemeral::{self, Life};
use crate::error::Failure;
use crate::output::text::span;

/// How long a daemon may take until it answers: the kernel verifies its programs first, which a slow or busy machine
/// takes its time for. One that fails is noticed at once.
const START: Duration = Duration::from_secs(120);
/// How long a daemon may take to remove everything.
const END: Duration = Duration::from_secs(60);
/// How often it is looked whether it answers.
const LOOK: Duration = Duration::from_millis(20);
/// Lines of the log that are shown when it fails.
const TAIL: usize = 15;

/// Whether a daemon, running or not, has a store here. A directory that only root may look into is taken for one.
pub(crate) fn has_state(layout: &Layout) -> bool {
    match std::fs::read_dir(layout.state_dir()) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// Starts a daemon that goes on without us, and waits until it answers.
pub(crate) async fn start(context: &Context) -> Result<Client, Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::NotRoot { doing: "starting the daemon" });
    }
    context.say("Starting the daemon.");
    let log = log_path(context);
    let mut child = spawn(context, &log)?;
    let end = Instant::now() + START;
    loop {
        if let Some(client) = context.find_client().await?
            && matches!(tokio::time::timeout_at(end.into(), client.ready()).await, Ok(Ok(())))
        {
            return Ok(client);
        }
        let ended = child.try_wait().map_err(|source| host("look after the daemon", source))?;
        if let Some(status) = ended {
            // Somebody else may have started one at the same moment.
            if let Some(client) = context.find_client().await? {
                return Ok(client);
            }
            return Err(failed(format!("ended before it answered ({status})"), log));
        }
        if Instant::now() >= end {
            let what = format!("has not answered within {}; it goes on trying", span(START));
            return Err(failed(what, log));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Ends a daemon that `up` started, with everything that it made on the host, and waits until it is gone. Returns
/// whether there was such a daemon.
pub(crate) async fn end(context: &Context, client: &Client) -> Result<bool, Failure> {
    let look = |source| host("look after the daemon", source);
    let Some(running) = ephemeral::running(&context.layout).map_err(look)? else { return Ok(false) };
    client.shutdown(true).await.map_err(|error| Failure::api("end the daemon", error))?;
    match running.wait(&context.layout, END).await.map_err(look)? {
        Life::None => Ok(true),
        Life::Died => Err(failed("could not remove everything".to_owned(), log_path(context))),
        Life::Runs => Err(failed(format!("has not ended within {}", span(END)), log_path(context))),
    }
}

fn spawn(context: &Context, path: &Path) -> Result<Child, Failure> {
    let run = context.layout.run_dir();
    std::fs::create_dir_all(&run)
        .map_err(|source| host(format!("make the directory {}", run.display()), source))?;
    let open =
        |path: &Path| OpenOptions::new().create(true).write(true).truncate(true).mode(0o640).open(path);
    let log = open(path).map_err(|source| host(format!("write the log {}", path.display()), source))?;
    let again = log.try_clone().map_err(|source| host("write the log", source))?;
    let executable = std::env::current_exe().map_err(|source| host("find this program", source))?;
    let mut command = Command::new(executable);
    if let Some(root) = context.layout.root() {
        command.arg("--root").arg(root);
    }
    command.args((0..context.verbose).map(|_| "-v")).args(["--color", "never", "serve", "--ephemeral"]);
    command.current_dir("/").stdin(Stdio::null()).stdout(again).stderr(log);
    command.spawn().map_err(|source| host("start the daemon", source))
}

fn log_path(context: &Context) -> PathBuf {
    context.layout.run_dir().join("madang.log")
}

fn failed(what: String, log: PathBuf) -> Failure {
    let tail = tail(&log).unwrap_or_default();
    Failure::Daemon { what, log, tail }
}

fn host(doing: impl Into<String>, source: io::Error) -> Failure {
    Failure::Host { doing: doing.into(), source }
}

/// The log's last lines.
fn tail(log: &Path) -> io::Result<Vec<String>> {
    let mut lines = std::collections::VecDeque::new();
    for line in BufReader::new(File::open(log)?).lines() {
        if lines.len() == TAIL {
            lines.pop_front();
        }
        lines.push_back(line?);
    }
    Ok(lines.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        std::fs::write(&log, (1..=40).map(|n| format!("line {n}\n")).collect::<String>()).unwrap();
        let tail = tail(&log).unwrap();
        assert_eq!((tail.len(), tail[0].as_str(), tail[TAIL - 1].as_str()), (TAIL, "line 26", "line 40"));
    }
}
