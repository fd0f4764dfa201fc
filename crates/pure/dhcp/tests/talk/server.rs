//! Conversations with a server.

use std::net::Ipv4Addr;

use madang_addr::Mac;
use madang_dhcp::{
    Actions, Boot, ClassMatch, ClassSpec, ClientMatch, Destination, Event, Instant, Limits, Now, Origin,
    Range, Record, RecordState, Reservation, Server, ServerConfig, ServerSpec, SubnetSpec, Waits, Wall,
};
use madang_wire::dhcp::{Op, Options};

use super::{Line, hex, message, parsed};

/// Where time begins.
const START: u64 = 1_000_000;
const WALL: u64 = 1_800_000_000;

pub(crate) struct Talk {
    config: ServerConfig,
    server: Server,
    /// Milliseconds, and how far the wall clock is off, in seconds.
    now: u64,
    skew: i64,
    records: Vec<Record>,
    xid: u32,
}

impl Talk {
    pub(crate) fn new(settings: &[&str]) -> Self {
        let config = ServerConfig::new(spec(settings)).unwrap();
        let now = Now { instant: Instant(START), wall: Wall(WALL) };
        let server = Server::new(config.clone(), now, 1);
        Self { config, server, now: START, skew: 0, records: Vec::new(), xid: 0 }
    }

    fn time(&self) -> Now {
        let wall = i64::try_from(WALL + (self.now - START) / 1000).unwrap() + self.skew;
        Now { instant: Instant(self.now), wall: Wall(wall.try_into().unwrap()) }
    }

    pub(crate) fn happen(&mut self, text: &str) -> Vec<String> {
        let line = Line::new(text);
        match line.words[0] {
            "client" => self.message(&line, Op::Request),
            "overheard" => self.message(&line, Op::Reply),
            "at" => self.wait_until(START + parsed::<u64>(line.words[1]) * 1000),
            "clock" => {
                self.skew += parsed::<i64>(line.words[1]);
                Vec::new()
            }
            "answer" => {
                let by = line.words.get(2).map(|mac| parsed(mac));
                self.handle(Event::Answered { address: parsed(line.words[1]), by })
            }
            "silence" => self.handle(Event::Unanswered { address: parsed(line.words[1]) }),
            "release" => self.handle(Event::Release { address: parsed(line.words[1]) }),
            "reserve" => self.handle(Event::Reserve(reservation(&line))),
            "restart" => self.restart(),
            "leases" => self.leases(),
            "usage" => self.usage(),
            "who" => {
                let address = self.server.address_of(line.words[1]);
                let name = address.and_then(|address| self.server.name_of(address));
                vec![format!("{address:?} {name:?}")]
            }
            other => panic!("nothing happens with {other}"),
        }
    }

    fn message(&mut self, line: &Line<'_>, op: Op) -> Vec<String> {
        self.xid += 1;
        let bytes = message::read(line, op, parsed(line.words[1]), self.xid);
        let origin = Origin {
            link: line.value("link").unwrap_or(1),
            port: line.value("port"),
            source: Ipv4Addr::UNSPECIFIED,
            unicast: line.has("unicast"),
        };
        self.handle(Event::Message { bytes: &bytes, origin })
    }

    /// Time goes on, and what is due happens on the way.
    fn wait_until(&mut self, end: u64) -> Vec<String> {
        let mut out = Vec::new();
        while let Some(at) = self.server.next_deadline().filter(|at| at.0 <= end) {
            self.now = self.now.max(at.0);
            let seconds = (self.now - START) / 1000;
            out.extend(self.handle(Event::Deadline).into_iter().map(|line| format!("at {seconds}: {line}")));
        }
        self.now = end;
        out
    }

    fn handle(&mut self, event: Event<'_>) -> Vec<String> {
        let mut actions = Actions::new();
        self.server.handle(event, self.time(), 0, &mut actions);
        let mut out: Vec<String> = actions.notices.iter().map(|notice| format!("note {notice}")).collect();
        for probe in &actions.probes {
            let how = if probe.relayed { "behind a relay" } else { "on its link" };
            out.push(format!("probe {} {how}", probe.address));
        }
        for commit in &actions.commits {
            out.push(format!("record {} {}", commit.id.0, self.record(&commit.record)));
            self.records.push(commit.record.clone());
        }
        for reply in &actions.replies {
            let to = match reply.to {
                Destination::Frame { address, .. } => format!("{address} by its hardware address"),
                to => to.to_string(),
            };
            let after = reply.after.map_or(String::new(), |id| format!(" after record {}", id.0));
            out.push(format!("server -> {to}{after}: {}", message::shown(actions.message(reply))));
            if reply.left_out > 0 {
                out.push(format!("  {} options left out", reply.left_out));
            }
        }
        out
    }

    fn record(&self, record: &Record) -> String {
        let state = match record.state {
            RecordState::Bound => "bound",
            RecordState::Released => "released",
            RecordState::Declined => "declined",
        };
        let until = record.expires.map_or("for ever".to_owned(), |at| {
            format!("for {} s", i128::from(at.0) - i128::from(record.written.0))
        });
        let name = record.name.as_ref().map_or(String::new(), |name| format!(" name {name}"));
        format!("{state} {} {}{name} {until}", record.address, record.hardware)
    }

