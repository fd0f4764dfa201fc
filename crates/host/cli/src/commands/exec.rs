//! `madang exec`.

use std::io::{self, IsTerminal, Read, Write};

use madang_api::frames::{Frame, FrameError, FrameReader, FrameWriter};
use madang_api::{Duplex, ExecRequest};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::args::ExecArgs;
use crate::context::Context;
use crate::error::Failure;
use crate::kinds;
use crate::output::style;
use crate::raw::RawMode;

/// Runs a command in an instance's sandbox, and ends with its exit status.
pub(super) async fn run(context: &Context, args: &ExecArgs) -> Result<(), Failure> {
    let instance = kinds::instance(&args.instance, context.project())?;
    let client = context.client().await?;
    let tty = args.tty && io::stdin().is_terminal();
    if args.tty && !tty {
        context.say("Standard input is no terminal: the command gets none.");
    }
    let (columns, rows) = window();
    let request = ExecRequest { command: args.command.clone(), tty, columns, rows };
    let doing = || format!("run {} in {instance}", args.command[0]);
    let stream = client.exec(&instance, &request).await.map_err(|error| Failure::api(doing(), error))?;
    let raw = if tty { Some(RawMode::enter().map_err(terminal)?) } else { None };
    let end = converse(stream, args.stdin, tty).await;
    drop(raw);
    match end? {
        End::Exited { code: 0, .. } => Ok(()),
        End::Exited { code, message } => {
            if !message.is_empty() {
                context.say(&format!("error: cannot {}\n  because: {message}", doing()));
            }
            Err(Failure::Exit(u8::try_from(code).unwrap_or(1)))
        }
        End::Signalled(number) => Err(Failure::Exit(128 + number)),
        End::Lost => {
            let source = io::Error::new(io::ErrorKind::UnexpectedEof, "the daemon ended the connection");
            Err(Failure::Host { doing: doing(), source })
        }
    }
}

/// How the conversation ended.
enum End {
    /// The command ended, or could not be run.
    Exited { code: i32, message: String },
    /// Somebody ended this program.
    Signalled(u8),
    /// The daemon went away.
    Lost,
}

type Input = mpsc::Receiver<Vec<u8>>;

/// Carries bytes both ways until the command has ended.
async fn converse(stream: Box<dyn Duplex>, stdin: bool, tty: bool) -> Result<End, Failure> {
    let (read, write) = tokio::io::split(stream);
    let (mut frames, mut writer) = (FrameReader::new(read), FrameWriter::new(write));
    let mut input = Some(input(stdin || tty));
    let mut ending = Ending::new().map_err(terminal)?;
    let mut resized = signal(SignalKind::window_change()).map_err(terminal)?;
    loop {
        tokio::select! {
            frame = frames.next() => if let Some(end) = received(frame)? {
                return Ok(end);
            },
            data = next(&mut input) => {
                let ended = data.is_none();
                let frame = Frame::Stdin(data.unwrap_or_default().into());
                if let Some(end) = send(&mut writer, &mut frames, &frame).await? {
                    return Ok(end);
                }
                if ended {
                    input = None;
                }
            }
            _ = resized.recv() => if tty {
                let (columns, rows) = window();
                if let Some(end) = send(&mut writer, &mut frames, &Frame::Resize { columns, rows }).await? {
                    return Ok(end);
                }
            },
            number = ending.number() => return Ok(End::Signalled(number)),
        }
    }
}

/// Prints what came, or says that it was the end.
fn received(frame: Result<Option<Frame>, FrameError>) -> Result<Option<End>, Failure> {
    match frame {
        Ok(Some(Frame::Stdout(data))) => write_to(&mut io::stdout().lock(), &data)?,
        Ok(Some(Frame::Stderr(data))) => write_to(&mut io::stderr().lock(), &data)?,
        Ok(Some(Frame::Exit { code, message })) => return Ok(Some(End::Exited { code, message })),
        Ok(Some(_)) => {}
        Ok(None) | Err(_) => return Ok(Some(End::Lost)),
    }
    Ok(None)
}

/// Sends a frame, and meanwhile prints what comes: a command that waits to be read must not keep its input from coming.
async fn send(
    writer: &mut FrameWriter<WriteHalf<Box<dyn Duplex>>>,
    frames: &mut FrameReader<ReadHalf<Box<dyn Duplex>>>,
    frame: &Frame,
) -> Result<Option<End>, Failure> {
    let sending = writer.send(frame);
    tokio::pin!(sending);
    loop {
        tokio::select! {
            // A command that has closed its input, or ended, says so itself.
            _ = &mut sending => return Ok(None),
            frame = frames.next() => if let Some(end) = received(frame)? {
                return Ok(Some(end));
            },
        }
    }
}

/// The signals that end this program.
struct Ending([Signal; 3]);

impl Ending {
    fn new() -> io::Result<Self> {
        let kinds = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()];
        let [hangup, interrupt, terminate] = kinds.map(signal);
        Ok(Self([hangup?, interrupt?, terminate?]))
    }

    /// The number of the one that came.
    async fn number(&mut self) -> u8 {
        let [hangup, interrupt, terminate] = &mut self.0;
        tokio::select! {
            _ = hangup.recv() => 1,
            _ = interrupt.recv() => 2,
            _ = terminate.recv() => 15,
        }
    }
}

/// What comes from standard input; nothing, if it is not to be passed on. Reading blocks, so it has a thread of its own,
/// which ends with the program.
fn input(wanted: bool) -> Input {
    let (send, receive) = mpsc::channel(4);
    if wanted {
        std::thread::spawn(move || {
            let mut buffer = vec![0; 16 * 1024];
            loop {
                match io::stdin().lock().read(&mut buffer) {
                    Ok(n) if n > 0 && send.blocking_send(buffer[..n].to_vec()).is_ok() => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    _ => return,
                }
            }
        });
    }
    receive
}

/// The next input; none once, when it ends.
async fn next(input: &mut Option<Input>) -> Option<Vec<u8>> {
    match input {
        Some(input) => input.recv().await,
        None => std::future::pending().await,
    }
}

fn write_to(out: &mut impl Write, data: &[u8]) -> Result<(), Failure> {
    out.write_all(data).and_then(|()| out.flush()).map_err(|source| Failure::Output { source })
}

/// The terminal's columns and lines.
fn window() -> (u16, u16) {
    let (columns, rows) = style::size(&io::stdout());
    (u16::try_from(columns).unwrap_or(u16::MAX), u16::try_from(rows).unwrap_or(u16::MAX))
}

fn terminal(source: io::Error) -> Failure {
    Failure::Terminal { source }
}
