//! The daemon's side of a command in a sandbox.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use madang_kernel::process::ProcessId;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::process::{Child, Command};

use super::wire::{Answer, Enter, receive, send};
use super::{ExecRequest, window};
use crate::error::Trying;
use crate::instance_dir::InstanceDir;
use crate::{Error, Result, sys};

/// How long it may take until the command begins.
const PATIENCE: Duration = Duration::from_secs(20);

/// A command that runs in a sandbox.
#[derive(Debug)]
pub struct ExecSession {
    /// What is written to it, the command reads.
    pub stdin: ExecInput,
    /// What the command writes. With a terminal that is all.
    pub stdout: ExecOutput,
    /// What it writes to standard error; none with a terminal.
    pub stderr: Option<ExecOutput>,
    /// The command itself.
    pub control: ExecControl,
}

/// A running command; it is killed when this is dropped.
#[derive(Debug)]
pub struct ExecControl {
    child: Child,
    terminal: Option<Terminal>,
    /// Closed, it ends the command.
    _lifeline: OwnedFd,
}

impl ExecControl {
    /// Gives the terminal another size. Without a terminal it does nothing.
    pub fn resize(&self, columns: u16, rows: u16) -> io::Result<()> {
        match &self.terminal {
            Some(terminal) => Ok(rustix::termios::tcsetwinsize(terminal.get_ref(), window(columns, rows))?),
            None => Ok(()),
        }
    }

    /// How it ended: the exit status, or 128 and the signal's number. A process that it left behind may still hold its
    /// output open.
    pub async fn wait(&mut self) -> io::Result<i32> {
        Ok(self.child.wait().await?.code().unwrap_or(128 + 9))
    }
}

/// What a command reads. Shut down or dropped, it is the end of that; not with a terminal, whose end is a character
/// (control-D).
#[derive(Debug)]
pub struct ExecInput(Input);

#[derive(Debug)]
enum Input {
    /// None after it was shut down.
    Pipe(Option<Sender>),
    Terminal(Terminal),
}

/// What a command writes. It ends when nobody has it open any more; with a terminal, when the command ended.
#[derive(Debug)]
pub struct ExecOutput(Output);

#[derive(Debug)]
enum Output {
    Pipe(Receiver),
    Terminal(Terminal),
}

/// The outer side of a terminal.
type Terminal = Arc<AsyncFd<OwnedFd>>;

/// Starts the command. `program` is this binary with the arguments that lead to [`main`](super::main).
pub(crate) async fn begin(
    program: std::process::Command,
    dir: InstanceDir,
    shim: ProcessId,
    request: ExecRequest,
) -> Result<ExecSession> {
    let enter = Enter { dir: dir.path().to_owned(), shim, request };
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let (ours, theirs) = pair.trying(|| "make a socket".into())?;
    let mut command = Command::from(program);
    command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let child = command.spawn().trying(|| "start sandbox-exec".into())?;
    // The command still holds the other end of the socket: as long as it does, nobody learns that the child is gone.
    drop(command);
    let (streams, theirs) = if enter.request.tty { (None, Vec::new()) } else { pipes()? };
    let greeting = tokio::task::spawn_blocking(move || greet(ours, &enter, theirs));
    let (lifeline, terminal) = greeting.await.expect("it does not panic")?;
    match (terminal, streams) {
        (Some(terminal), _) => with_terminal(child, lifeline, terminal),
        (None, Some((stdin, stdout, stderr))) => {
            let control = ExecControl { child, terminal: None, _lifeline: lifeline };
            Ok(ExecSession { stdin, stdout, stderr: Some(stderr), control })
        }
        (None, None) => Err(Error::Exec { reason: "the sandbox gave no terminal".into(), code: 126 }),
    }
}

fn with_terminal(child: Child, lifeline: OwnedFd, terminal: OwnedFd) -> Result<ExecSession> {
    rustix::io::ioctl_fionbio(&terminal, true).trying(|| "make the terminal unblocking".into())?;
    let terminal = Arc::new(sys::watch(terminal).trying(|| "watch the terminal".into())?);
    Ok(ExecSession {
        stdin: ExecInput(Input::Terminal(Arc::clone(&terminal))),
        stdout: ExecOutput(Output::Terminal(Arc::clone(&terminal))),
        stderr: None,
        control: ExecControl { child, terminal: Some(terminal), _lifeline: lifeline },
    })
}

type Streams = (ExecInput, ExecOutput, ExecOutput);

/// Our ends of three pipes, and theirs.
fn pipes() -> Result<(Option<Streams>, Vec<OwnedFd>)> {
    let make = || -> io::Result<_> {
        let (read_in, write_in) = io::pipe()?;
        let (read_out, write_out) = io::pipe()?;
        let (read_err, write_err) = io::pipe()?;
        let input = ExecInput(Input::Pipe(Some(Sender::from_owned_fd(write_in.into())?)));
        let output = ExecOutput(Output::Pipe(Receiver::from_owned_fd(read_out.into())?));
        let errors = ExecOutput(Output::Pipe(Receiver::from_owned_fd(read_err.into())?));
        Ok((Some((input, output, errors)), vec![read_in.into(), write_out.into(), write_err.into()]))
    };
    make().trying(|| "make pipes".into())
}

/// Says what to run, and waits until it runs.
fn greet(socket: OwnedFd, enter: &Enter, streams: Vec<OwnedFd>) -> Result<(OwnedFd, Option<OwnedFd>)> {
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE))
        .trying(|| "set a limit of time".into())?;
    let borrowed: Vec<_> = streams.iter().map(AsFd::as_fd).collect();
    send(&socket, enter, &borrowed).trying(|| "tell sandbox-exec what to run".into())?;
    drop(streams);
    let mut terminal = None;
    loop {
        let (answer, mut descriptors) = receive(&socket).trying(|| "hear from sandbox-exec".into())?;
        match answer {
            Answer::Terminal => terminal = descriptors.pop(),
            Answer::Began => return Ok((socket, terminal)),
            Answer::Failed { reason, code } => return Err(Error::Exec { reason, code }),
        }
    }
}

impl AsyncWrite for ExecInput {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self(Input::Pipe(Some(pipe))) => Pin::new(pipe).poll_write(context, bytes),
            Self(Input::Pipe(None)) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Self(Input::Terminal(terminal)) => loop {
                let mut guard = ready!(terminal.poll_write_ready(context))?;
                if let Ok(written) = guard.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), bytes)?)) {
                    return Poll::Ready(written);
                }
            },
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Self(Input::Pipe(pipe)) = self.get_mut() {
            // A pipe has no half that could be shut: the reader sees the end when the writer is closed.
            drop(pipe.take());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ExecOutput {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self(Output::Pipe(pipe)) => Pin::new(pipe).poll_read(context, buffer),
            Self(Output::Terminal(terminal)) => loop {
                let mut guard = ready!(terminal.poll_read_ready(context))?;
                let read =
                    guard.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), buffer.initialize_unfilled())?));
                match read {
                    Ok(Ok(length)) => {
                        buffer.advance(length);
                        return Poll::Ready(Ok(()));
                    }
                    // What a terminal says when its inner side is closed.
                    Ok(Err(error)) if error.raw_os_error() == Some(libc::EIO) => return Poll::Ready(Ok(())),
                    Ok(Err(error)) => return Poll::Ready(Err(error)),
                    Err(_) => {}
                }
            },
        }
    }
}