    /// The server dies, and comes back with its records.
    fn restart(&mut self) -> Vec<String> {
        let bytes = self.records.iter().map(|record| {
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            Record::decode(&bytes).unwrap()
        });
        let (server, restored) =
            Server::restore(self.config.clone(), bytes.collect::<Vec<_>>(), self.time(), 1);
        self.server = server;
        vec![format!("{} leases, {} elsewhere", restored.leases, restored.elsewhere)]
    }

    fn leases(&self) -> Vec<String> {
        let now = self.time();
        let mut leases: Vec<_> = self.server.leases(now).collect();
        leases.sort_by_key(|lease| (lease.address, lease.state));
        let shown = leases.iter().map(|lease| {
            let hardware = lease.hardware.map_or(String::new(), |hardware| format!(" {hardware}"));
            let name = lease.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
            let ends = lease.expires.map(|at| i128::from(at.0) - i128::from(now.wall.0));
            let ends = ends.map_or(String::new(), |seconds| format!(" {seconds} s"));
            format!("{} {}{hardware}{name}{ends}", lease.address, lease.state.word())
        });
        shown.collect()
    }

    fn usage(&self) -> Vec<String> {
        let shown = self.server.usage().into_iter().map(|it| {
            format!(
                "{}: {} pooled, {} free, {} bound, {} offered, {} declined, {} reserved",
                it.subnet, it.pooled, it.free, it.bound, it.offered, it.declined, it.reserved
            )
        });
        shown.collect()
    }
}

/// The server of the lines before the first story.
fn spec(settings: &[&str]) -> ServerSpec {
    let line = Line::new(settings[0]);
    let mut spec = ServerSpec::new(parsed(line.words[1]));
    spec.authoritative = !line.has("polite");
    spec.known_servers = line.list("known");
    spec.options = message::options(&line);
    spec.waits = Waits {
        probe: line.value("probe"),
        offer: line.value("offer").unwrap_or(30_000),
        quarantine: line.value("quarantine").unwrap_or(3600),
    };
    let usual = Limits::default();
    spec.limits = Limits {
        offers_per_hardware: line.value("per-hardware").unwrap_or(usual.offers_per_hardware),
        offers_per_port: line.value("per-port").unwrap_or(usual.offers_per_port),
        leases_per_port: line.value("leases-per-port"),
        declines_per_hardware: line.value("declines").unwrap_or(usual.declines_per_hardware),
        probes: usual.probes,
    };
    for line in settings[1..].iter().map(|line| Line::new(line)) {
        match line.words[0] {
            "subnet" => spec.subnets.push(subnet(&line)),
            "reserve" => spec.subnets.last_mut().unwrap().reservations.push(reservation(&line)),
            "class" => spec.classes.push(class(&line)),
            other => panic!("a server has no {other}"),
        }
    }
    spec
}

fn range(text: &str) -> Range {
    let (first, last) = text.split_once('-').unwrap();
    Range { first: parsed(first), last: parsed(last) }
}

fn subnet(line: &Line<'_>) -> SubnetSpec {
    let mut subnet = SubnetSpec::new(parsed(line.words[1]));
    subnet.link = line.value("link");
    subnet.routers = line.list("routers");
    let ranges = |name| line.list::<String>(name).iter().map(|text| range(text)).collect();
    (subnet.pools, subnet.excluded) = (ranges("pools"), ranges("excluded"));
    let [min, default, max] = line.list("leases")[..] else { panic!("leases=min,default,max") };
    (subnet.lease.min, subnet.lease.default, subnet.lease.max) = (min, default, max);
    subnet.boot = Boot {
        server: line.value("boot"),
        server_name: line.value("sname").unwrap_or_default(),
        file: line.value("file").unwrap_or_default(),
    };
    subnet.options = message::options(line);
    [madang_wire::dhcp::code::ROUTERS].into_iter().for_each(|code| {
        subnet.options.remove(code);
    });
    subnet
}

fn reservation(line: &Line<'_>) -> Reservation {
    let client = match (line.value::<Mac>("mac"), line.values.get("id")) {
        (Some(mac), _) => ClientMatch::Mac(mac),
        (None, id) => ClientMatch::ClientId(hex(id.unwrap())),
    };
    let mut options = message::options(line);
    for code in [madang_wire::dhcp::code::HOST_NAME, madang_wire::dhcp::code::CLIENT_ID] {
        options.remove(code);
    }
    Reservation { client, address: parsed(line.words[1]), name: line.value("name"), options }
}

fn class(line: &Line<'_>) -> ClassSpec {
    let bytes = |name: &str| line.values.get(name).map(|text| text.as_bytes().to_vec());
    let matches = bytes("of-vendor").map(ClassMatch::Vendor).or(bytes("of-user").map(ClassMatch::User));
    let matches = matches.or(bytes("of-circuit").map(ClassMatch::Circuit)).unwrap();
    let options: Options = message::options(line);
    ClassSpec { name: line.words[1].to_owned(), matches, options }
}
