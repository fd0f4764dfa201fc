//! 100,000 questions to Madang and to Python's `ipaddress`. Where the two do not agree, an RFC says who is right.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::process::{Command, Stdio};

use madang_addr::{Family, Prefix};
use madang_cidr::{
    Count, Info, Interface, Kind, Merge, Range, Reach, Size, Special, Split, Subnet, Subtraction,
    parse_prefix,
};

const CASES: usize = 100_000;

/// Where Python 3.11 and Madang differ on whether addresses are global or private, and what says so: the IANA's
/// registries, as these documents have them. Later versions of Python agree on some.
const DISAGREEMENTS: [(&str, &str); 22] = [
    (
        "192.0.0.0/24",
        "RFC 6890: not global but for RFC 7723 and RFC 8155; Python knows a /29 and a /31 of it",
    ),
    ("192.88.99.0/24", "RFC 7526: 6to4 relays are ended"),
    ("::ffff:0:0/96", "RFC 4291: IPv4-mapped addresses are not on the wire; Python asks the address within"),
    ("::/96", "RFC 4291 section 2.5.5.1: IPv4-compatible addresses are ended"),
    ("64:ff9b:1::/48", "RFC 8215: NAT64 within a network"),
    ("100:0:0:1::/64", "RFC 9780: dummy prefix"),
    ("2001:1::1/128", "RFC 7723: global, within RFC 2928's block"),
    ("2001:1::2/128", "RFC 8155: global"),
    ("2001:1::3/128", "RFC 9665: global"),
    ("2001:3::/32", "RFC 7450: global"),
    ("2001:4:112::/48", "RFC 7535: global"),
    ("2001:20::/28", "RFC 7343: global"),
    ("2001:30::/28", "RFC 9374: global"),
    ("2002::/16", "RFC 3056: the registry says neither"),
    ("3fff::/20", "RFC 9637: documentation"),
    ("5f00::/16", "RFC 9602: segments of SRv6"),
    ("fec0::/10", "RFC 3879: site-local addresses are ended, and were never global"),
    // RFC 4291 section 2.4 and the IANA's registry of IPv6: of the rest, 2000::/3 alone is allocated.
    ("::/3", "RFC 4291: not allocated"),
    ("4000::/2", "RFC 4291: not allocated"),
    ("8000::/2", "RFC 4291: not allocated"),
    ("c000::/3", "RFC 4291: not allocated"),
    ("e000::/3", "RFC 4291: not allocated"),
];

#[test]
fn agrees_with_ipaddress() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let cases: Vec<_> = (0..CASES).map(|_| case(&mut dice)).collect();
    let answers = ask(cases.iter().map(|(question, _)| question.clone()).collect());
    assert_eq!(answers.len(), CASES, "Python has not answered every question");
    let mut agreed = 0;
    for ((question, own), theirs) in cases.iter().zip(&answers) {
        if *own == same_form(theirs) {
            agreed += 1;
            continue;
        }
        assert!(is_known(question, own, theirs), "{question}\n  Madang: {own}\n  Python: {theirs}");
    }
    assert!(agreed > CASES * 9 / 10, "only {agreed} of {CASES} agree");
}

/// Addresses as Madang writes them: IPv4 within IPv6 with dots (RFC 5952 section 5).
fn same_form(answer: &str) -> String {
    let word = |word: &str| {
        let (address, length) =
            word.split_once('/').map_or((word, None), |(address, length)| (address, Some(length)));
        match (address.parse::<IpAddr>(), length) {
            (Ok(address), Some(length)) => format!("{address}/{length}"),
            (Ok(address), None) => address.to_string(),
            _ => word.to_owned(),
        }
    };
    words(answer.split(' ').map(word))
}

/// Whether it is one of the disagreements: then all but the first two answers, global and private, are the same.
fn is_known(question: &str, own: &str, theirs: &str) -> bool {
    let Some(address) = question.strip_prefix("kind ").map(|text| text.parse::<IpAddr>().unwrap()) else {
        return false;
    };
    let rest = |answer: &str| answer.split(' ').skip(2).map(str::to_owned).collect::<Vec<_>>();
    let listed = DISAGREEMENTS.iter().any(|(block, _)| parse_prefix(block).unwrap().contains(address));
    listed && rest(own) == rest(theirs)
}

/// Asks Python all of it, and waits for all answers.
fn ask(questions: Vec<String>) -> Vec<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle.py");
    let mut python = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed: scripts/setup test installs it");
    let mut to = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        for question in questions {
            writeln!(to, "{question}").unwrap();
        }
    });
    let answers = BufReader::new(python.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    writer.join().unwrap();
    assert!(python.wait().unwrap().success());
    answers
}

/// A question, and Madang's answer to it.
fn case(dice: &mut Dice) -> (String, String) {
    match dice.below(8) {
        0 => network(dice),
        1 => mask(dice),
        2 => subnets(dice),
        3 => relation(dice),
        4 => summarize(dice),
        5 => exclude(dice),
        6 => collapse(dice),
        _ => kind(dice),
    }
}

fn network(dice: &mut Dice) -> (String, String) {
    let (address, prefix) = dice.interface();
    let text = format!("{address}/{}", prefix.length());
    let info = Info::of(Interface::parse(&text).unwrap());
    let Subnet { last, addresses, first_usable, usable, .. } = info.network;
    let count = if addresses <= Count::from(16) { usable.to_string() } else { "many".to_owned() };
    let above = prefix.parent().map_or("none".to_owned(), |parent| parent.to_string());
    let (mask, wildcard, pointer, number) = (info.netmask, info.wildcard, info.reverse.pointer, info.integer);
    let own = format!(
        "{prefix} {mask} {wildcard} {last} {addresses} {first_usable} {count} {above} {pointer} {number}"
    );
    (format!("network {text}"), own)
}

