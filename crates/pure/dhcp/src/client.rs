//! The client (RFC 2131 section 4.4 and figure 5).
//!
//! What a server says is checked before it is believed, and an address is asked for on the link before it is used. Every
//! step is explained in words.

mod check;
mod configuration;
mod hear;
mod messages;
mod spec;
mod states;

use std::net::Ipv4Addr;

use madang_wire::arp;

pub use self::configuration::Configuration;
pub use self::spec::{ClientError, ClientSpec};
use crate::detection::{Detection, Step};
use crate::dice::Dice;
use crate::time::Instant;

/// What happens to a client.
#[derive(Clone, Copy, Debug)]
pub enum ClientEvent<'a> {
    /// The link is there (again): an address is wanted, the one that it had if it may have it still.
    Start,
    /// No address is wanted any more. It is given back, or kept for the next start.
    Stop {
        /// Whether it is given back.
        release: bool,
    },
    /// A message came to the client's port.
    Message(&'a [u8]),
    /// An ARP packet came.
    Arp(arp::Repr),
    /// The next deadline has come.
    Deadline,
}

/// Where a message goes, to port 67.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientDestination {
    /// To all on the link.
    Broadcast,
    /// To the server of the lease.
    Server(Ipv4Addr),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAction {
    /// Send this.
    Send {
        /// Where to.
        to: ClientDestination,
        /// Where from: 0.0.0.0 without an address.
        source: Ipv4Addr,
        /// The message.
        message: Vec<u8>,
    },
    /// Broadcast this.
    Arp(arp::Repr),
    /// Use this address and these settings, in place of those before.
    Configure(Box<Configuration>),
    /// Use the address no more, nor what came with it.
    Remove(Ipv4Addr),
    /// Why, in words.
    Explain(String),
}

/// Where a client is in figure 5 of RFC 2131; `Checking` is what section 4.4.1 has it do between REQUESTING and BOUND.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientState {
    /// It wants nothing.
    Stopped,
    /// It is about to begin.
    Init,
    /// It waits for offers.
    Selecting,
    /// It took one.
    Requesting,
    /// It asks the link whether somebody has the address.
    Checking,
    /// It has an address.
    Bound,
    /// It asks its server to prolong the lease.
    Renewing,
    /// It asks any server to.
    Rebinding,
    /// It asks for the address that it had.
    Rebooting,
}

/// A client of DHCP, without sockets and clock.
#[derive(Clone, Debug)]
pub struct Client {
    spec: ClientSpec,
    state: State,
    xid: u32,
    /// When the exchange began, and how old it was when a server was last looked for (`secs`).
    began: Instant,
    secs: u16,
    /// When what it asks for now was first asked for: a lease counts from then.
    asked: Instant,
    /// How often the message was sent.
    tries: u32,
    /// When it is sent again, or something else begins.
    next: Option<Instant>,
    /// What it has: an address in use.
    lease: Option<Lease>,
    /// What it had last.
    previous: Option<Ipv4Addr>,
    /// Messages that looked for a server since one last spoke.
    unanswered: u32,
    /// How often it was denied in a row.
    denied: u32,
}

#[derive(Clone, Debug)]
enum State {
    Stopped,
    Init,
    Selecting,
    Requesting { address: Ipv4Addr, server: Ipv4Addr },
    Checking(Box<Lease>),
    Bound,
    Renewing,
    Rebinding,
    Rebooting { address: Ipv4Addr },
}

/// A lease, and the watch over its address.
#[derive(Clone, Debug)]
struct Lease {
    configuration: Configuration,
    /// T1, T2 and the end; none: never.
    renew: Option<Instant>,
    rebind: Option<Instant>,
    ends: Option<Instant>,
    watch: Option<Detection>,
}

