//! Asking a server that runs: one line of JSON to its control socket, and lines back, of which the last one says how it went.

use std::io::{self, BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{self, Sender, SyncSender};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use madang_addr::{Mac, Prefix};
use madang_dhcp::{Actions, ClientMatch, Event, LeaseView, Notice, Reservation, Server, Usage, What};
use serde::{Deserialize, Serialize};

use super::events::{self, Entry, Followers, hexadecimal, moment};
use super::reservations;
use crate::error::Doing;
use crate::{Error, Result, clock};

/// How many may ask at once.
const ASKERS: usize = 32;
/// How long one may take to ask, and to read an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest question.
const LONGEST: u64 = 64 << 10;
const FOLLOWED: usize = 1024;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Question {
    /// Every address that there is something to say about.
    Leases,
    /// How full each subnet is.
    Usage,
    /// What happened; and what happens from now on.
    #[serde(rename_all = "camelCase")]
    Events {
        /// Whether to go on.
        follow: bool,
    },
    /// Takes a lease back, or ends a quarantine.
    Release {
        /// Its address.
        address: Ipv4Addr,
    },
    /// Reserves an address, also for the servers that come after this one.
    Reserve(Reserved),
    /// Forgets such a reservation.
    Unreserve {
        /// Its address.
        address: Ipv4Addr,
    },
}

/// A reservation that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reserved {
    /// The client's Ethernet address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mac: Option<Mac>,
    /// Or what it calls itself (option 61).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_id: Option<Vec<u8>>,
    /// The address.
    pub address: Ipv4Addr,
    /// The client's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
}

impl Reserved {
    pub(super) fn reservation(&self) -> Option<Reservation> {
        let client = match (self.mac, &self.client_id) {
            (Some(mac), None) => ClientMatch::Mac(mac),
            (None, Some(id)) => ClientMatch::ClientId(id.clone()),
            _ => return None,
        };
        let options = madang_wire::dhcp::Options::new();
        Some(Reservation { client, address: self.address, name: self.name.clone(), options })
    }
}

/// A line of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Line {
    /// An address.
    Lease(Lease),
    /// A subnet.
    Subnet(Fullness),
    /// What happened.
    Event(Entry),
    /// It is done, or all was said.
    Done(String),
    /// It was not done.
    Refused(String),
}

/// An address, as one sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// The subnet that it is in.
    pub subnet: Prefix,
    /// `bound`, `offered`, `expired`, `released`, `declined` or `reserved`.
    pub state: String,
    /// Whose it is, or was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mac: Option<String>,
    /// What that client calls itself, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_id: Option<String>,
    /// The client's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// When it ends, or ended; none: never.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<Timestamp>,
}

impl From<LeaseView> for Lease {
    fn from(view: LeaseView) -> Self {
        Self {
            address: view.address,
            subnet: view.subnet,
            state: view.state.word().to_owned(),
            mac: view.hardware.map(|hardware| hardware.to_string()),
            client_id: view.client_id.as_deref().map(hexadecimal),
            name: view.name.map(Into::into),
            expires: view.expires.map(moment),
        }
    }
}

/// How full a subnet is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "they are those of `madang_dhcp::Usage`")]
pub struct Fullness {
    pub subnet: Prefix,
    pub pooled: u64,
    pub free: u64,
    pub bound: u64,
    pub offered: u64,
    pub declined: u64,
    pub reserved: u64,
}

impl From<Usage> for Fullness {
    fn from(usage: Usage) -> Self {
        let Usage { subnet, pooled, free, bound, offered, declined, reserved } = usage;
        Self { subnet, pooled, free, bound, offered, declined, reserved }
    }
}

/// Asks the server that listens there. Each line of the answer goes to `take`, the last one is returned.
///
/// # Errors
/// No server listens there, or it does not do what was asked.
pub fn ask(path: &Path, question: &Question, mut take: impl FnMut(Line) -> io::Result<()>) -> Result<String> {
    let connected = UnixStream::connect(path);
    let mut stream = connected.map_err(|source| Error::NoServer { path: path.to_owned(), source })?;
    let mut text = serde_json::to_vec(question).expect("a question has no keys but text");
    text.push(b'\n');
    stream.write_all(&text).doing("ask the server")?;
    for line in BufReader::new(stream).lines() {
        let line = line.doing("read the server's answer")?;
        let line =
            serde_json::from_str(&line).map_err(io::Error::from).doing("understand the server's answer")?;
        match line {
            Line::Done(words) => return Ok(words),
            Line::Refused(words) => return Err(Error::Refused(words)),
            line => take(line).doing("write the answer")?,
        }
    }
    Err(Error::Refused("the server has ended".to_owned()))
}

/// What the thread that decides is asked, and where the answer goes.
#[derive(Debug)]
pub(super) struct Ask {
    what: Asked,
    answer: SyncSender<Answer>,
}

#[derive(Debug)]
enum Asked {
    Leases,
    Usage,
    Release(Ipv4Addr),
    Reserve(Reservation),
}

#[derive(Debug)]
pub(super) enum Answer {
    Leases(Vec<LeaseView>),
    Usage(Vec<Usage>),
    Notice(Option<Notice>),
}

/// An answer, and where it goes when what it says is durable.
pub(super) type Told = (SyncSender<Answer>, Answer);