fn mask(dice: &mut Dice) -> (String, String) {
    let address = dice.address(Family::V4);
    let ones = u32::MAX.checked_shl(u32::try_from(dice.below(33)).unwrap()).unwrap_or(0);
    let mask = match dice.below(3) {
        0 => ones,
        1 => !ones,
        _ => ones ^ 1 << dice.below(32),
    };
    let mask = IpAddr::V4(mask.into());
    let own = Interface::with_mask(&address.to_string(), &mask.to_string());
    let own = own.map_or("refused".to_owned(), |own| format!("{}/{}", own.address, own.network.length()));
    (format!("mask {address} {mask}"), own)
}

fn subnets(dice: &mut Dice) -> (String, String) {
    let (_, prefix) = dice.interface();
    let length = (prefix.length() + u8::try_from(dice.below(6)).unwrap()).min(prefix.family().width());
    let split = Split::by_size(prefix, Size::Length(length)).unwrap();
    (format!("subnets {prefix} {length}"), words(split.subnets()))
}

fn relation(dice: &mut Dice) -> (String, String) {
    let (a, b) = dice.near();
    let word = |yes| if yes { "True" } else { "False" };
    let own = format!("{} {} {}", word(a.covers(b)), word(b.covers(a)), word(a.overlaps(b)));
    (format!("relation {a} {b}"), own)
}

fn summarize(dice: &mut Dice) -> (String, String) {
    let family = dice.family();
    let first = dice.address(family);
    let size = dice.bits() >> dice.below(128);
    let last = Family::bits(first).checked_add(size).and_then(|bits| family.address(bits)).unwrap_or(first);
    (format!("summarize {first} {last}"), words(Range::new(first, last).unwrap().prefixes))
}

fn exclude(dice: &mut Dice) -> (String, String) {
    let (address, outer) = dice.interface();
    let more = u8::try_from(dice.below(usize::from(outer.host_bits()) + 1)).unwrap();
    let inner = Prefix::containing(address, outer.length() + more).unwrap();
    let own = Subtraction::new(vec![outer], vec![inner]).unwrap();
    (format!("exclude {outer} {inner}"), words(own.prefixes))
}

fn collapse(dice: &mut Dice) -> (String, String) {
    let (first, second) = dice.near();
    let mut all = vec![first, second];
    for _ in 0..dice.below(8) {
        let base = all[dice.below(all.len())];
        let next =
            [base.next(), base.previous(), base.parent(), base.halves().map(|[_, high]| high)][dice.below(4)];
        all.extend(next);
    }
    let question = format!("collapse {}", words(&all));
    (question, words(Merge::new(all).unwrap().prefixes))
}

fn kind(dice: &mut Dice) -> (String, String) {
    let address = dice.special();
    let special = Special::of(address);
    let multicast =
        ["224.0.0.0/4", "ff00::/8"].iter().any(|block| parse_prefix(block).unwrap().contains(address));
    let is = |kind| special.kind == kind;
    // Multicast is in neither of the special-purpose registries, and what Python says of it follows from that.
    let global = special.reach == Reach::Global || multicast;
    let private = !global && !is(Kind::Shared);
    let answers = [
        global,
        private,
        multicast,
        is(Kind::Loopback),
        is(Kind::LinkLocal),
        is(Kind::Unspecified),
        is(Kind::SiteLocal),
        is(Kind::Reserved) || is(Kind::Broadcast),
    ];
    (format!("kind {address}"), words(answers.map(|yes| if yes { "True" } else { "False" })))
}

fn words(of: impl IntoIterator<Item = impl Display>) -> String {
    of.into_iter().map(|each| each.to_string()).collect::<Vec<_>>().join(" ")
}

/// Chance that is the same each time (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() >> 33).unwrap() % end
    }

    fn bits(&mut self) -> u128 {
        u128::from(self.roll()) << 64 | u128::from(self.roll())
    }

    fn family(&mut self) -> Family {
        if self.below(3) == 0 { Family::V6 } else { Family::V4 }
    }

    fn address(&mut self, family: Family) -> IpAddr {
        let bits = self.bits() >> (128 - u32::from(family.width()));
        // Long runs of ones and zeroes are where mistakes are.
        let at = 1 + self.below(usize::from(family.width()) - 1);
        let bits = match self.below(4) {
            0 => bits >> at << at,
            1 => bits | u128::MAX >> (128 - at),
            _ => bits,
        };
        family.address(bits).unwrap_or_else(|| family.address(0).unwrap())
    }

    fn interface(&mut self) -> (IpAddr, Prefix) {
        let family = self.family();
        let address = self.address(family);
        let length = u8::try_from(self.below(usize::from(family.width()) + 1)).unwrap();
        (address, Prefix::containing(address, length).unwrap())
    }

    /// Two of one family, often in each other.
    fn near(&mut self) -> (Prefix, Prefix) {
        let (address, first) = self.interface();
        let other = if self.below(2) == 0 { address } else { self.address(first.family()) };
        let length = u8::try_from(self.below(usize::from(first.family().width()) + 1)).unwrap();
        (first, Prefix::containing(other, length).unwrap())
    }

    /// An address at an end of a block of the registries, beside it, within it, or anywhere.
    fn special(&mut self) -> IpAddr {
        let all = Special::all();
        let block = all[self.below(all.len())].block;
        let (family, first, last) =
            (block.family(), Family::bits(block.address()), Family::bits(block.last()));
        let bits = match self.below(6) {
            0 => first,
            1 => last,
            2 => first.wrapping_sub(1),
            3 => last.wrapping_add(1),
            4 => first | self.bits() & (last ^ first),
            _ => Family::bits(self.address(family)),
        };
        family.address(bits).unwrap_or(block.address())
    }
}
