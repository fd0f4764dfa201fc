//! The name service: datagrams and streams in the services' namespace, questions to resolvers in the host's.

mod resolver;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use madang_dns::{Decision, Transport, decide};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::spawn_local;

use crate::channel::{Briefing, Daemon};
use crate::limits::{Limits, Most};
use crate::serve::{asker, briefings, until_told_to_end};
use crate::{Error, Result};

/// How long a stream may be silent.
const IDLE: Duration = Duration::from_secs(10);

/// About what AWS takes from one interface.
const MOST: Most = Most { rate: 1_000, questions: (64, 512), streams: (8, 256) };

/// Serves until it is asked to end, and answers what has come by then.
pub(crate) fn run(daemon: Daemon, sockets: Vec<OwnedFd>) -> Result<()> {
    let [datagrams, streams] =
        <[OwnedFd; 2]>::try_from(sockets).map_err(|_| Error::Channel("two sockets were expected"))?;
    until_told_to_end(async {
        let datagrams = UdpSocket::from_std(datagrams.into()).map_err(Error::step("take a socket"))?;
        let streams = TcpListener::from_std(streams.into()).map_err(Error::step("take a socket"))?;
        let service = Rc::new(Service { briefing: RefCell::default(), limits: Limits::new(MOST), datagrams });
        let _drain = Drain(Rc::clone(&service));
        briefings(daemon, {
            let service = Rc::clone(&service);
            move |briefing| *service.briefing.borrow_mut() = briefing
        })
        .await?;
        spawn_local(Rc::clone(&service).take(streams));
        Err(service.serve().await)
    })
}

/// Answers what has come already, when the worker ends.
struct Drain(Rc<Service>);

impl Drop for Drain {
    fn drop(&mut self) {
        let mut buffer = vec![0; usize::from(u16::MAX)];
        while let Ok((length, peer)) = self.0.datagrams.try_recv_from(&mut buffer) {
            self.0.datagram(&buffer[..length], peer);
        }
    }
}

struct Service {
    briefing: RefCell<Briefing>,
    limits: Limits,
    datagrams: UdpSocket,
}

impl Service {
    /// Answers datagrams.
    async fn serve(self: Rc<Self>) -> Error {
        let mut buffer = vec![0; usize::from(u16::MAX)];
        loop {
            match self.datagrams.recv_from(&mut buffer).await {
                Ok((length, peer)) => self.datagram(&buffer[..length], peer),
                // Such as what an ICMP error says of an earlier answer.
                Err(error) if is_of_another(&error) => {}
                Err(error) => return Error::step("read a question")(error),
            }
        }
    }

    fn datagram(self: &Rc<Self>, message: &[u8], peer: SocketAddr) {
        let Some(asker) = asker(peer).filter(|asker| self.limits.may_ask(*asker)) else { return };
        match decide(&self.briefing.borrow().directory, asker, message, Transport::Udp) {
            Decision::Ignore => {}
            // Who does not take its answer asks again.
            Decision::Reply(reply) => drop(self.datagrams.try_send_to(&reply, peer)),
            Decision::Forward(forwarded) => {
                let this = Rc::clone(self);
                spawn_local(async move {
                    let reply = this.forward(asker, &forwarded).await;
                    let _ = this.datagrams.send_to(&reply, peer).await;
                });
            }
        }
    }

    async fn forward(&self, asker: u32, forwarded: &madang_dns::Forwarded) -> Vec<u8> {
        let Some(_place) = self.limits.question(asker) else { return forwarded.refused() };
        let resolvers = self.briefing.borrow().resolvers.clone();
        resolver::ask(forwarded, &resolvers).await
    }

    /// Takes connections.
    async fn take(self: Rc<Self>, streams: TcpListener) {
        loop {
            match streams.accept().await {
                Ok((stream, peer)) => {
                    let this = Rc::clone(&self);
                    spawn_local(async move { this.converse(stream, peer).await });
                }
                // Out of descriptors, say: some will be free soon.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Answers the questions of one stream, one after the other (RFC 7766).
    async fn converse(&self, mut stream: TcpStream, peer: SocketAddr) {
        let Some(asker) = asker(peer) else { return };
        let Some(_place) = self.limits.stream(asker) else { return };
        while let Ok(Ok(message)) = tokio::time::timeout(IDLE, read(&mut stream)).await {
            if !self.limits.may_ask(asker) {
                return;
            }
            let decision = decide(&self.briefing.borrow().directory, asker, &message, Transport::Tcp);
            let reply = match decision {
                Decision::Ignore => return,
                Decision::Reply(reply) => reply,
                Decision::Forward(forwarded) => self.forward(asker, &forwarded).await,
            };
            if !matches!(tokio::time::timeout(IDLE, write(&mut stream, &reply)).await, Ok(Ok(()))) {
                return;
            }
        }
    }
}

fn is_of_another(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable};
    [ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable].contains(&error.kind())
}

/// A message with its length before it (RFC 1035 section 4.2.2).
async fn read(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<()> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let framed = [&length.to_be_bytes()[..], &message[..usize::from(length)]].concat();
    stream.write_all(&framed).await
}
