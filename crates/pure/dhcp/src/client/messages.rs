//! What a client sends (RFC 2131 tables 4 and 5).

use std::net::Ipv4Addr;

use madang_wire::dhcp::{HardwareAddress, Header, LARGEST_FOR_ALL, MessageType, Options, Repr, code};

use super::{Client, ClientAction, ClientDestination, State, Turn};

/// The largest datagram that is taken, with its headers.
const LARGEST_TAKEN: u16 = 1500;

impl Client {
    pub(super) fn hardware(&self) -> HardwareAddress {
        HardwareAddress::ethernet(self.spec.mac)
    }

    /// Sends what belongs to the state.
    pub(super) fn send_for_state(&mut self, turn: &mut Turn<'_>) {
        let has = self.lease.as_ref().map(|lease| (lease.configuration.address, lease.configuration.server));
        // A REQUEST that takes an offer is as old as the DISCOVER was (RFC 2131 section 4.4.1).
        if !matches!(self.state, State::Requesting { .. }) {
            self.secs = u16::try_from(turn.now.since(self.began) / 1000).unwrap_or(u16::MAX);
        }
        let mut header = self.header();
        (header.secs, header.broadcast) = (self.secs, self.spec.broadcast);
        let mut options = self.options(MessageType::Request);
        let mut to = ClientDestination::Broadcast;
        match (&self.state, has) {
            (State::Selecting, _) => {
                options = self.options(MessageType::Discover);
                if let Some(previous) = self.previous {
                    options.set_addresses(code::REQUESTED_ADDRESS, &[previous]);
                }
            }
            (State::Requesting { address, server }, _) => {
                options.set_addresses(code::REQUESTED_ADDRESS, &[*address]);
                options.set_addresses(code::SERVER_ID, &[*server]);
            }
            (State::Rebooting { address }, _) => {
                options.set_addresses(code::REQUESTED_ADDRESS, &[*address]);
            }
            (State::Renewing, Some((address, server))) => {
                (header.ciaddr, header.broadcast, to) = (address, false, ClientDestination::Server(server));
            }
            (State::Rebinding, Some((address, _))) => (header.ciaddr, header.broadcast) = (address, false),
            _ => return,
        }
        send(header, options, to, turn);
    }

    /// Says that somebody else has the address, or gives it back: only what the RFC allows.
    pub(super) fn send_farewell(
        &mut self,
        kind: MessageType,
        address: Ipv4Addr,
        server: Ipv4Addr,
        turn: &mut Turn<'_>,
    ) {
        self.begin_exchange(turn);
        let mut header = self.header();
        let mut options = Options::new();
        options.set(code::MESSAGE_TYPE, [kind.number()]);
        options.set_addresses(code::SERVER_ID, &[server]);
        if let Some(id) = &self.spec.client_id {
            options.set(code::CLIENT_ID, id.as_slice());
        }
        let to = if kind == MessageType::Decline {
            options.set_addresses(code::REQUESTED_ADDRESS, &[address]);
            ClientDestination::Broadcast
        } else {
            header.ciaddr = address;
            ClientDestination::Server(server)
        };
        send(header, options, to, turn);
    }

    /// An exchange of its own: what is still on the way is of another.
    pub(super) fn begin_exchange(&mut self, turn: &mut Turn<'_>) {
        self.xid = u32::try_from(turn.dice.below(1 << 32)).unwrap_or(1);
        self.began = turn.now;
        self.tries = 0;
    }

    fn header(&self) -> Header {
        Header::request(self.hardware(), self.xid)
    }

    fn options(&self, kind: MessageType) -> Options {
        let mut options = Options::new();
        options.set(code::MESSAGE_TYPE, [kind.number()]);
        options.set(code::PARAMETER_LIST, self.spec.wanted.as_slice());
        options.set(code::MAXIMUM_SIZE, LARGEST_TAKEN.to_be_bytes());
        let texts = [
            (code::CLIENT_ID, self.spec.client_id.as_deref()),
            (code::HOST_NAME, self.spec.host_name.as_deref().map(str::as_bytes)),
            (code::VENDOR_CLASS, self.spec.vendor_class.as_deref()),
        ];
        for (code, value) in texts {
            if let Some(value) = value {
                options.set(code, value);
            }
        }
        if let Some(seconds) = self.spec.lease_time {
            options.set_seconds(code::LEASE_TIME, seconds);
        }
        options
    }
}

fn send(header: Header, options: Options, to: ClientDestination, turn: &mut Turn<'_>) {
    let mut message = Vec::new();
    Repr::new(header, options).emit(LARGEST_FOR_ALL, &mut message);
    turn.out.push(ClientAction::Send { to, source: header.ciaddr, message });
}
