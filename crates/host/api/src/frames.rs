//! The frames of an `exec` connection: 1 byte of stream, 4 bytes of length (big-endian), the payload.
//!
//! Both sides read and write the same frames, whatever bytes the other one sends: a frame that is too long or of an
//! unknown stream is an error, after which the connection has no further meaning.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What the connection is upgraded to: the value of the `Upgrade` header.
pub const PROTOCOL: &str = "madang-exec";

/// The longest payload. Longer data goes in several frames.
pub const MAX_PAYLOAD: usize = 64 * 1024;

const HEADER: usize = 5;

/// One message of an `exec` connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// To the command. Nothing in it: its input has ended.
    Stdin(Bytes),
    /// From the command.
    Stdout(Bytes),
    /// From the command.
    Stderr(Bytes),
    /// The terminal's new size.
    Resize {
        /// Characters a line.
        columns: u16,
        /// Lines.
        rows: u16,
    },
    /// The last frame: how it ended.
    Exit {
        /// The exit status, or 128 and the signal's number.
        code: i32,
        /// Why it could not be run, if it could not.
        message: String,
    },
}

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The payload is longer than allowed.
    #[error("a frame of {length} bytes is longer than the {MAX_PAYLOAD} that are allowed")]
    TooLong {
        /// What the header says.
        length: u32,
    },
    /// No stream has this number.
    #[error("a frame of the unknown stream {stream}")]
    UnknownStream {
        /// The number.
        stream: u8,
    },
    /// The payload is not of the form that its stream has.
    #[error("a frame of the stream {stream} with a payload of {length} bytes, which has no meaning")]
    Malformed {
        /// The stream.
        stream: u8,
        /// The payload's length.
        length: usize,
    },
    /// The connection failed, or ended inside of a frame.
    #[error("the connection failed")]
    Io(#[from] io::Error),
}

impl Frame {
    /// The frame as it is sent. Longer output and input than [`MAX_PAYLOAD`] become several frames.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Stdin(data) => encode_data(0, data, out),
            Self::Stdout(data) => encode_data(1, data, out),
            Self::Stderr(data) => encode_data(2, data, out),
            Self::Resize { columns, rows } => {
                put_header(3, 4, out);
                out.put_u16(*columns);
                out.put_u16(*rows);
            }
            Self::Exit { code, message } => {
                let message = &message.as_bytes()[..message.len().min(MAX_PAYLOAD - 4)];
                put_header(4, 4 + message.len(), out);
                out.put_i32(*code);
                out.put_slice(message);
            }
        }
    }

    /// Takes one frame off the beginning of what has come so far, if it is there as a whole.
    pub fn decode(received: &mut BytesMut) -> Result<Option<Self>, FrameError> {
        let Some(header) = received.get(..HEADER) else { return Ok(None) };
        let stream = header[0];
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        if stream > 4 {
            return Err(FrameError::UnknownStream { stream });
        }
        let size = usize::try_from(length).ok().filter(|size| *size <= MAX_PAYLOAD);
        let size = size.ok_or(FrameError::TooLong { length })?;
        if received.len() < HEADER + size {
            received.reserve(HEADER + size - received.len());
            return Ok(None);
        }
        received.advance(HEADER);
        Self::of(stream, received.split_to(size).freeze()).map(Some)
    }

    fn of(stream: u8, mut payload: Bytes) -> Result<Self, FrameError> {
        let malformed = FrameError::Malformed { stream, length: payload.len() };
        match stream {
            0 => Ok(Self::Stdin(payload)),
            1 => Ok(Self::Stdout(payload)),
            2 => Ok(Self::Stderr(payload)),
            3 if payload.len() == 4 => {
                Ok(Self::Resize { columns: payload.get_u16(), rows: payload.get_u16() })
            }
            4 if payload.len() >= 4 => {
                let code = payload.get_i32();
                Ok(Self::Exit { code, message: String::from_utf8_lossy(&payload).into_owned() })
            }
            _ => Err(malformed),
        }
    }
}

fn encode_data(stream: u8, data: &[u8], out: &mut BytesMut) {
    if data.is_empty() {
        put_header(stream, 0, out);
    }
    for piece in data.chunks(MAX_PAYLOAD) {
        put_header(stream, piece.len(), out);
        out.put_slice(piece);
    }
}

fn put_header(stream: u8, length: usize, out: &mut BytesMut) {
    out.put_u8(stream);
    out.put_u32(u32::try_from(length).expect("a payload is at most MAX_PAYLOAD long"));
}

/// Reads frames from one side of a connection.
#[derive(Debug)]
pub struct FrameReader<R> {
    inner: R,
    received: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Frames from here on.
    pub fn new(inner: R) -> Self {
        Self { inner, received: BytesMut::new() }
    }

    /// The next frame; none if the connection ended after a whole one. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            if let Some(frame) = Frame::decode(&mut self.received)? {
                return Ok(Some(frame));
            }
            if self.inner.read_buf(&mut self.received).await? == 0 {
                return if self.received.is_empty() {
                    Ok(None)
                } else {
                    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended inside of a frame").into())
                };
            }
        }
    }
}

/// Writes frames to one side of a connection.
#[derive(Debug)]
pub struct FrameWriter<W> {
    inner: W,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Frames from here on.
    pub fn new(inner: W) -> Self {
        Self { inner }
    }

    /// Sends this frame. If the future is dropped, half of a frame may have been sent: run it to its end.
    pub async fn send(&mut self, frame: &Frame) -> io::Result<()> {
        let mut out = BytesMut::new();
        frame.encode(&mut out);
        self.inner.write_all(&out).await?;
        self.inner.flush().await
    }

    /// Says that nothing more comes.
    pub async fn close(&mut self) -> io::Result<()> {
        self.inner.shutdown().await
    }
}

#[cfg(test)]
mod tests;
