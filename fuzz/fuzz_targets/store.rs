//! What stands in a store's directory beside its index, and exports: of any bytes, with right checksums, since nothing gets
//! far with wrong ones.

#![no_main]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use madang_fuzz::input::Input;
use madang_store::{Embedded, Export, Store, Txn, export, inspect, restore, restore_last_good};

/// How long a segment of the journal is, or a multiple of it.
const CHUNK: usize = 256 << 10;
const SECTOR: usize = 512;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let directory = tempfile::tempdir_in(memory()).expect("there is room");
    if input.u8() % 4 > 0 {
        beside_the_index(&mut input, directory.path());
    } else {
        exported(&mut input, directory.path());
    }
});

/// A place for files that costs no disk.
fn memory() -> &'static str {
    if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" }
}

/// Writes files as the input says. Whoever looks sees what whoever opens it gets.
fn beside_the_index(input: &mut Input<'_>, directory: &Path) {
    let mut chain = 1;
    for _ in 0..input.u8() % 4 + 1 {
        let is_segment = input.u8() % 2 == 0;
        let base = number(input);
        let mut contents = file(input, is_segment, base, &mut chain);
        if is_segment && input.u8() % 4 > 0 {
            contents.resize(contents.len().next_multiple_of(CHUNK), 0);
        }
        let name = if is_segment { "journal" } else { "snapshot" };
        fs::write(directory.join(format!("{name}-{base:020}")), contents).expect("there is room");
    }
    let Ok(found) = inspect(directory) else { return };
    let seen = objects(&found.state);
    if found.problems.is_empty() && !seen.is_empty() {
        let store = Embedded::open(directory).expect("nothing is wrong with it");
        assert_eq!(objects(&store), seen, "who looks sees what is there");
    } else {
        let _ = restore_last_good(directory);
    }
}

/// A file's frames. A segment of the journal goes on where the history is; a snapshot shows it as it is there, and its
/// frames follow each other.
fn file(input: &mut Input<'_>, is_segment: bool, base: u64, history: &mut u32) -> Vec<u8> {
    let [beginning, middle] = if is_segment { [1, 2] } else { [3, 4] };
    let (mut bytes, mut revision, mut previous, mut written) = (Vec::new(), base, *history, 0_u64);
    if input.u8() % 8 < 7 {
        let version = if input.u8() % 8 == 7 { input.u64() } else { 2 };
        let contents = [&version.to_le_bytes()[..], &u32::from(input.u8() % 2).to_le_bytes()].concat();
        let (begun, sum) = frame(beginning, previous, [base, base], &contents);
        bytes.extend(begun);
        previous = if is_segment { previous } else { sum };
    }
    for _ in 0..input.u8() % 4 {
        let (count, mut contents) = (u64::from(input.u8() % 4), Vec::new());
        match input.u8() % 4 {
            3 => contents.extend(input.piece()),
            _ if is_segment => (0..count).for_each(|_| change(input, &mut contents)),
            _ => (0..count).for_each(|_| object(input, &mut contents)),
        }
        written += count;
        let mut else_number = |usual| if input.u8() % 8 == 7 { number(input) } else { usual };
        let [first, last] = [1, count.max(1)].map(|more| else_number(revision.wrapping_add(more)));
        let revisions = if is_segment { [first, last] } else { [base, base] };
        let kind = if input.u8() % 16 == 15 { input.u8().into() } else { middle };
        let (frame, sum) = frame(kind, previous, revisions, &contents);
        bytes.extend(frame);
        (previous, revision) = (if input.u8() % 16 == 15 { input.u32() } else { sum }, last);
    }
    if is_segment {
        *history = previous;
    } else {
        let count = if input.u8() % 8 == 7 { input.u64() } else { written };
        bytes.extend(frame(5, previous, [base, base], &count.to_le_bytes()).0);
    }
    if input.u8() % 8 == 7 {
        let at = usize::from(input.u16()) % bytes.len().max(1);
        bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1);
        bytes.extend(input.piece());
    }
    bytes
}

/// A transaction with one change: a key's new value, or that it has none.
fn change(input: &mut Input<'_>, contents: &mut Vec<u8>) {
    contents.extend(1_u64.to_le_bytes());
    put(contents, &[b'/', b'a' + input.u8() % 4]);
    let value = input.u8() % 4;
    contents.extend(u32::from(value > 0).to_le_bytes());
    if value > 0 {
        put(contents, &[value]);
    }
}

/// An object of a snapshot.
fn object(input: &mut Input<'_>, contents: &mut Vec<u8>) {
    contents.extend(number(input).to_le_bytes());
    put(contents, &[b'/', b'a' + input.u8() % 4]);
    put(contents, &[input.u8() % 4]);
}

/// Bytes behind their number.
fn put(contents: &mut Vec<u8>, bytes: &[u8]) {
    contents.extend((bytes.len() as u64).to_le_bytes());
    contents.extend(bytes);
}

/// A frame with its checksum, padded to whole sectors.
fn frame(kind: u32, previous: u32, revisions: [u64; 2], contents: &[u8]) -> (Vec<u8>, u32) {
    let mut checked = kind.to_le_bytes().to_vec();
    checked.extend(previous.to_le_bytes());
    checked.extend([0; 4]);
    checked.extend((contents.len() as u64).to_le_bytes());
    revisions.iter().for_each(|revision| checked.extend(revision.to_le_bytes()));
    checked.extend(contents);
    let sum = crc32fast::hash(&checked);
    let mut bytes = [&b"madangF1"[..], &sum.to_le_bytes(), &checked].concat();
    bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
    (bytes, sum)
}

/// Small numbers mostly, and all others.
fn number(input: &mut Input<'_>) -> u64 {
    match input.u8() {
        255 => input.u64(),
        254 => u64::MAX,
        small => u64::from(small % 4),
    }
}

fn objects(store: &dyn Store) -> BTreeMap<String, Vec<u8>> {
    let page = store.range("", usize::MAX, None).expect("what is open can be read");
    page.items.into_iter().map(|item| (item.key, item.value.to_vec())).collect()
}

/// Reads an export whose last line is as it should be, or as it came. One that is whole is put into a store.
fn exported(input: &mut Input<'_>, directory: &Path) {
    let finish = input.u8() % 4 > 0;
    let mut text = input.rest().to_vec();
    if finish {
        let lines = text.iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
        let sum = crc32fast::hash(&text);
        text.extend(format!("{{\"end\":true,\"objects\":{lines},\"crc32\":\"{sum:08x}\"}}\n").into_bytes());
    }
    let Ok(read) = Export::read(&mut &*text) else { return };
    let restored = restore(directory, &read, false).expect("there is nothing in the way");
    let store = Embedded::open(directory).expect("it was just made");
    let values = read.objects.iter().map(|item| (item.key.clone(), item.value.to_vec()));
    assert_eq!(objects(&store), values.collect(), "what was exported is there");
    assert!(restored.revision > read.revision, "nobody takes a revision for one that he has seen");
    let next = store.commit(Txn::new().put("/new", vec![1])).expect("it takes what is written");
    assert!(next > restored.revision, "revisions never go backwards");
    let mut again = Vec::new();
    export(&store, &mut again).expect("it can be read");
    let again = Export::read(&mut &*again).expect("what was exported is whole");
    assert!(again.objects.len() > read.objects.len().saturating_sub(1));
}
