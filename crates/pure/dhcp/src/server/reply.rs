//! What a server sends (RFC 2131 table 3), and where to (section 4.1).

use std::net::Ipv4Addr;

use madang_wire::dhcp::{Builder, Header, MessageType, Options, code, suboption};

use super::asked::Asked;
use super::events::{CommitId, Destination, Reason, Reply};
use super::{Server, Turn};
use crate::config::{ClassMatch, LeaseTimes, Subnet};

/// How much of T1 and T2 the random number may take away: a part of this many.
const SPREAD: u32 = 20;

/// Options that have been written.
#[derive(Default)]
struct Written([u64; 4]);

impl Written {
    /// Whether it is the first time.
    fn first(&mut self, code: u8) -> bool {
        let (word, bit) = (usize::from(code / 64), 1 << (code % 64));
        let first = self.0[word] & bit == 0;
        self.0[word] |= bit;
        first
    }
}

impl Server {
    /// How long a lease is: what the client asks for, within what the subnet allows.
    pub(super) fn lease_time(&self, asked: &Asked<'_>, subnet: u16) -> u32 {
        let LeaseTimes { min, default, max, .. } = self.config.subnet(subnet).lease;
        asked.lease.unwrap_or(default).clamp(min, max)
    }

    /// What the server calls itself to a client: what a relay wants it to (RFC 5107), else as configured.
    fn server_id(&self, asked: &Asked<'_>, subnet: u16) -> Ipv4Addr {
        let named = asked.relay_information().address(suboption::SERVER_ID_OVERRIDE);
        named.filter(|_| asked.is_relayed()).unwrap_or(self.config.subnet(subnet).server_id)
    }

    /// An OFFER or ACK with an address, or the ACK of an INFORM, without.
    pub(super) fn reply(
        &self,
        asked: &Asked<'_>,
        subnet: u16,
        kind: MessageType,
        address: Ipv4Addr,
        after: Option<CommitId>,
        turn: &mut Turn<'_>,
    ) {
        let settings = self.config.subnet(subnet);
        let mut header = asked.header.reply();
        header.yiaddr = address;
        header.siaddr = settings.boot.server.unwrap_or(Ipv4Addr::UNSPECIFIED);
        if kind == MessageType::Ack {
            header.ciaddr = asked.header.ciaddr;
        }
        let lease = (!address.is_unspecified()).then(|| self.lease_time(asked, subnet));
        let start = turn.out.bytes.len();
        let mut builder = Builder::new(&mut turn.out.bytes, &header, asked.limit);
        builder.server_name(settings.boot.server_name.as_bytes());
        builder.boot_file(settings.boot.file.as_bytes());
        let mut written = Written::default();
        self.begin(&mut builder, &mut written, asked, subnet, kind);
        if let Some(seconds) = lease {
            times(&mut builder, settings.lease, seconds, turn.random);
        }
        self.settings(&mut builder, &mut written, asked, settings);
        let left_out = finish(builder, &mut written, asked);
        let to = destination(asked, address);
        send(turn, asked, to, start, after, left_out);
    }

    /// A NAK: nothing but that and why.
    pub(super) fn reply_nak(&self, asked: &Asked<'_>, subnet: u16, reason: Reason, turn: &mut Turn<'_>) {
        let relayed = asked.is_relayed();
        // The client may have no address that it could be reached at; a relay must be told that it is so.
        let header = Header { broadcast: relayed || asked.header.broadcast, ..asked.header.reply() };
        let start = turn.out.bytes.len();
        let mut builder = Builder::new(&mut turn.out.bytes, &header, asked.limit);
        let mut written = Written::default();
        self.begin(&mut builder, &mut written, asked, subnet, MessageType::Nak);
        builder.option(code::MESSAGE, reason.to_string().as_bytes());
        let left_out = finish(builder, &mut written, asked);
        let to = if relayed { Destination::Relay(asked.header.giaddr) } else { Destination::Broadcast };
        send(turn, asked, to, start, None, left_out);
    }

    /// What every reply begins with.
    fn begin(
        &self,
        builder: &mut Builder<'_>,
        written: &mut Written,
        asked: &Asked<'_>,
        subnet: u16,
        kind: MessageType,
    ) {
        if let Some(relay) = asked.relay.as_deref() {
            builder.reserve(relay);
        }
        builder.option(code::MESSAGE_TYPE, &[kind.number()]);
        builder.option(code::SERVER_ID, &self.server_id(asked, subnet).octets());
        for code in [code::MESSAGE_TYPE, code::SERVER_ID, code::CLIENT_ID, code::RELAY_INFORMATION] {
            written.first(code);
        }
    }

