//! The thread that hears and decides.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};

use madang_addr::Mac;
use madang_dhcp::frame::{Datagram, Heard, SERVER_PORT};
use madang_dhcp::{Actions, Event, Origin, Server};
use madang_kernel::Signals;
use madang_kernel::packet::Batch as Frames;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::commit::Batch;
use super::control::{Ask, Told};
use super::events::Notices;
use super::post::{Mail, Way};
use crate::error::Doing;
use crate::{Error, Result, clock, journal};

/// The longest wait, if there is nothing to wait for.
const LONGEST: i64 = 60_000;

pub(super) struct Turn {
    server: Server,
    ways: Arc<[Way]>,
    batches: SyncSender<Batch>,
    notices: Notices,
    asked: Receiver<Ask>,
    wake: Arc<OwnedFd>,
    actions: Actions,
    frames: Frames,
    /// What may go at once.
    mail: Mail,
    /// Who is answered when it is durable.
    told: Vec<Told>,
}

impl Turn {
    pub(super) fn new(
        server: Server,
        ways: Arc<[Way]>,
        batches: SyncSender<Batch>,
        notices: Notices,
        asked: Receiver<Ask>,
        wake: Arc<OwnedFd>,
    ) -> Self {
        let (actions, frames, mail) = (Actions::new(), Frames::new(), Mail::default());
        Self { server, ways, batches, notices, asked, wake, actions, frames, mail, told: Vec::new() }
    }

    pub(super) fn run(mut self, signals: &Signals) -> Result<()> {
        let mut down = vec![false; self.ways.len()];
        loop {
            let wait = self.server.next_deadline().map_or(LONGEST, |at| {
                i64::try_from(at.since(clock::instant())).unwrap_or(LONGEST).min(LONGEST)
            });
            let ready = self.wait(wait, signals).doing("wait for what comes")?;
            if signals.next().is_some() {
                return Ok(());
            }
            for link in ready {
                self.hear(link, &mut down)?;
            }
            self.answer();
            if self.server.next_deadline().is_some_and(|at| at <= clock::instant()) {
                self.server.handle(Event::Deadline, clock::now(), clock::random(), &mut self.actions);
            }
            if !self.act(signals).doing("write leases and answer")? {
                return Ok(());
            }
        }
    }

    /// Waits until something comes or the time is over: the links on which something came.
    fn wait(&self, milliseconds: i64, signals: &Signals) -> io::Result<Vec<usize>> {
        let mut places: Vec<PollFd<'_>> =
            self.ways.iter().map(|way| PollFd::new(&way.link, PollFlags::IN)).collect();
        places.push(PollFd::new(signals, PollFlags::IN));
        places.push(PollFd::new(&*self.wake, PollFlags::IN));
        let wait = Timespec { tv_sec: milliseconds / 1_000, tv_nsec: milliseconds % 1_000 * 1_000_000 };
        match poll(&mut places, Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if !places[self.ways.len() + 1].revents().is_empty() {
            let mut count = [0; 8];
            let _ = rustix::io::read(&*self.wake, &mut count);
        }
        let links = places.iter().take(self.ways.len()).enumerate();
        Ok(links.filter(|(_, place)| !place.revents().is_empty()).map(|(link, _)| link).collect())
    }

    /// Handles what has come on a link.
    ///
    /// # Errors
    /// The link is gone, and a process that may nothing cannot open another one.
    fn hear(&mut self, link: usize, down: &mut [bool]) -> Result<()> {
        let Self { server, ways, actions, frames, notices, .. } = self;
        let (way, now) = (&ways[link], clock::now());
        let number = u32::try_from(link).unwrap_or(u32::MAX);
        let came = way.link.receive(frames, |heard| match heard {
            Heard::Datagram(datagram) => {
                let origin = origin(number, way.link.mac, &datagram);
                let event = Event::Message { bytes: datagram.payload, origin };
                server.handle(event, now, clock::random(), actions);
            }
            Heard::Arp(arp) if arp.sender_mac != way.link.mac && !arp.sender.is_unspecified() => {
                let by = Some(arp.sender_mac);
                server.handle(Event::Answered { address: arp.sender, by }, now, clock::random(), actions);
            }
            Heard::Arp(_) => {}
        });
        let is_down = came.is_err();
        if is_down && !way.is_there() {
            return Err(Error::Gone { link: way.link.name.clone() });
        }
        if let Err(error) = came
            && !down[link]
        {
            notices.say(&format!("nothing is heard on {}: {error}", way.link.name));
        }
        down[link] = is_down;
        Ok(())
    }

    /// Answers who asked by the control socket.
    fn answer(&mut self) {
        while let Ok(ask) = self.asked.try_recv() {
            self.told.extend(ask.answer(&mut self.server, &mut self.actions));
        }
    }

    /// Does what is to be done. Whether the server goes on: a signal may come while the disk takes nothing.
    fn act(&mut self, signals: &Signals) -> io::Result<bool> {
        if self.actions.is_empty() && self.told.is_empty() {
            return Ok(true);
        }
        let mut batch = Batch { told: std::mem::take(&mut self.told), ..Batch::default() };
        self.mail.clear();
        for probe in std::mem::take(&mut self.actions.probes) {
            if probe.relayed {
                // Nobody behind a relay can be asked by ARP.
                let event = Event::Unanswered { address: probe.address };
                self.server.handle(event, clock::now(), clock::random(), &mut self.actions);
            } else {
                self.mail.put_probe(&probe, &self.ways);
            }
        }
        for commit in &self.actions.commits {
            journal::put(&commit.record, &mut batch.records);
        }
        for reply in &self.actions.replies {
            let mail = if reply.after.is_some() { &mut batch.mail } else { &mut self.mail };
            mail.put(reply, &self.actions, &self.ways);
        }
        self.notices.tell(self.actions.notices.drain(..));
        self.actions.clear();
        let lost = self.mail.send(&self.ways);
        self.notices.lost(lost);
        let nothing = batch.records.is_empty() && batch.mail.is_empty() && batch.told.is_empty();
        if nothing { Ok(true) } else { self.hand_over(batch, signals) }
    }

    /// Hands over what is to be made durable, and waits until there is room for it.
    fn hand_over(&self, mut batch: Batch, signals: &Signals) -> io::Result<bool> {
        loop {
            batch = match self.batches.try_send(batch) {
                Ok(()) => return Ok(true),
                Err(TrySendError::Disconnected(_)) => {
                    return Err(io::Error::other("the thread that writes has ended"));
                }
                Err(TrySendError::Full(batch)) => batch,
            };
            let wait = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
            match poll(&mut [PollFd::new(signals, PollFlags::IN)], Some(&wait)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if signals.next().is_some() {
                return Ok(false);
            }
        }
    }
}

/// Where a message came from. One to a group of hosts, and one to all, was not sent to this server alone.
fn origin(link: u32, own: Mac, datagram: &Datagram<'_>) -> Origin {
    let unicast =
        datagram.to == own && datagram.destination.1 == SERVER_PORT && !datagram.destination.0.is_broadcast();
    Origin { link, port: None, source: datagram.source.0, unicast }
}
