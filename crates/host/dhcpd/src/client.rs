//! The client on a real link: it sets what a server gives, finds a link-local address where no server is, and says why.
//!
//! What it made it takes away again, and nothing else: addresses and routes of others stay.

mod dns;
mod host;
mod memory;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use madang_addr::Mac;
use madang_dhcp::frame::{CLIENT_PORT, Datagram, Heard, SERVER_PORT, emit_arp};
use madang_dhcp::{
    Client, ClientAction, ClientDestination, ClientEvent, ClientSpec, ClientState, Host, HostAction, Instant,
};
use madang_kernel::packet::Batch;
use madang_kernel::{Changes, Netlink, Signals};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::SendFlags;
use serde::Serialize;

pub use dns::Dns;
use host::Settings;
pub use host::{Options, Set};
use memory::Memory;

use crate::clock::{self, instant};
use crate::error::Doing;
use crate::{Error, Link, Result, port};

/// How often an interface that is not there is looked for, in milliseconds, beside being told of it.
const LOOK_AGAIN: i64 = 5_000;

/// What a client is to do.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The interface.
    pub interface: String,
    /// What the client says of itself; the interface's MAC and what it had before are put in.
    pub spec: ClientSpec,
    /// What is set, and how.
    pub options: Options,
    /// Whether a link-local address is taken while no server answers.
    pub link_local: bool,
    /// Where the lease is kept for the next start.
    pub directory: PathBuf,
    /// Whether the address is given back in the end.
    pub release: bool,
    /// Ends as soon as there is an address of a server's, or when this time is over.
    pub once: Option<Duration>,
}

/// A step of a client.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// When.
    pub time: Timestamp,
    /// The interface.
    pub interface: String,
    /// The state that it is in: `selecting`, `bound`...
    pub state: &'static str,
    /// What was done, and why.
    pub why: String,
    /// What is set now, if that has just changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Set>,
}

/// How a client that was to end has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has an address of a server's, or was told to end.
    Done,
    /// The time is over, and no server has given an address.
    NoAddress,
}

/// Works until it is told to end; each step is told.
///
/// # Errors
/// The interface is not there or none of Ethernet, another client works for it, or the kernel does not do something that nothing
/// goes without.
pub fn run(setup: Setup, signals: &Signals, tell: &mut dyn FnMut(&Step)) -> Result<Outcome> {
    let memory = Memory::open(&setup.directory, &setup.interface)?;
    let mut spec = setup.spec.clone();
    let mut netlink = Netlink::open()?;
    let link = netlink.expect_link(&setup.interface)?;
    spec.mac = link
        .mac
        .filter(|mac| *mac != Mac::default())
        .ok_or_else(|| Error::NotEthernet { name: setup.interface.clone() })?;
    spec.previous = memory.address();
    if !link.up {
        netlink.set_up(&link, true)?;
    }
    let changes = Changes::of_links()?;
    let port = port::hold(&setup.interface, CLIENT_PORT)?;
    let wire = Link::open(&setup.interface, &[CLIENT_PORT])?;
    let end = setup.once.map(|time| instant().after(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)));
    let settings = Settings::new(link.name.clone(), setup.options.clone(), memory.mtu_before());
    let host = Machine::new(spec, setup.link_local)?;
    let mut work = Work { setup, host, settings, memory, wire, port, changes, tell, carrier: link.carrier };
    let outcome = work.run(signals, end);
    work.end();
    outcome
}

/// A client, with a link-local address beside it or without.
enum Machine {
    Host(Box<Host>),
    Client(Box<Client>),
}

impl Machine {
    fn new(spec: ClientSpec, link_local: bool) -> Result<Self> {
        Ok(if link_local {
            Self::Host(Box::new(Host::new(spec)?))
        } else {
            Self::Client(Box::new(Client::new(spec)?))
        })
    }

    fn link_local(&self) -> Option<Ipv4Addr> {
        match self {
            Self::Host(host) => host.link_local(),
            Self::Client(_) => None,
        }
    }

