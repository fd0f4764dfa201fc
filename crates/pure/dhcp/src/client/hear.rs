//! What a client hears from servers.

use std::net::Ipv4Addr;

use madang_wire::dhcp::{MessageType, Op, Packet, Repr, code};

use super::{Client, Configuration, Lease, State, Turn, check};
use crate::detection::Detection;

impl Client {
    pub(super) fn message(&mut self, bytes: &[u8], turn: &mut Turn<'_>) {
        // What cannot be read, or is another client's, is not for it.
        let Ok(packet) = Packet::new_checked(bytes) else { return };
        let header = packet.header();
        let mine = header.op == Op::Reply && header.xid == self.xid && header.hardware == self.hardware();
        if !mine || matches!(self.state, State::Stopped | State::Init) {
            return;
        }
        let message = Repr::parse(&packet);
        let id = message.options.value(code::CLIENT_ID);
        // A server that says whose reply it is says it of this client (RFC 6842).
        if id.is_some_and(|id| self.spec.client_id.as_deref().is_some_and(|own| own != id)) {
            return;
        }
        match message.options.message_type() {
            Some(MessageType::Offer) => self.offered(&message, turn),
            Some(MessageType::Ack) => self.granted(&message, turn),
            Some(MessageType::Nak) => self.denied(&message, turn),
            _ => {}
        }
    }

    fn offered(&mut self, offer: &Repr, turn: &mut Turn<'_>) {
        if !matches!(self.state, State::Selecting) {
            return;
        }
        match check::lease(offer) {
            Ok((server, _)) => {
                let address = offer.header.yiaddr;
                self.unanswered = 0;
                turn.explain(format!("{server} offers {address}: takes it"));
                self.enter(State::Requesting { address, server }, turn);
            }
            Err(why) => turn.explain(format!("an offer is not taken: {why}")),
        }
    }

    /// The address that is asked for, and the server, if it must be that one.
    fn asked(&self) -> Option<(Ipv4Addr, Option<Ipv4Addr>)> {
        match self.state {
            State::Requesting { address, server } => Some((address, Some(server))),
            State::Rebooting { address } => Some((address, None)),
            State::Renewing | State::Rebinding => {
                self.lease.as_ref().map(|lease| (lease.configuration.address, None))
            }
            _ => None,
        }
    }

    fn granted(&mut self, ack: &Repr, turn: &mut Turn<'_>) {
        let Some((asked, of)) = self.asked() else { return };
        let (server, seconds) = match check::lease(ack) {
            Ok(granted) => granted,
            Err(why) => return turn.explain(format!("a server's answer is not taken: {why}")),
        };
        if of.is_some_and(|of| of != server) {
            return turn.explain(format!("{server} grants what was not asked of it: that is not taken"));
        }
        let address = ack.header.yiaddr;
        if address != asked {
            return turn
                .explain(format!("{server} grants {address}, and {asked} was asked for: that is not taken"));
        }
        self.unanswered = 0;
        let lease = self.lease_of(ack, server, seconds, turn);
        self.accept(lease, turn);
    }

    /// The lease that an ACK grants, from when it was asked for (RFC 2131 section 4.4.1).
    fn lease_of(&self, ack: &Repr, server: Ipv4Addr, seconds: u32, turn: &mut Turn<'_>) -> Lease {
        let (configuration, left_out) = Configuration::of(ack, server, seconds);
        left_out.into_iter().for_each(|words| turn.explain(words));
        let from = self.asked;
        let ends = configuration.lease.map(|seconds| from.after_seconds(seconds));
        let (renew, rebind) = check::times(&ack.options, seconds);
        let rebind = ends.map(|_| from.after_seconds(rebind));
        // Those that began at once do not renew at once (RFC 2131 section 4.4.5).
        let spread = turn.dice.below(u64::from(renew) * 1000 / 50 + 1);
        let renew = ends.map(|_| crate::time::Instant(from.after_seconds(renew).0.saturating_sub(spread)));
        Lease { configuration, renew, rebind, ends, watch: None }
    }

    fn accept(&mut self, mut lease: Lease, turn: &mut Turn<'_>) {
        let address = lease.configuration.address;
        let until = match lease.configuration.lease {
            Some(seconds) => format!("for {seconds} s"),
            None => "for ever".to_owned(),
        };
        let server = lease.configuration.server;
        // What is used already is watched already.
        if let Some(used) = self.lease.as_mut().filter(|used| used.configuration.address == address) {
            lease.watch = used.watch.take();
            turn.explain(format!("{server} prolongs {address} {until}"));
            return self.use_lease(lease, turn);
        }
        let Some(probing) = self.spec.probing else {
            turn.explain(format!("{server} grants {address} {until}: it is used"));
            return self.use_lease(lease, turn);
        };
        turn.explain(format!("{server} grants {address} {until}: asks the link whether somebody has it"));
        lease.watch = Some(Detection::new(self.spec.mac, address, probing, turn.now, &mut turn.dice));
        self.next = None;
        self.state = State::Checking(Box::new(lease));
    }

    fn denied(&mut self, nak: &Repr, turn: &mut Turn<'_>) {
        let Some((asked, of)) = self.asked() else { return };
        let server = nak.options.address(code::SERVER_ID);
        if of.is_some() && server != of {
            return;
        }
        self.unanswered = 0;
        let why = nak.options.text(code::MESSAGE).unwrap_or("it does not say why");
        let why: String = why.chars().filter(|c| !c.is_control()).take(200).collect();
        let server = server.map_or_else(|| "a server".to_owned(), |server| server.to_string());
        turn.explain(format!("{server} denies {asked}: {why}"));
        self.lose("a server denied it", turn);
        self.previous = self.previous.filter(|previous| *previous != asked);
        // A server that denies all that it offers is asked less and less often.
        let wait = if self.denied == 0 { 0 } else { 1000 << self.denied.min(6) };
        self.denied = self.denied.saturating_add(1);
        self.init(wait, turn);
    }
}
