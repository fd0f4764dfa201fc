//! The log of events: what happened to whom and why, from looking for a server to giving an address back.
//!
//! One line of JSON each, in `events.log`; when that is long it becomes `events.log.1`, in place of the one before. It is not
//! made durable: leases are what must not be lost. If more happens than is worth it, or than can be written, that is told instead:
//! who floods a server does not push out of its log what happened before.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use jiff::Timestamp;
use madang_dhcp::{Notice, Wall, What};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::error::Doing;
use crate::{Result, clock};

/// How many events of a second are written; beyond that only those that are worth a look.
const A_SECOND: u64 = 5_000;
/// How long a file gets.
const LONGEST: u64 = 16 << 20;
/// How many groups of events may wait to be written, and lines for one who follows.
const WAITING: usize = 1024;
const FILE: &str = "events.log";
const BEFORE: &str = "events.log.1";

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When.
    pub time: Timestamp,
    /// What: `discover`, `offer`, `ack`..., or `server` for what is about none.
    pub event: String,
    /// The address that it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<Ipv4Addr>,
    /// The client's hardware address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mac: Option<String>,
    /// The client's identifier, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_id: Option<String>,
    /// Why, in words.
    pub reason: String,
}

impl Entry {
    fn of(notice: &Notice) -> Self {
        Self {
            time: moment(notice.at.wall),
            event: notice.what.word().to_owned(),
            address: notice.address,
            mac: notice.hardware.map(|hardware| hardware.to_string()),
            client_id: notice.client_id.as_deref().map(hexadecimal),
            reason: notice.reason.to_string(),
        }
    }

    fn words(event: &str, reason: String) -> Self {
        let (time, event) = (moment(clock::now().wall), event.to_owned());
        Self { time, event, address: None, mac: None, client_id: None, reason }
    }
}