    fn client(&self) -> &Client {
        match self {
            Self::Host(host) => host.client(),
            Self::Client(client) => client,
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        match self {
            Self::Host(host) => host.next_deadline(),
            Self::Client(client) => client.next_deadline(),
        }
    }

    fn handle(&mut self, event: ClientEvent<'_>) -> Vec<HostAction> {
        let (now, random) = (instant(), clock::random());
        match self {
            Self::Host(host) => {
                let mut actions = Vec::new();
                host.handle(event, now, random, &mut actions);
                actions
            }
            Self::Client(client) => {
                let mut actions = Vec::new();
                client.handle(event, now, random, &mut actions);
                actions.into_iter().map(HostAction::Client).collect()
            }
        }
    }
}

struct Work<'a> {
    setup: Setup,
    host: Machine,
    settings: Settings,
    memory: Memory,
    wire: Link,
    /// So that nobody tells servers that nobody listens, and for what goes through routers.
    port: OwnedFd,
    changes: Changes,
    tell: &'a mut dyn FnMut(&Step),
    carrier: bool,
}

impl Work<'_> {
    fn run(&mut self, signals: &Signals, end: Option<Instant>) -> Result<Outcome> {
        if self.carrier {
            self.handle(ClientEvent::Start)?;
        } else {
            self.say("waits for the link: nothing is plugged in, or the other end is down".to_owned(), None);
        }
        let mut batch = Batch::new();
        loop {
            if end.is_some() && self.host.client().configuration().is_some() {
                return Ok(Outcome::Done);
            }
            if end.is_some_and(|end| end <= instant()) {
                return Ok(Outcome::NoAddress);
            }
            self.wait(signals, end).doing("wait for what comes")?;
            if signals.next().is_some() {
                return Ok(Outcome::Done);
            }
            if self.changes.any() {
                self.look()?;
            }
            self.hear(&mut batch)?;
            if self.host.next_deadline().is_some_and(|at| at <= instant()) {
                self.handle(ClientEvent::Deadline)?;
            }
        }
    }

    fn wait(&self, signals: &Signals, end: Option<Instant>) -> std::io::Result<()> {
        let next = self.host.next_deadline().into_iter().chain(end).min();
        let wait = next.map_or(60_000, |at| i64::try_from(at.since(instant())).unwrap_or(60_000));
        let wait = if self.carrier { wait } else { wait.min(LOOK_AGAIN) };
        let wait = Timespec { tv_sec: wait / 1_000, tv_nsec: wait % 1_000 * 1_000_000 };
        let mut places = [
            PollFd::from_borrowed_fd(self.changes.descriptor(), PollFlags::IN),
            PollFd::new(signals, PollFlags::IN),
            PollFd::new(&self.wire, PollFlags::IN),
        ];
        // A link that is down says so again and again.
        let count = if self.carrier { 3 } else { 2 };
        match poll(&mut places[..count], Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks whether the link is still the one that it was.
    fn look(&mut self) -> Result<()> {
        let mut netlink = Netlink::open()?;
        let link = netlink.link(&self.setup.interface)?;
        let carrier = link.as_ref().is_some_and(|link| link.carrier);
        let another = link.as_ref().filter(|link| link.index != self.wire.index);
        if let Some(link) = another {
            self.say("the interface was made anew".to_owned(), None);
            if !link.up {
                netlink.set_up(link, true)?;
            }
            self.port = port::hold(&self.setup.interface, CLIENT_PORT)?;
            self.wire = Link::open(&self.setup.interface, &[CLIENT_PORT])?;
            // It may have another MAC, and has nothing of what was set on the old one.
            self.settings.lose();
            let spec =
                ClientSpec { mac: self.wire.mac, previous: self.memory.address(), ..self.setup.spec.clone() };
            self.host = Machine::new(spec, self.setup.link_local)?;
            self.carrier = false;
        }
        match (self.carrier, carrier) {
            (false, true) => {
                self.carrier = true;
                self.say("the link is there".to_owned(), None);
                self.handle(ClientEvent::Start)
            }
            (true, false) => {
                self.carrier = false;
                self.say(
                    "the link is gone: what was set stays, and is asked for again when it is back".to_owned(),
                    None,
                );
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn hear(&mut self, batch: &mut Batch) -> Result<()> {
        let mut events: Vec<(Option<Vec<u8>>, Option<madang_wire::arp::Repr>)> = Vec::new();
        let own = self.wire.mac;
        // An interface that has just gone is told by its change.
        let _ = self.wire.receive(batch, |heard| match heard {
            Heard::Datagram(datagram)
                if datagram.source.1 == SERVER_PORT
                    && datagram.destination.1 == CLIENT_PORT
                    && (datagram.to == own || datagram.to == Mac::BROADCAST) =>
            {
                events.push((Some(datagram.payload.to_vec()), None));
            }
            Heard::Arp(arp) => events.push((None, Some(arp))),
            Heard::Datagram(_) => {}
        });
        for event in events {
            match event {
                (Some(message), _) => self.handle(ClientEvent::Message(&message))?,
                (_, Some(arp)) => self.handle(ClientEvent::Arp(arp))?,
                _ => {}
            }
        }
        Ok(())
    }

    fn handle(&mut self, event: ClientEvent<'_>) -> Result<()> {
        for action in self.host.handle(event) {
            self.act(action)?;
        }
        Ok(())
    }

    fn act(&mut self, action: HostAction) -> Result<()> {
        match action {
            HostAction::Client(ClientAction::Send { to, source, message }) => self.send(to, source, &message),
            HostAction::Client(ClientAction::Arp(arp)) | HostAction::Arp(arp) => {
                let mut frame = Vec::new();
                emit_arp(&arp, &mut frame);
                let _ = self.wire.send([frame.as_slice()]);
            }
            HostAction::Client(ClientAction::Explain(why)) | HostAction::Explain(why) => self.say(why, None),
            HostAction::Client(ClientAction::Configure(configuration)) => {
                let trouble = self.settings.configure(&configuration)?;
                self.memory
                    .keep(configuration.address, self.settings.mtu_before())
                    .doing("keep the lease for the next start")?;
                trouble.into_iter().for_each(|trouble| self.say(trouble, None));
                let set = self.settings.set();
                self.say(format!("uses {}", configuration.address), set);
            }
            HostAction::Client(ClientAction::Remove(address)) => {
                self.settings.clear()?;
                self.say(format!("uses {address} no more"), None);
            }
            HostAction::UseLinkLocal(address) => {
                self.settings.use_link_local(address)?;
                self.say(format!("uses the link-local address {address}"), None);
            }
            HostAction::RemoveLinkLocal(address) => {
                self.settings.remove_link_local(address)?;
                self.say(format!("uses the link-local address {address} no more"), None);
            }
        }
        Ok(())
    }

    /// Sends a message. What does not go is sent again later, as what is lost on its way.
    fn send(&self, to: ClientDestination, source: Ipv4Addr, message: &[u8]) {
        match to {
            ClientDestination::Broadcast => {
                let datagram = Datagram {
                    from: self.wire.mac,
                    to: Mac::BROADCAST,
                    source: (source, CLIENT_PORT),
                    destination: (Ipv4Addr::BROADCAST, SERVER_PORT),
                    payload: message,
                };
                let mut frame = Vec::new();
                datagram.emit(&mut frame);
                let _ = self.wire.send([frame.as_slice()]);
            }
            ClientDestination::Server(server) => {
                let to = SocketAddrV4::new(server, SERVER_PORT);
                let _ = rustix::net::sendto(&self.port, message, SendFlags::DONTWAIT, &to);
            }
        }
    }

    fn say(&mut self, why: String, set: Option<Set>) {
        let step = Step {
            time: Timestamp::now(),
            interface: self.setup.interface.clone(),
            state: state(self.host.client().state()),
            why,
            set,
        };
        (self.tell)(&step);
    }

    /// Leaves things as they are for the next start, or as they were before.
    fn end(&mut self) {
        if !self.setup.release {
            // Nobody defends it any more.
            if let Some(address) = self.host.link_local() {
                let _ = self.settings.remove_link_local(address);
            }
            let has = self.host.client().configuration().map(|configuration| configuration.address);
            if let Some(address) = has {
                self.say(format!("ends, and leaves {address} as it is until its time is over"), None);
            }
            return;
        }
        // What cannot be said to the server or taken away now is over when its time is.
        let _ = self.handle(ClientEvent::Stop { release: true });
        let _ = self.settings.clear();
        let _ = self.memory.forget();
    }
}

/// The state's name, as RFC 2131 has it.
fn state(state: ClientState) -> &'static str {
    match state {
        ClientState::Stopped => "stopped",
        ClientState::Init => "init",
        ClientState::Selecting => "selecting",
        ClientState::Requesting => "requesting",
        ClientState::Checking => "checking",
        ClientState::Bound => "bound",
        ClientState::Renewing => "renewing",
        ClientState::Rebinding => "rebinding",
        ClientState::Rebooting => "rebooting",
    }
}