impl Ask {
    /// Answers, or says what to answer when what was done is durable.
    pub(super) fn answer(self, server: &mut Server, actions: &mut Actions) -> Option<Told> {
        let now = clock::now();
        let event = match self.what {
            Asked::Leases => {
                let _ = self.answer.send(Answer::Leases(server.leases(now).collect()));
                return None;
            }
            Asked::Usage => {
                let _ = self.answer.send(Answer::Usage(server.usage()));
                return None;
            }
            Asked::Release(address) => Event::Release { address },
            Asked::Reserve(reservation) => Event::Reserve(reservation),
        };
        let before = actions.notices.len();
        server.handle(event, now, clock::random(), actions);
        let notice = actions.notices.get(before..).and_then(|new| new.last()).cloned();
        Some((self.answer, Answer::Notice(notice)))
    }
}

/// What whoever asks is served from.
pub(super) struct Served {
    pub(super) asks: Sender<Ask>,
    pub(super) wake: Arc<OwnedFd>,
    pub(super) events: Followers,
    pub(super) directory: Arc<OwnedFd>,
}

/// Serves whoever comes, for ever.
pub(super) fn serve(listener: &UnixListener, served: &Arc<Served>) {
    let places = Arc::new(());
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // No more files: some will be free again.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        let (served, place) = (Arc::clone(served), Arc::clone(&places));
        if Arc::strong_count(&places) > ASKERS + 1 {
            continue;
        }
        let work = move || {
            // Who goes away misses the rest.
            let _ = served.one(&stream);
            drop(place);
        };
        let _ = thread::Builder::new().name("asked".to_owned()).spawn(work);
    }
}

impl Served {
    fn one(&self, stream: &UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut text = String::new();
        BufReader::new(io::Read::take(stream, LONGEST)).read_line(&mut text)?;
        let mut out = io::BufWriter::new(stream);
        match serde_json::from_str(&text) {
            Ok(question) => self.answer(question, &mut out)?,
            Err(error) => put(&mut out, &Line::Refused(format!("the question is not understood: {error}")))?,
        }
        out.flush()
    }

    fn answer(&self, question: Question, out: &mut impl Write) -> io::Result<()> {
        let last = match question {
            Question::Events { follow } => return self.events(follow, out),
            Question::Leases => self.ask(Asked::Leases, out)?,
            Question::Usage => self.ask(Asked::Usage, out)?,
            Question::Release { address } => self.ask(Asked::Release(address), out)?,
            Question::Reserve(reserved) => self.reserve(&reserved, out)?,
            Question::Unreserve { address } => match reservations::remove(&self.directory, address) {
                Ok(true) => Line::Done(format!("{address} is reserved no more when the server starts again")),
                Ok(false) => Line::Refused(format!("{address} was not reserved by this command")),
                Err(error) => Line::Refused(format!("the reservations cannot be written: {error}")),
            },
        };
        put(out, &last)
    }

    fn reserve(&self, reserved: &Reserved, out: &mut impl Write) -> io::Result<Line> {
        let Some(reservation) = reserved.reservation() else {
            return Ok(Line::Refused(
                "a reservation has a MAC or a client identifier, one of them".to_owned(),
            ));
        };
        let line = self.ask(Asked::Reserve(reservation), out)?;
        let Line::Done(words) = line else { return Ok(line) };
        Ok(match reservations::add(&self.directory, reserved) {
            Ok(()) => Line::Done(words),
            Err(error) => Line::Refused(format!(
                "{words}, but only until the server ends: the reservations cannot be written: {error}"
            )),
        })
    }

    /// Asks the thread that decides.
    fn ask(&self, what: Asked, out: &mut impl Write) -> io::Result<Line> {
        let (answer, answered) = mpsc::sync_channel(1);
        let gone = |_| io::Error::other("the server ends");
        self.asks.send(Ask { what, answer }).map_err(|_| io::Error::other("the server ends"))?;
        rustix::io::write(&*self.wake, &1_u64.to_ne_bytes())?;
        match answered.recv().map_err(gone)? {
            Answer::Leases(mut views) => {
                views.sort_unstable_by_key(|view| view.address);
                let count = views.len();
                views.into_iter().try_for_each(|view| put(out, &Line::Lease(view.into())))?;
                Ok(Line::Done(format!("{count} addresses")))
            }
            Answer::Usage(usage) => {
                usage.into_iter().try_for_each(|usage| put(out, &Line::Subnet(usage.into())))?;
                Ok(Line::Done(String::new()))
            }
            Answer::Notice(Some(notice)) if matches!(notice.what, What::Release | What::Reserve) => {
                Ok(Line::Done(notice.to_string()))
            }
            Answer::Notice(Some(notice)) => Ok(Line::Refused(notice.reason.to_string())),
            Answer::Notice(None) => Ok(Line::Refused("the server does not say why".to_owned())),
        }
    }

    fn events(&self, follow: bool, out: &mut impl Write) -> io::Result<()> {
        let (lines, coming) = mpsc::sync_channel(FOLLOWED);
        if follow {
            self.events.lock().unwrap_or_else(PoisonError::into_inner).push(lines);
        } else {
            // Nobody holds the other end: there is nothing to wait for.
            drop(lines);
        }
        let mut write = |text: &str| -> io::Result<()> {
            for line in text.lines() {
                // The last one may be half written.
                if serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok() {
                    writeln!(out, "{{\"event\":{line}}}")?;
                }
            }
            out.flush()
        };
        events::history(&self.directory).try_for_each(|text| write(&text))?;
        coming.iter().try_for_each(|text: Arc<str>| write(&text))?;
        put(out, &Line::Done(String::new()))
    }
}

fn put(out: &mut impl Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
