//! Messages to the name service: what an instance asks, what a resolver answers, and what the daemon says there is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use madang_dns::{Decision, Directory, Forwarded, MAX_UDP, Transport, decide, lifetime};
use madang_fuzz::input::Input;

/// Who may ask in the directory below.
const ASKER: u32 = 7;
/// The shortest message: a header.
const HEADER: usize = 12;

const DIRECTORY: &str = r#"{
  "askers": { "7": 1, "8": 2, "9": 3 },
  "zones": {
    "1": { "domain": "shop.internal", "ranges": ["10.0.0.0/16", "fd00::/48"],
           "hosts": { "web": "10.0.1.4", "db": "10.0.2.4", "six": "fd00::4" } },
    "2": { "domain": "twin.team-a.internal", "ranges": ["0.0.0.0/0"], "hosts": { "web": "10.0.1.4" } }
  }
}"#;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let known: Directory = serde_json::from_str(DIRECTORY).expect("it is written here");
    match input.u8() % 4 {
        0 => drop(ask(&known, ASKER, Transport::Udp, input.rest())),
        1 => drop(ask(&known, input.u8().into(), Transport::Tcp, input.rest())),
        2 => answered(&known, &mut input),
        // What a worker is told: a line of JSON.
        _ => {
            let (question, line) = (input.piece(), input.rest());
            if let Ok(directory) = serde_json::from_slice::<Directory>(line) {
                let line = serde_json::to_string(&directory).expect("it is text and numbers");
                assert_eq!(serde_json::from_str::<Directory>(&line).ok(), Some(directory.clone()));
                ask(&directory, ASKER, Transport::Udp, question);
            }
        }
    }
});

/// Asks, and holds what holds for every reply. What is to be asked elsewhere.
fn ask(directory: &Directory, asker: u32, transport: Transport, bytes: &[u8]) -> Option<Box<Forwarded>> {
    match decide(directory, asker, bytes, transport) {
        Decision::Ignore => None,
        Decision::Reply(reply) => {
            assert_reply(bytes, transport, &reply);
            None
        }
        Decision::Forward(forwarded) => {
            for reply in [forwarded.failed(), forwarded.refused()] {
                assert_reply(bytes, transport, &reply);
            }
            assert_eq!(forwarded.key(), forwarded.key());
            Some(forwarded)
        }
    }
}

/// A reply has its question's number, is one, and is no longer than a datagram may be.
fn assert_reply(question: &[u8], transport: Transport, reply: &[u8]) {
    assert!(reply.len() >= HEADER, "there is always something to say");
    assert_eq!(reply[..2], question[..2], "the number is the question's");
    assert!(reply[2] & 0x80 != 0, "an answer is no question");
    let most = if transport == Transport::Udp { MAX_UDP.into() } else { usize::from(u16::MAX) };
    assert!(reply.len() <= most, "{} bytes", reply.len());
}

/// A question that goes elsewhere, and what comes back: from a resolver that is right about the question, or from anybody.
fn answered(directory: &Directory, input: &mut Input<'_>) {
    let extended = input.u8() % 2 == 0;
    let transport = if input.u8() % 2 == 0 { Transport::Udp } else { Transport::Tcp };
    let age = input.u32();
    let (question, follows) = (input.piece(), input.u8() % 4);
    let Some(forwarded) = ask(directory, ASKER, transport, question) else { return };
    let query = forwarded.query(0x1234, extended);
    assert!(query.len() > HEADER, "a question that was read can be written");
    let records = input.rest();
    let answer = match follows {
        0 => records.to_vec(),
        _ => answer_to(&query, records),
    };
    let fits = forwarded.fits(0x1234, extended, &answer);
    if fits.is_ok() {
        assert!(forwarded.fits(0x1235, extended, &answer).is_err(), "an answer has a number");
        assert!(lifetime(&answer) <= 86_400);
    }
    // A cache gives what it was given, whatever that was.
    assert_reply(question, transport, &forwarded.reply(&answer, age));
}

/// The query as an answer that repeats the question; flags and numbers of records come first, then the records.
fn answer_to(query: &[u8], records: &[u8]) -> Vec<u8> {
    let mut input = Input(records);
    let mut answer = query.to_vec();
    // The query's own record of EDNS goes; its question stays.
    let end = HEADER + query[HEADER..].iter().position(|byte| *byte == 0).unwrap_or(0) + 5;
    answer.truncate(end);
    answer[2] = 0x80 | input.u8() & 0x07;
    answer[3] = input.u8();
    for section in [6, 8, 10] {
        answer[section..section + 2].copy_from_slice(&u16::from(input.u8() % 8).to_be_bytes());
    }
    answer.extend(input.rest());
    answer
}