/// A moment of the wall clock.
pub(super) fn moment(wall: Wall) -> Timestamp {
    let seconds = i64::try_from(wall.0).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

/// Bytes as they are written: `01:02:ab`.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

enum Message {
    Notices(Vec<Notice>),
    Words(String),
}

/// Those who follow: each gets the lines that come.
pub(super) type Followers = Arc<Mutex<Vec<SyncSender<Arc<str>>>>>;

/// Where events go. Telling never waits.
#[derive(Clone, Debug)]
pub(super) struct Notices {
    sender: SyncSender<Message>,
    followers: Followers,
    dropped: Arc<AtomicU64>,
    unsent: Arc<AtomicU64>,
    /// Which second it is, and how many events it had.
    second: Arc<[AtomicU64; 2]>,
}

impl Notices {
    pub(super) fn tell(&self, notices: impl Iterator<Item = Notice>) {
        let mut left_out = 0;
        let notices: Vec<Notice> = notices
            .filter(|notice| {
                let kept = self.has_room(notice);
                left_out += u64::from(!kept);
                kept
            })
            .collect();
        if left_out > 0 {
            self.dropped.fetch_add(left_out, Ordering::Relaxed);
        }
        let count = notices.len() as u64;
        if count > 0 && matches!(self.sender.try_send(Message::Notices(notices)), Err(TrySendError::Full(_)))
        {
            self.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn has_room(&self, notice: &Notice) -> bool {
        let [second, count] = &*self.second;
        let now = notice.at.instant.0 / 1_000;
        if second.swap(now, Ordering::Relaxed) != now {
            count.store(0, Ordering::Relaxed);
        }
        let is_worth_a_look =
            matches!(notice.what, What::Conflict | What::Decline | What::Rogue | What::Reserve);
        count.fetch_add(1, Ordering::Relaxed) < A_SECOND || is_worth_a_look
    }

    /// Something about the server itself. It is said on standard error too.
    pub(super) fn say(&self, words: &str) {
        let _ = writeln!(io::stderr(), "madang: {words}");
        let _ = self.sender.try_send(Message::Words(words.to_owned()));
    }

    /// So many answers could not be sent.
    pub(super) fn lost(&self, count: usize) {
        self.unsent.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn followers(&self) -> Followers {
        Arc::clone(&self.followers)
    }
}

/// The log's files.
#[derive(Debug)]
pub(super) struct Log {
    directory: Arc<OwnedFd>,
}

impl Log {
    pub(super) fn new(directory: Arc<OwnedFd>) -> Self {
        Self { directory }
    }

    /// Starts the thread that writes. It ends when nobody can tell it anything any more.
    pub(super) fn start(self) -> Result<(Notices, JoinHandle<()>)> {
        let (sender, messages) = mpsc::sync_channel(WAITING);
        let (dropped, unsent) = (Arc::default(), Arc::default());
        let notices = Notices {
            sender,
            followers: Followers::default(),
            dropped: Arc::clone(&dropped),
            unsent: Arc::clone(&unsent),
            second: Arc::default(),
        };
        let writer = Writer {
            file: File::open(&self.directory).doing("open the log of events")?,
            directory: self.directory,
            followers: notices.followers(),
            dropped,
            unsent,
            fails: false,
        };
        let thread = thread::Builder::new().name("events".to_owned()).spawn(move || writer.run(&messages));
        Ok((notices, thread.doing("start a thread")?))
    }
}

/// What is in the files of a directory, the oldest first.
pub(super) fn history(directory: &OwnedFd) -> impl Iterator<Item = String> {
    [BEFORE, FILE].into_iter().filter_map(move |name| {
        let file =
            rustix::fs::openat(directory, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        io::read_to_string(std::fs::File::from(file)).ok()
    })
}

struct File {
    file: std::fs::File,
    length: u64,
}

impl File {
    fn open(directory: &OwnedFd) -> io::Result<Self> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file: std::fs::File = rustix::fs::openat(directory, FILE, flags, Mode::RUSR | Mode::WUSR)?.into();
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }
}

struct Writer {
    directory: Arc<OwnedFd>,
    file: File,
    followers: Followers,
    dropped: Arc<AtomicU64>,
    unsent: Arc<AtomicU64>,
    fails: bool,
}

impl Writer {
    fn run(mut self, messages: &Receiver<Message>) {
        let mut lines = Vec::new();
        while let Ok(message) = messages.recv() {
            lines.clear();
            self.line(message, &mut lines);
            while lines.len() < 64 << 10
                && let Ok(more) = messages.try_recv()
            {
                self.line(more, &mut lines);
            }
            for (count, what) in [
                (&self.dropped, "events were too many for this log"),
                (&self.unsent, "answers could not be sent: their clients ask again"),
            ] {
                let count = count.swap(0, Ordering::Relaxed);
                if count > 0 {
                    put(&Entry::words("server", format!("{count} {what}")), &mut lines);
                }
            }
            self.write(&lines);
        }
    }

    fn line(&self, message: Message, lines: &mut Vec<u8>) {
        let begin = lines.len();
        match message {
            Message::Notices(notices) => notices.iter().for_each(|notice| put(&Entry::of(notice), lines)),
            Message::Words(words) => put(&Entry::words("server", words), lines),
        }
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        if !followers.is_empty() {
            let text: Arc<str> = String::from_utf8_lossy(&lines[begin..]).into();
            // Who does not read fast enough misses some; who has gone is forgotten.
            followers
                .retain(|to| !matches!(to.try_send(Arc::clone(&text)), Err(TrySendError::Disconnected(_))));
        }
    }

    fn write(&mut self, lines: &[u8]) {
        let written = self.turn_over().and_then(|()| self.file.file.write_all(lines));
        self.file.length += lines.len() as u64;
        if let (Err(error), false) = (&written, self.fails) {
            let _ = writeln!(io::stderr(), "madang: the log of events cannot be written: {error}");
        }
        self.fails = written.is_err();
    }

    /// Begins a new file if this one is long.
    fn turn_over(&mut self) -> io::Result<()> {
        if self.file.length > LONGEST {
            rustix::fs::renameat(&*self.directory, FILE, &*self.directory, BEFORE)?;
            self.file = File::open(&self.directory)?;
        }
        Ok(())
    }
}

fn put(entry: &Entry, lines: &mut Vec<u8>) {
    // Texts and numbers are JSON, and a vector takes what is written.
    let _ = serde_json::to_writer(&mut *lines, entry);
    lines.push(b'\n');
}
