//! What the API asks of this host.

use std::sync::Arc;

use madang_api::frames::{Frame, FrameReader, FrameWriter, MAX_PAYLOAD};
use madang_api::{
    Answer, ApiError, Drops, Duplex, ExecRequest, ExplainQuery, Explanation, LogOptions, Reason, Runtime,
};
use madang_compute::{ExecControl, ExecInput, ExecOutput, ExecSession};
use madang_model::{ObjectRef, Resource};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc};

use crate::daemon::Agent;

/// How many questions are answered at once: each reads the kernel's tables.
const QUESTIONS: usize = 8;

/// The agent, as the API sees it.
pub(crate) struct HostRuntime {
    agent: Arc<Agent>,
    questions: Semaphore,
}

impl HostRuntime {
    pub(crate) fn new(agent: Arc<Agent>) -> Self {
        Self { agent, questions: Semaphore::new(QUESTIONS) }
    }
}

impl Runtime for HostRuntime {
    fn explain(&self, query: ExplainQuery) -> Answer<'_, Explanation> {
        let agent = Arc::clone(&self.agent);
        Box::pin(async move {
            let _turn = self.questions.acquire().await;
            let explained = tokio::task::spawn_blocking(move || crate::explain::explain(&agent, &query));
            explained.await.map_err(|error| ApiError::internal(format!("explaining failed: {error}")))?
        })
    }

    fn drops(&self) -> Answer<'_, Drops> {
        let agent = Arc::clone(&self.agent);
        Box::pin(async move {
            let _turn = self.questions.acquire().await;
            let counted = tokio::task::spawn_blocking(move || crate::drops::drops(&agent));
            counted.await.map_err(|error| ApiError::internal(format!("counting failed: {error}")))?
        })
    }

    fn logs(
        &self,
        instance: ObjectRef,
        options: LogOptions,
    ) -> Answer<'_, Box<dyn AsyncRead + Send + Unpin>> {
        Box::pin(async move {
            let uid = self.agent.uid(&instance)?;
            let log = self.agent.driver.logs(&uid, options.follow, options.tail);
            Ok(Box::new(log.map_err(|error| failed(&instance, &error))?) as Box<dyn AsyncRead + Send + Unpin>)
        })
    }

    fn exec(&self, instance: ObjectRef, request: ExecRequest, stream: Box<dyn Duplex>) -> Answer<'_, ()> {
        Box::pin(async move {
            let (receive, send) = tokio::io::split(stream);
            let (mut receive, mut send) = (FrameReader::new(receive), FrameWriter::new(send));
            match self.start(&instance, request).await {
                Ok(session) => proxy(session, &mut receive, &mut send).await,
                Err((code, error)) => {
                    let _ = send.send(&Frame::Exit { code, message: error.message }).await;
                }
            }
            let _ = send.close().await;
            Ok(())
        })
    }

    fn shutdown(&self, remove: bool) -> Answer<'_, ()> {
        let asked = self.agent.shutdown.send(Some(remove));
        Box::pin(async move { asked.map_err(|_| ApiError::internal("the daemon is ending already")) })
    }
}

impl HostRuntime {
    /// Begins to run a command; else the exit status that says so (127: there is no such program), and why.
    async fn start(
        &self,
        instance: &ObjectRef,
        request: ExecRequest,
    ) -> Result<ExecSession, (i32, ApiError)> {
        let uid = self.agent.uid(instance).map_err(|error| (126, error))?;
        let ExecRequest { command, tty, columns, rows } = request;
        let request = madang_compute::ExecRequest { command, tty, columns, rows };
        self.agent.driver.exec(&uid, request).await.map_err(|error| match &error {
            madang_compute::Error::Exec { reason, code } => (*code, ApiError::new(Reason::NotFound, reason)),
            other => (126, failed(instance, other)),
        })
    }
}

impl Agent {
    /// The uid of an instance that runs something and is not being deleted.
    fn uid(&self, instance: &ObjectRef) -> Result<String, ApiError> {
        let resource = self.registry.get(instance)?;
        let Resource::Instance(object) = &resource else { return Err(ApiError::not_found(instance)) };
        if object.metadata.deletion_timestamp.is_some() {
            let message = format!("{instance} is being deleted");
            return Err(ApiError::new(Reason::Conflict, message).about(instance));
        }
        if object.spec.host.is_some() {
            let message = format!(
                "{instance} is the host itself, where nothing is run for it: use the host's own shell and logs"
            );
            return Err(ApiError::bad_request(message).about(instance));
        }
        object.metadata.uid.clone().ok_or_else(|| ApiError::internal(format!("{instance} has no uid")))
    }
}

fn failed(instance: &ObjectRef, error: &madang_compute::Error) -> ApiError {
    ApiError::new(Reason::ServiceUnavailable, format!("{instance}: {}", chain(error))).about(instance)
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Carries bytes both ways until the command has ended and all that it wrote has been sent. When the client goes away,
/// the session is dropped, which ends the command.
async fn proxy<R, W>(session: ExecSession, receive: &mut FrameReader<R>, send: &mut FrameWriter<W>)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let ExecSession { stdin, stdout, stderr, mut control } = session;
    let (output, outputs) = mpsc::channel(16);
    let pumps =
        [Some((stdout, Frame::Stdout as fn(_) -> _)), stderr.map(|e| (e, Frame::Stderr as fn(_) -> _))];
    for (stream, frame) in pumps.into_iter().flatten() {
        tokio::spawn(pump(stream, frame, output.clone()));
    }
    drop(output);
    // Both ways at once: a command that waits to be read must not keep its input from coming, nor the reverse.
    tokio::select! {
        sent = outward(outputs, send) => if sent.is_err() { return },
        () = inward(receive, stdin, &control) => return,
    }
    let exit = match control.wait().await {
        Ok(code) => Frame::Exit { code, message: String::new() },
        Err(error) => Frame::Exit { code: 125, message: chain(&error) },
    };
    let _ = send.send(&exit).await;
}

/// Sends what the command writes, until it has closed both of its outputs.
async fn outward<W: AsyncWrite + Unpin>(
    mut outputs: mpsc::Receiver<Frame>,
    send: &mut FrameWriter<W>,
) -> std::io::Result<()> {
    while let Some(frame) = outputs.recv().await {
        send.send(&frame).await?;
    }
    Ok(())
}

/// Hands the client's input on. Returns when the client is gone, or speaks nonsense; a client that only sends no more may
/// still listen.
async fn inward<R: AsyncRead + Unpin>(receive: &mut FrameReader<R>, stdin: ExecInput, control: &ExecControl) {
    let mut stdin = Some(stdin);
    loop {
        match receive.next().await {
            Ok(Some(Frame::Stdin(data))) => {
                let Some(input) = stdin.as_mut() else { continue };
                // A command that has closed its input may still write, and that is wanted.
                if data.is_empty() || input.write_all(&data).await.is_err() {
                    stdin = None;
                }
            }
            Ok(Some(Frame::Resize { columns, rows })) => {
                let _ = control.resize(columns, rows);
            }
            Ok(None) => {
                drop(stdin.take());
                return std::future::pending().await;
            }
            Ok(Some(Frame::Stdout(_) | Frame::Stderr(_) | Frame::Exit { .. })) | Err(_) => return,
        }
    }
}

async fn pump(mut from: ExecOutput, frame: fn(bytes::Bytes) -> Frame, to: mpsc::Sender<Frame>) {
    let mut buffer = vec![0; MAX_PAYLOAD / 2];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if to.send(frame(bytes::Bytes::copy_from_slice(&buffer[..length]))).await.is_err() {
            return;
        }
    }
}
