//! Asking others: each question from a port of its own under a number of its own (RFC 5452), in turn until one answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use madang_dns::{Forwarded, MAX_UDP, Unfit};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::{read, write};

/// How long one resolver has.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How long it may take altogether: who asked asks again after 5 s.
const ALTOGETHER: Duration = Duration::from_millis(4_500);
/// How often one that is silent is asked.
const ROUNDS: usize = 2;
/// How many are asked.
const RESOLVERS: usize = 3;

/// What the first of them answers that says something; none, if nobody does in time.
pub(crate) async fn ask(forwarded: &Forwarded, resolvers: &[SocketAddr]) -> Option<Vec<u8>> {
    timeout(ALTOGETHER, in_turn(forwarded, resolvers)).await.ok().flatten()
}

async fn in_turn(forwarded: &Forwarded, resolvers: &[SocketAddr]) -> Option<Vec<u8>> {
    let mut left: Vec<SocketAddr> = resolvers.iter().take(RESOLVERS).copied().collect();
    for _ in 0..ROUNDS {
        let mut silent = Vec::new();
        for resolver in left {
            match ask_one(forwarded, resolver).await {
                Some(Ok(answer)) => return Some(answer),
                // It would say the same again.
                Some(Err(_)) => {}
                None => silent.push(resolver),
            }
        }
        left = silent;
    }
    None
}

/// What one of them says; none, if it says nothing.
async fn ask_one(forwarded: &Forwarded, resolver: SocketAddr) -> Option<Result<Vec<u8>, Unfit>> {
    let mut extended = true;
    let mut answer = timeout(PATIENCE, by_datagram(forwarded, resolver, extended)).await;
    if matches!(answer, Ok(Err(Unfit::Extended))) {
        extended = false;
        answer = timeout(PATIENCE, by_datagram(forwarded, resolver, extended)).await;
    }
    if matches!(answer, Ok(Err(Unfit::Truncated))) {
        answer = timeout(PATIENCE, by_stream(forwarded, resolver, extended)).await;
    }
    answer.ok()
}

async fn by_datagram(forwarded: &Forwarded, resolver: SocketAddr, extended: bool) -> Result<Vec<u8>, Unfit> {
    let failed = |_| Unfit::Failed;
    let any: IpAddr =
        if resolver.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    socket.connect(resolver).await.map_err(failed)?;
    let id = number()?;
    socket.send(&forwarded.query(id, extended)).await.map_err(failed)?;
    let mut buffer = vec![0; usize::from(MAX_UDP).max(4096)];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(failed)?;
        match forwarded.fits(id, extended, &buffer[..length]) {
            // Somebody guesses: the right one may still come.
            Err(Unfit::NotMine) => {}
            fits => return fits.map(|()| buffer[..length].to_vec()),
        }
    }
}

async fn by_stream(forwarded: &Forwarded, resolver: SocketAddr, extended: bool) -> Result<Vec<u8>, Unfit> {
    let failed = |_| Unfit::Failed;
    let mut stream = TcpStream::connect(resolver).await.map_err(failed)?;
    let id = number()?;
    write(&mut stream, &forwarded.query(id, extended)).await.map_err(failed)?;
    let answer = read(&mut stream).await.map_err(failed)?;
    forwarded.fits(id, extended, &answer).map(|()| answer)
}

/// A number that nobody guesses.
fn number() -> Result<u16, Unfit> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).map_err(|_| Unfit::Failed)?;
    Ok(u16::from_le_bytes(bytes))
}
