//! A real packet from an instance, and what the kernel did with it.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use madang_api::{ApiError, LiveProbe};
use madang_compile::Instance;
use madang_datapath::{DropReason, FlowKey, PortId, Probe, Protocol, Tuple, Verdict, VpcId};
use madang_kernel::netns;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto};

use crate::daemon::Agent;
use crate::runtime::chain;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What came back.
enum Answer {
    /// The other end answered, after this long.
    Yes(Duration),
    /// The other end is there, but nothing listens.
    Refused,
    Nothing,
}

/// Sends what the explanation speaks of, from inside the instance's network namespace, and compares.
pub(crate) fn live(
    agent: &Agent,
    from: &Instance,
    probe: &Probe,
    said: Verdict,
) -> Result<LiveProbe, ApiError> {
    let failed = |what: &str| ApiError::internal(format!("cannot send a probe from {}: {what}", from.name));
    let port = port_of(agent, from);
    let before = drops(agent, port)?;
    let sent = netns::enter(&agent.layout.netns(&from.uid), || send(probe));
    let (source_port, answer) = sent.map_err(|e| failed(&chain(&e)))?.map_err(|e| failed(&e.to_string()))?;
    let passed = flow_passed(agent, from.vpc, probe, source_port)?;
    let after = drops(agent, port)?;
    let dropped: Vec<DropReason> = after
        .iter()
        .filter(|(reason, count)| before.get(reason).is_none_or(|b| b < count))
        .map(|(r, _)| *r)
        .collect();
    Ok(compare(&answer, passed, &dropped, said))
}

fn compare(answer: &Answer, passed: bool, dropped: &[DropReason], said: Verdict) -> LiveProbe {
    let outcome = match (answer, passed) {
        (Answer::Yes(time), _) => format!("answered in {:.1} ms", time.as_secs_f64() * 1000.0),
        (Answer::Refused, _) => "arrived, and was refused by the other end: nothing listens there".to_owned(),
        (Answer::Nothing, true) => "passed the kernel's datapath; the other end sent no answer".to_owned(),
        (Answer::Nothing, false) => match dropped {
            [] => "no answer, and no trace of it in the datapath".to_owned(),
            reasons => {
                let names: Vec<_> = reasons.iter().map(|reason| reason.name()).collect();
                format!("dropped by the kernel: {}", names.join(", "))
            }
        },
    };
    let arrived = passed || !matches!(answer, Answer::Nothing);
    let agrees = match said.drop_reason() {
        None => arrived,
        Some(reason) => !arrived && dropped.contains(&reason),
    };
    LiveProbe { outcome, agrees }
}

fn port_of(agent: &Agent, from: &Instance) -> Option<PortId> {
    let picture = agent.picture();
    let mut ports = picture.desired.tables.ports.iter();
    ports.find(|(_, port)| port.vpc == from.vpc && port.address == from.address).map(|(id, _)| *id)
}

fn drops(agent: &Agent, port: Option<PortId>) -> Result<BTreeMap<DropReason, u64>, ApiError> {
    let counts = agent.kernel.drops().map_err(|error| ApiError::internal(chain(&error)))?;
    let of_port = counts.into_iter().filter(|count| Some(PortId(count.ifindex)) == port);
    Ok(of_port.map(|count| (count.reason, count.packets)).collect())
}

/// Whether the datapath knows the probe's flow.
fn flow_passed(agent: &Agent, vpc: VpcId, probe: &Probe, source_port: u16) -> Result<bool, ApiError> {
    let Probe { source, destination, port: destination_port, protocol, .. } = *probe;
    let tuple = Tuple { source, destination, source_port, destination_port };
    let key = FlowKey { vpc, tuple, protocol };
    let flows = agent.kernel.flows().map_err(|error| ApiError::internal(chain(&error)))?;
    Ok(flows.iter().any(|entry| entry.key == key && entry.flow.packets > 0))
}

/// Sends it; called inside the network namespace. Gives the source port (or the echo's identifier) and what came back.
fn send(probe: &Probe) -> rustix::io::Result<(u16, Answer)> {
    let (kind, protocol) = match probe.protocol {
        Protocol::Tcp => (SocketType::STREAM, ipproto::TCP),
        Protocol::Udp => (SocketType::DGRAM, ipproto::UDP),
        Protocol::Icmp => (SocketType::DGRAM, ipproto::ICMP),
        Protocol::Other(_) => return Err(Errno::PROTONOSUPPORT),
    };
    let family = if probe.source.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, kind, flags, Some(protocol))?;
    rustix::net::bind(&socket, &SocketAddr::new(probe.source, 0))?;
    let start = Instant::now();
    match rustix::net::connect(&socket, &SocketAddr::new(probe.destination, probe.port)) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(error),
    }
    let own =
        SocketAddr::try_from(rustix::net::getsockname(&socket)?).map_err(|_| Errno::AFNOSUPPORT)?.port();
    let answer = match probe.protocol {
        Protocol::Tcp => connected(&socket, start)?,
        Protocol::Other(_) => Answer::Nothing,
        Protocol::Udp => answered(&socket, b"madang explain --live", start)?,
        // Type 8, code 0, checksum and identifier by the kernel, sequence 1.
        Protocol::Icmp => answered(&socket, &[8, 0, 0, 0, 0, 0, 0, 1], start)?,
    };
    Ok((own, answer))
}

fn connected(socket: &OwnedFd, start: Instant) -> rustix::io::Result<Answer> {
    came(socket, PollFlags::OUT, start)
}

fn answered(socket: &OwnedFd, payload: &[u8], start: Instant) -> rustix::io::Result<Answer> {
    let mut control = rustix::net::SendAncillaryBuffer::default();
    rustix::net::sendmsg(socket, &[IoSlice::new(payload)], &mut control, rustix::net::SendFlags::empty())?;
    came(socket, PollFlags::IN, start)
}

/// What comes, once something does. An ICMP error is no answer, whoever sent it.
fn came(socket: &OwnedFd, events: PollFlags, start: Instant) -> rustix::io::Result<Answer> {
    if !ready(socket, events, start)? {
        return Ok(Answer::Nothing);
    }
    Ok(match rustix::net::sockopt::socket_error(socket)? {
        Ok(()) => Answer::Yes(start.elapsed()),
        Err(Errno::CONNREFUSED) => Answer::Refused,
        Err(_) => Answer::Nothing,
    })
}

fn ready(socket: &OwnedFd, events: PollFlags, start: Instant) -> rustix::io::Result<bool> {
    loop {
        let left = PATIENCE.saturating_sub(start.elapsed());
        let left = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
        match poll(&mut [PollFd::new(socket, events)], Some(&left)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}
