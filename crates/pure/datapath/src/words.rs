//! How packets are named for people.

use std::fmt;

use madang_wire::icmp::Echo;

use crate::abi::ECHO_REQUEST;
use crate::stages::parse::Packet;
use crate::{Protocol, Tuple};

/// `TCP 10.0.1.4:40000 -> 10.0.2.4:5432`, or `ICMP echo 10.0.1.4 -> 10.0.2.4`.
pub(crate) fn ends(tuple: &Tuple, protocol: Protocol) -> String {
    let Tuple { source, destination, source_port, destination_port } = tuple;
    match protocol {
        Protocol::Icmp => {
            format!("{} {source} -> {destination}", icmp([*source_port, *destination_port]))
        }
        Protocol::Other(_) => format!("{protocol} {source} -> {destination}"),
        _ => format!("{protocol} {source}:{source_port} -> {destination}:{destination_port}"),
    }
}

/// `TCP port 5432`, `ICMP echo` or `ICMP timestamp`.
pub(crate) fn service(protocol: Protocol, port: u16) -> String {
    match protocol {
        Protocol::Icmp => icmp([port, port]).to_owned(),
        Protocol::Other(_) => protocol.to_string(),
        _ => format!("{protocol} port {port}"),
    }
}

/// The port that stands for a timestamp request: type 13, code 0, as two bytes.
const TIMESTAMP_REQUEST: u16 = 0x0d00;

/// By the ports of a tuple, of which one says what is asked; of a probe none does, and a ping is meant.
fn icmp(ports: [u16; 2]) -> &'static str {
    let timestamp = ports.contains(&TIMESTAMP_REQUEST) && !ports.contains(&ECHO_REQUEST);
    if timestamp { "ICMP timestamp" } else { "ICMP echo" }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(about) = &self.about {
            let Tuple { source, destination, .. } = self.tuple;
            return write!(
                f,
                "ICMP error {source} -> {destination}, about {}",
                ends(&about.tuple, about.protocol)
            );
        }
        f.write_str(&ends(&self.tuple, self.protocol))?;
        match self.echo {
            Some(Echo::Request) => write!(f, ", request, identifier {}", self.tuple.source_port)?,
            Some(Echo::Reply) => write!(f, ", reply, identifier {}", self.tuple.destination_port)?,
            None => {}
        }
        let flags = self.flags.unwrap_or_default();
        for (set, name) in [(flags.syn, "SYN"), (flags.ack, "ACK"), (flags.fin, "FIN"), (flags.rst, "RST")] {
            if set {
                write!(f, ", {name}")?;
            }
        }
        write!(f, ", {} bytes", self.frame_length)
    }
}
