//! How a client goes from state to state.

use std::net::Ipv4Addr;

use madang_wire::dhcp::MessageType;

use super::{Client, ClientAction, Configuration, Lease, State, Turn};
use crate::time::Instant;

/// How often a message is repeated before something else is tried: 4, 8, 16 and 32 seconds.
const PATIENCE: u32 = 4;
/// How long to wait after an address was declined, in milliseconds (RFC 2131 section 3.1.5).
const AFTER_DECLINE: u64 = 10_000;
/// The shortest time between two messages that prolong a lease, in milliseconds (RFC 2131 section 4.4.5).
const RENEW_AGAIN: u64 = 60_000;

impl Client {
    pub(super) fn start(&mut self, turn: &mut Turn<'_>) {
        let had = self.lease.as_ref().map(|lease| lease.configuration.address).or(self.previous);
        match had {
            Some(address) => {
                turn.explain(format!("asks for {address}, which it had"));
                self.begin_exchange(turn);
                self.enter(State::Rebooting { address }, turn);
            }
            None => self.init(if self.spec.delayed { turn.dice.between(1000, 10_000) } else { 0 }, turn),
        }
    }

    pub(super) fn stop(&mut self, release: bool, turn: &mut Turn<'_>) {
        let checked = match std::mem::replace(&mut self.state, State::Stopped) {
            State::Checking(lease) => Some((lease.configuration, false)),
            _ => None,
        };
        let used = self.lease.take().map(|lease| (lease.configuration, true));
        for (configuration, used) in checked.into_iter().chain(used) {
            let Configuration { address, server, .. } = configuration;
            if release {
                turn.explain(format!("gives {address} back to {server}"));
                self.send_farewell(MessageType::Release, address, server, turn);
            }
            if used {
                turn.out.push(ClientAction::Remove(address));
            }
        }
        (self.state, self.next, self.unanswered) = (State::Stopped, None, 0);
    }

    /// Begins from the start, after a while.
    pub(super) fn init(&mut self, wait: u64, turn: &mut Turn<'_>) {
        self.state = State::Init;
        self.next = Some(turn.now.after(wait));
        if wait == 0 {
            self.discover(turn);
        }
    }

    fn discover(&mut self, turn: &mut Turn<'_>) {
        turn.explain("looks for a server");
        self.begin_exchange(turn);
        self.enter(State::Selecting, turn);
    }

    /// Enters a state and sends what belongs to it.
    pub(super) fn enter(&mut self, state: State, turn: &mut Turn<'_>) {
        self.state = state;
        (self.tries, self.asked) = (0, turn.now);
        self.send(turn);
    }

    /// Sends what belongs to the state, and notes when to send it again.
    fn send(&mut self, turn: &mut Turn<'_>) {
        self.send_for_state(turn);
        self.tries += 1;
        if matches!(self.state, State::Selecting | State::Rebooting { .. }) {
            self.unanswered = self.unanswered.saturating_add(1);
        }
        let lease = self.lease.as_ref();
        self.next = match self.state {
            State::Renewing => prolong(lease.and_then(|lease| lease.rebind), turn.now),
            State::Rebinding => prolong(lease.and_then(|lease| lease.ends), turn.now),
            _ => Some(turn.now.after(back_off(self.tries, turn))),
        };
    }

    /// What is due.
    pub(super) fn due(&mut self, turn: &mut Turn<'_>) {
        self.watch_due(turn);
        let ended = self.lease.as_ref().and_then(|lease| lease.ends).is_some_and(|ends| ends <= turn.now);
        if ended {
            self.lose("the lease is over, and no server prolonged it", turn);
            return self.init(0, turn);
        }
        if self.next.is_none_or(|next| next > turn.now) {
            return;
        }
        match self.state {
            State::Stopped | State::Checking(_) => self.next = None,
            State::Init => self.discover(turn),
            State::Selecting => self.send(turn),
            State::Requesting { server, .. } if self.tries >= PATIENCE => {
                turn.explain(format!("{server} does not answer any more: looks for a server again"));
                self.init(0, turn);
            }
            State::Rebooting { address } if self.tries >= PATIENCE => self.give_up_rebooting(address, turn),
            State::Requesting { .. } | State::Rebooting { .. } => self.send(turn),
            State::Bound => {
                turn.explain("half of the lease is over: asks its server to prolong it");
                self.begin_exchange(turn);
                self.enter(State::Renewing, turn);
            }
            State::Renewing if self.is_past(|lease| lease.rebind, turn) => {
                turn.explain("its server does not answer: asks any server to prolong the lease");
                self.begin_exchange(turn);
                self.enter(State::Rebinding, turn);
            }
            State::Renewing | State::Rebinding => self.send(turn),
        }
    }

