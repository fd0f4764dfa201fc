//! The name service: datagrams and streams in the services' namespace, questions to resolvers in the host's.

mod cache;
mod resolver;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use madang_dns::{Decision, Forwarded, Transport, decide};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::spawn_local;

use self::cache::{Asked, Cache, Known};
use crate::channel::{Briefing, Daemon};
use crate::limits::{Limits, Most};
use crate::serve::{self, asker, briefings, unless_ended};
use crate::{Error, Result};

/// How long a stream may be silent.
const IDLE: Duration = Duration::from_secs(10);

/// About what AWS takes from one interface.
const MOST: Most = Most { rate: 1_000, questions: (64, 512), streams: (8, 256) };

/// How many datagrams that have come already are answered by a worker that is to end.
const LAST: usize = 1_024;
/// How long it may take over questions that it has asked elsewhere.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until it is asked to end, and answers what has come by then.
pub(crate) fn run(daemon: Daemon, sockets: Vec<OwnedFd>) -> Result<()> {
    let [datagrams, streams] =
        <[OwnedFd; 2]>::try_from(sockets).map_err(|_| Error::Channel("two sockets were expected"))?;
    serve::run(async |end| {
        let datagrams = UdpSocket::from_std(datagrams.into()).map_err(Error::step("take a socket"))?;
        let streams = TcpListener::from_std(streams.into()).map_err(Error::step("take a socket"))?;
        let (briefing, limits, cache) = (RefCell::default(), Limits::new(MOST), RefCell::default());
        let service = Rc::new(Service { briefing, limits, cache, datagrams });
        let first = briefings(daemon, {
            let service = Rc::clone(&service);
            move |briefing| service.learn(briefing)
        });
        let Some(first) = unless_ended(end, first).await else { return Ok(()) };
        first?;
        let taking = spawn_local(Rc::clone(&service).take(streams));
        if let Some(error) = unless_ended(end, Rc::clone(&service).serve()).await {
            return Err(error);
        }
        taking.abort();
        service.finish().await;
        Ok(())
    })
}

struct Service {
    briefing: RefCell<Briefing>,
    limits: Limits,
    cache: RefCell<Cache>,
    datagrams: UdpSocket,
}

impl Service {
    fn learn(&self, briefing: Briefing) {
        let last = self.briefing.replace(briefing);
        // Others may say something else.
        if last.resolvers != self.briefing.borrow().resolvers {
            self.cache.take();
        }
    }

    /// Answers what has come already; what comes now goes to the next worker.
    async fn finish(self: &Rc<Self>) {
        let mut buffer = vec![0; usize::from(u16::MAX)];
        for _ in 0..LAST {
            let Ok((length, peer)) = self.datagrams.try_recv_from(&mut buffer) else { break };
            self.datagram(&buffer[..length], peer);
        }
        let quiet = async {
            while !self.limits.is_quiet() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(GRACE, quiet).await;
    }

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

    /// The reply to a question that is asked elsewhere, unless it is known from there; the same question is asked once at a time.
    async fn forward(&self, asker: u32, forwarded: &Forwarded) -> Vec<u8> {
        let key = forwarded.key();
        // Who waits for another's answer takes a place too.
        let place = self.limits.question(asker);
        let known = self.cache.borrow_mut().find(&key);
        let answer = match known {
            Known::Answer(answer, age) => return forwarded.reply(&answer, age),
            _ if place.is_none() => return forwarded.refused(),
            Known::AskedNow(waits) => waits.await.ok().flatten(),
            Known::No => {
                let asked = Asked::new(&self.cache, key);
                let resolvers = self.briefing.borrow().resolvers.clone();
                let answer = resolver::ask(forwarded, &resolvers).await.map(Rc::from);
                asked.answered(answer.clone(), answer.as_deref().map_or(0, madang_dns::lifetime));
                answer
            }
        };
        answer.map_or_else(|| forwarded.failed(), |answer| forwarded.reply(&answer, 0))
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