    /// The options that the client wants, in its order; all, if it does not say.
    fn settings(
        &self,
        builder: &mut Builder<'_>,
        written: &mut Written,
        asked: &Asked<'_>,
        settings: &Subnet,
    ) {
        let reservation = settings.reservation(&asked.who());
        let own = reservation.map(|reservation| &reservation.options);
        let classes: Vec<&Options> = self.classes(asked).collect();
        let layers = || own.into_iter().chain(classes.iter().copied()).chain([&settings.options]);
        let mut add = |code: u8| {
            if let Some(value) = layers().find_map(|options| options.value(code))
                && written.first(code)
            {
                builder.option(code, value);
            }
        };
        // The mask comes before the routers, and a client that has an address needs it, whatever it asks for.
        add(code::SUBNET_MASK);
        match asked.list.as_deref() {
            Some(list) => list.iter().for_each(|code| add(*code)),
            None => layers().flat_map(Options::iter).for_each(|(code, _)| add(code)),
        }
        let name = reservation.and_then(|reservation| reservation.name.as_deref());
        let wanted = asked.list.as_deref().is_none_or(|list| list.contains(&code::HOST_NAME));
        if let Some(name) = name.filter(|_| wanted && written.first(code::HOST_NAME)) {
            builder.option(code::HOST_NAME, name.as_bytes());
        }
    }

    /// The options of the classes that a client is of. The most special ones count: the client's own, these, the subnet's.
    fn classes<'a>(&'a self, asked: &'a Asked<'_>) -> impl Iterator<Item = &'a Options> {
        let of = self.config.classes.iter().filter(|class| is_of(asked, &class.matches));
        of.map(|class| &class.options)
    }
}

/// Whether a client is of a class.
fn is_of(asked: &Asked<'_>, matches: &ClassMatch) -> bool {
    match matches {
        ClassMatch::Vendor(start) => {
            asked.vendor_class.as_deref().is_some_and(|class| class.starts_with(start))
        }
        ClassMatch::User(class) => {
            asked.user_class.as_deref().is_some_and(|classes| has_class(classes, class))
        }
        ClassMatch::Circuit(circuit) => {
            asked.relay_information().suboption(suboption::CIRCUIT_ID) == Some(circuit)
        }
    }
}

/// Whether a class is among those of the option: each with its length before it (RFC 3004), or one without.
fn has_class(classes: &[u8], class: &[u8]) -> bool {
    if classes == class {
        return true;
    }
    let mut rest = classes;
    while let [length, after @ ..] = rest {
        let Some((one, others)) = after.split_at_checked(usize::from(*length)) else { return false };
        if one == class {
            return true;
        }
        rest = others;
    }
    false
}

/// How long the lease is, and when to renew it.
fn times(builder: &mut Builder<'_>, lease: LeaseTimes, seconds: u32, random: u64) {
    builder.option(code::LEASE_TIME, &seconds.to_be_bytes());
    if seconds == u32::MAX {
        return;
    }
    let part = |permille: u16| {
        let whole = u64::from(seconds) * u64::from(permille) / 1000;
        u32::try_from(whole).unwrap_or(seconds)
    };
    let (renew, rebind) = (part(lease.renew_permille), part(lease.rebind_permille));
    let spread = u64::from(renew / SPREAD) + 1;
    let less = u32::try_from(random % spread).unwrap_or(0);
    builder.option(code::RENEWAL_TIME, &(renew - less).to_be_bytes());
    builder.option(code::REBINDING_TIME, &(rebind - less.min(rebind)).to_be_bytes());
}

/// What every reply ends with: the client's identifier (RFC 6842), and what the relay wants back (RFC 3046 section 2.2).
fn finish(mut builder: Builder<'_>, written: &mut Written, asked: &Asked<'_>) -> usize {
    written.first(code::CLIENT_ID);
    if let Some(id) = asked.who().client_id {
        builder.option(code::CLIENT_ID, id);
    }
    if let Some(relay) = asked.relay.as_deref() {
        builder.reserved(code::RELAY_INFORMATION, relay);
    }
    builder.finish()
}

fn destination(asked: &Asked<'_>, address: Ipv4Addr) -> Destination {
    let Header { hardware, broadcast, ciaddr, giaddr, .. } = asked.header;
    if address.is_unspecified() {
        // Who informs has an address, and is told there (RFC 2131 section 4.3.5).
        return Destination::Client(ciaddr);
    }
    if asked.is_relayed() {
        Destination::Relay(giaddr)
    } else if !ciaddr.is_unspecified() {
        Destination::Client(ciaddr)
    } else if broadcast || hardware.bytes().is_empty() {
        Destination::Broadcast
    } else {
        Destination::Frame { address, hardware }
    }
}

fn send(
    turn: &mut Turn<'_>,
    asked: &Asked<'_>,
    to: Destination,
    start: usize,
    after: Option<CommitId>,
    left_out: usize,
) {
    let bytes = start..turn.out.bytes.len();
    turn.out.replies.push(Reply { to, link: asked.origin.link, bytes, after, left_out });
}