impl Client {
    /// A client that wants nothing yet.
    pub fn new(spec: ClientSpec) -> Result<Self, ClientError> {
        spec.check()?;
        Ok(Self {
            previous: spec.previous,
            spec,
            state: State::Stopped,
            xid: 0,
            began: Instant(0),
            secs: 0,
            asked: Instant(0),
            tries: 0,
            next: None,
            lease: None,
            unanswered: 0,
            denied: 0,
        })
    }

    /// Where it is.
    pub fn state(&self) -> ClientState {
        match self.state {
            State::Stopped => ClientState::Stopped,
            State::Init => ClientState::Init,
            State::Selecting => ClientState::Selecting,
            State::Requesting { .. } => ClientState::Requesting,
            State::Checking(_) => ClientState::Checking,
            State::Bound => ClientState::Bound,
            State::Renewing => ClientState::Renewing,
            State::Rebinding => ClientState::Rebinding,
            State::Rebooting { .. } => ClientState::Rebooting,
        }
    }

    /// What it uses.
    pub fn configuration(&self) -> Option<&Configuration> {
        self.lease.as_ref().map(|lease| &lease.configuration)
    }

    /// How many times it looked for a server since one last spoke, the one that it waits for included.
    pub fn unanswered(&self) -> u32 {
        self.unanswered
    }

    /// When to handle [`ClientEvent::Deadline`] at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        let checking = match &self.state {
            State::Checking(lease) => Some(lease),
            _ => None,
        };
        let lease = self.lease.as_ref();
        let watches =
            [checking.and_then(|lease| lease.watch.as_ref()), lease.and_then(|it| it.watch.as_ref())];
        let watches = watches.into_iter().flatten().filter_map(Detection::next_deadline);
        watches.chain(self.next).chain(lease.and_then(|lease| lease.ends)).min()
    }

    /// Handles what happened; what is to be done comes behind what is in `out`.
    pub fn handle(&mut self, event: ClientEvent<'_>, now: Instant, random: u64, out: &mut Vec<ClientAction>) {
        let mut turn = Turn { now, dice: Dice(random), out };
        match event {
            ClientEvent::Start => self.start(&mut turn),
            ClientEvent::Stop { release } => self.stop(release, &mut turn),
            ClientEvent::Message(bytes) => self.message(bytes, &mut turn),
            ClientEvent::Arp(arp) => self.arp(&arp, &mut turn),
            ClientEvent::Deadline => self.due(&mut turn),
        }
    }

    fn arp(&mut self, arp: &arp::Repr, turn: &mut Turn<'_>) {
        let step = match &mut self.state {
            State::Checking(lease) => lease.watch.as_mut(),
            _ => self.lease.as_mut().and_then(|lease| lease.watch.as_mut()),
        };
        if let Some(step) = step.and_then(|watch| watch.heard(arp, turn.now)) {
            self.step(step, turn);
        }
    }

    /// What the watch over the address wants.
    fn step(&mut self, step: Step, turn: &mut Turn<'_>) {
        match step {
            Step::Send(arp) => turn.out.push(ClientAction::Arp(arp)),
            Step::Usable(arp) => {
                self.use_checked(turn);
                turn.out.push(ClientAction::Arp(arp));
            }
            Step::Taken(other) => {
                turn.explain(format!("{other} has the address that the server gave: it is told so"));
                self.decline(turn);
            }
            Step::Defend(arp, other) => {
                turn.explain(format!("{other} uses this address too: it is told that the address is taken"));
                turn.out.push(ClientAction::Arp(arp));
            }
            Step::Lost(other) => {
                turn.explain(format!(
                    "{other} goes on using this address: the server is told so, and another asked for"
                ));
                self.decline(turn);
            }
        }
    }
}

/// One event being handled.
struct Turn<'a> {
    now: Instant,
    dice: Dice,
    out: &'a mut Vec<ClientAction>,
}

impl Turn<'_> {
    fn explain(&mut self, words: impl Into<String>) {
        self.out.push(ClientAction::Explain(words.into()));
    }
}

#[cfg(test)]
mod tests;