    fn is_past(&self, time: impl Fn(&Lease) -> Option<Instant>, turn: &Turn<'_>) -> bool {
        self.lease.as_ref().and_then(time).is_some_and(|at| at <= turn.now)
    }

    /// Nobody says whether it may have the address that it had. While its lease lasts, it may (RFC 2131 section 3.2).
    fn give_up_rebooting(&mut self, address: Ipv4Addr, turn: &mut Turn<'_>) {
        if self.lease.is_some() {
            turn.explain(format!("no server answers: uses {address} until its lease is over"));
            self.be_bound();
        } else {
            turn.explain(format!("no server knows {address}: looks for a server"));
            self.init(0, turn);
        }
    }

    fn watch_due(&mut self, turn: &mut Turn<'_>) {
        let watch = match &mut self.state {
            State::Checking(lease) => lease.watch.as_mut(),
            _ => self.lease.as_mut().and_then(|lease| lease.watch.as_mut()),
        };
        if let Some(step) = watch.and_then(|watch| watch.due(turn.now, &mut turn.dice)) {
            self.step(step, turn);
        }
    }

    /// A lease whose address nobody else has.
    pub(super) fn use_checked(&mut self, turn: &mut Turn<'_>) {
        if let State::Checking(lease) = std::mem::replace(&mut self.state, State::Bound) {
            turn.explain(format!("nobody else has {}: it is used", lease.configuration.address));
            self.use_lease(*lease, turn);
        }
    }

    pub(super) fn use_lease(&mut self, lease: Lease, turn: &mut Turn<'_>) {
        let address = lease.configuration.address;
        if let Some(before) = self.lease.take().map(|lease| lease.configuration.address)
            && before != address
        {
            turn.out.push(ClientAction::Remove(before));
        }
        turn.out.push(ClientAction::Configure(Box::new(lease.configuration.clone())));
        (self.previous, self.denied) = (Some(address), 0);
        self.lease = Some(lease);
        self.be_bound();
    }

    fn be_bound(&mut self) {
        self.state = State::Bound;
        self.next = self.lease.as_ref().and_then(|lease| lease.renew);
    }

    /// The address is used no more.
    pub(super) fn lose(&mut self, why: &str, turn: &mut Turn<'_>) {
        if let Some(lease) = self.lease.take() {
            let address = lease.configuration.address;
            turn.explain(format!("{why}: {address} is used no more"));
            turn.out.push(ClientAction::Remove(address));
        }
    }

    /// Somebody else has the address: the server is told, and another one asked for, after a while.
    pub(super) fn decline(&mut self, turn: &mut Turn<'_>) {
        let lease = match std::mem::replace(&mut self.state, State::Init) {
            State::Checking(lease) => Some(*lease),
            _ => self.lease.take().inspect(|lease| {
                turn.out.push(ClientAction::Remove(lease.configuration.address));
            }),
        };
        if let Some(lease) = lease {
            let (address, server) = (lease.configuration.address, lease.configuration.server);
            self.send_farewell(MessageType::Decline, address, server, turn);
            self.previous = self.previous.filter(|previous| *previous != address);
        }
        self.init(AFTER_DECLINE, turn);
    }
}

/// 4 seconds, then twice as long each time up to 64, a second more or less (RFC 2131 section 4.1).
fn back_off(tries: u32, turn: &mut Turn<'_>) -> u64 {
    let doubled = 4000_u64 << tries.saturating_sub(1).min(4);
    doubled - 1000 + turn.dice.between(0, 2000)
}

/// When to ask again: after half of what is left, but not within a minute, and at the latest when it is too late.
fn prolong(until: Option<Instant>, now: Instant) -> Option<Instant> {
    let until = until?;
    Some(now.after((until.since(now) / 2).max(RENEW_AGAIN)).min(until))
}
