//! Asking others: each question from a port of its own under a number of its own (RFC 5452), in turn until one answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use madang_dns::{Forwarded, MAX_UDP, Unfit};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::{read, write};

/// How long one resolver has.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How often each is asked.
const ROUNDS: usize = 2;
/// How many are asked.
const RESOLVERS: usize = 3;

/// The reply to a question: what the first of them says that says something, or that nobody does.
pub(crate) async fn ask(forwarded: &Forwarded, resolvers: &[SocketAddr]) -> Vec<u8> {
    for _ in 0..ROUNDS {
        for resolver in resolvers.iter().take(RESOLVERS) {
            let mut answer = timeout(PATIENCE, by_datagram(forwarded, *resolver)).await;
            if matches!(answer, Ok(Err(Unfit::Truncated))) {
                answer = timeout(PATIENCE, by_stream(forwarded, *resolver)).await;
            }
            if let Ok(Ok(reply)) = answer {
                return reply;
            }
        }
    }
    forwarded.failed()
}

async fn by_datagram(forwarded: &Forwarded, resolver: SocketAddr) -> Result<Vec<u8>, Unfit> {
    let failed = |_| Unfit::Failed;
    let any: IpAddr =
        if resolver.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    socket.connect(resolver).await.map_err(failed)?;
    let id = number()?;
    socket.send(&forwarded.query(id)).await.map_err(failed)?;
    let mut buffer = vec![0; usize::from(MAX_UDP).max(4096)];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(failed)?;
        match forwarded.reply(id, &buffer[..length]) {
            // Somebody guesses: the right one may still come.
            Err(Unfit::NotMine) => {}
            answer => return answer,
        }
    }
}

async fn by_stream(forwarded: &Forwarded, resolver: SocketAddr) -> Result<Vec<u8>, Unfit> {
    let failed = |_| Unfit::Failed;
    let mut stream = TcpStream::connect(resolver).await.map_err(failed)?;
    let id = number()?;
    write(&mut stream, &forwarded.query(id)).await.map_err(failed)?;
    forwarded.reply(id, &read(&mut stream).await.map_err(failed)?)
}

/// A number that nobody guesses.
fn number() -> Result<u16, Unfit> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).map_err(|_| Unfit::Failed)?;
    Ok(u16::from_le_bytes(bytes))
}
