//! A client that has a link-local address while no server answers (RFC 3927 section 1.9): it goes on looking, and moves to
//! the real address when a server is there.

use std::net::Ipv4Addr;

use madang_wire::arp;

use crate::client::{Client, ClientAction, ClientError, ClientEvent, ClientSpec, Configuration};
use crate::linklocal::{LinkLocal, LinkLocalAction, LinkLocalEvent};
use crate::time::Instant;

/// How many messages nobody answers before a link-local address is tried: some twelve seconds.
const PATIENCE: u32 = 2;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostAction {
    /// What the client wants; of addresses that the link-local one makes room for.
    Client(ClientAction),
    /// Broadcast this.
    Arp(arp::Repr),
    /// Use this link-local address, with [`crate::LINK_LOCAL_LENGTH`].
    UseLinkLocal(Ipv4Addr),
    /// Use it no more.
    RemoveLinkLocal(Ipv4Addr),
    /// Why, in words.
    Explain(String),
}

/// A client, and a link-local address beside it.
#[derive(Clone, Debug)]
pub struct Host {
    client: Client,
    link_local: LinkLocal,
}

impl Host {
    /// One that wants nothing yet.
    ///
    /// # Errors
    /// The specification cannot be right.
    pub fn new(spec: ClientSpec) -> Result<Self, ClientError> {
        let link_local = LinkLocal::new(spec.mac);
        Ok(Self { client: Client::new(spec)?, link_local })
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What a server gave.
    pub fn configuration(&self) -> Option<&Configuration> {
        self.client.configuration()
    }

    /// The link-local address, while it is used.
    pub fn link_local(&self) -> Option<Ipv4Addr> {
        self.link_local.address()
    }

    /// When to handle [`ClientEvent::Deadline`] at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.client.next_deadline(), self.link_local.next_deadline()].into_iter().flatten().min()
    }

    /// Handles what happened; what is to be done comes behind what is in `out`.
    pub fn handle(&mut self, event: ClientEvent<'_>, now: Instant, random: u64, out: &mut Vec<HostAction>) {
        let mut actions = Vec::new();
        self.client.handle(event, now, random, &mut actions);
        for action in actions {
            // The old address goes before the new one comes: what is sent never has the wrong one.
            if matches!(action, ClientAction::Configure(_)) {
                self.beside(LinkLocalEvent::Stop, now, random, out);
            }
            out.push(HostAction::Client(action));
        }
        match event {
            ClientEvent::Arp(arp) => self.beside(LinkLocalEvent::Arp(arp), now, random, out),
            ClientEvent::Deadline => self.beside(LinkLocalEvent::Deadline, now, random, out),
            ClientEvent::Stop { .. } => self.beside(LinkLocalEvent::Stop, now, random, out),
            ClientEvent::Start | ClientEvent::Message(_) => {}
        }
        let alone = self.client.configuration().is_none() && self.client.unanswered() > PATIENCE;
        if alone && !self.link_local.is_running() {
            out.push(HostAction::Explain("no server answers: looks for a link-local address".to_owned()));
            self.beside(LinkLocalEvent::Start, now, random, out);
        }
    }

    fn beside(&mut self, event: LinkLocalEvent, now: Instant, random: u64, out: &mut Vec<HostAction>) {
        let mut actions = Vec::new();
        self.link_local.handle(event, now, random.rotate_left(17), &mut actions);
        out.extend(actions.into_iter().map(|action| match action {
            LinkLocalAction::Arp(arp) => HostAction::Arp(arp),
            LinkLocalAction::Configure(address) => HostAction::UseLinkLocal(address),
            LinkLocalAction::Remove(address) => HostAction::RemoveLinkLocal(address),
            LinkLocalAction::Explain(words) => HostAction::Explain(words),
        }));
    }
}
