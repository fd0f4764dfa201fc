//! An export: every object as text, a line of JSON each, between a first line that says what it is and a last one that
//! says whether it is whole.
//!
//! ```text
//! {"madang":"store export","version":1,"revision":12,"objects":1}
//! {"key":"/registry/vpcs/default/shop","revision":12,"value":{"schema":1,"resource":{..}}}
//! {"end":true,"objects":1,"crc32":"5d2f8a01"}
//! ```
//!
//! The same objects are the same text. A value that is no JSON, or would not come back byte by byte, stands as `text`
//! or `hex` instead. The checksum is that of all lines before.

use std::io::{self, BufRead, Write};

use serde_json::{Map, Value as Json, json};

use crate::{Item, Revision, Store, StoreError, Value};

/// What the first line says.
const WHAT: &str = "store export";

/// The version of the format.
const VERSION: u64 = 1;

/// The greatest revision that an export may have: a store that is made from it goes on from there, and never ends.
const LAST: u64 = u64::MAX / 2;

/// An export that was read, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// When it was made.
    pub revision: Revision,
    /// Every object, by key.
    pub objects: Vec<Item>,
}

/// Why an export could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store cannot be read.
    #[error("cannot read the store")]
    Store(#[from] StoreError),
    /// The file cannot be written or read.
    #[error("cannot write or read the export")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("this is no export of a store of Madang ({detail})")]
    Foreign {
        /// What was found.
        detail: String,
    },
    /// A newer build has written it.
    #[error("the export has the version {found}, and this build of Madang knows versions up to {VERSION}")]
    FromFuture {
        /// Its version.
        found: u64,
    },
    /// It does not end with what it should.
    #[error("the export is cut off after line {lines}: its last line is missing")]
    Cut {
        /// How many lines there are.
        lines: usize,
    },
    /// A line is not what it should be, or was changed.
    #[error("the export is damaged (line {line}: {detail})")]
    Damaged {
        /// Which line.
        line: usize,
        /// What is wrong with it.
        detail: String,
    },
}

/// Writes every object as of one moment. When that was, and how many there are.
pub fn export(store: &dyn Store, to: &mut dyn Write) -> Result<(Revision, u64), ExportError> {
    let page = store.range("", usize::MAX, None)?;
    let count = page.items.len() as u64;
    let mut out = Summed { to, hasher: crc32fast::Hasher::new() };
    out.line(&json!({ "madang": WHAT, "version": VERSION, "revision": page.revision.0, "objects": count }))?;
    for item in &page.items {
        let mut line = Map::new();
        line.insert("key".to_owned(), item.key.as_str().into());
        line.insert("revision".to_owned(), item.revision.0.into());
        let (how, value) = written(&item.value);
        line.insert(how.to_owned(), value);
        out.line(&Json::Object(line))?;
    }
    let checksum = format!("{:08x}", out.hasher.clone().finalize());
    out.line(&json!({ "end": true, "objects": count, "crc32": checksum }))?;
    to.flush()?;
    Ok((page.revision, count))
}

impl Export {
    /// Reads an export. One that is not whole is an error.
    pub fn read(from: &mut dyn BufRead) -> Result<Self, ExportError> {
        let mut lines = Lines { from, hasher: crc32fast::Hasher::new(), text: Vec::new(), number: 0 };
        let first = lines.next()?.unwrap_or_default();
        let (revision, count) = beginning(&first)?;
        let mut objects: Vec<Item> = Vec::new();
        loop {
            let before = lines.hasher.clone().finalize();
            let Some(line) = lines.next()? else { return Err(ExportError::Cut { lines: lines.number }) };
            let damaged =
                |detail: &str| ExportError::Damaged { line: lines.number, detail: detail.to_owned() };
            if line.get("end").is_some() {
                let checksum = line["crc32"].as_str().and_then(|text| u32::from_str_radix(text, 16).ok());
                if checksum != Some(before) {
                    return Err(damaged("the checksum of the lines before is another"));
                }
                if count != objects.len() as u64 || line["objects"] != count {
                    return Err(damaged("the number of objects is another"));
                }
                lines.nothing_more()?;
                return Ok(Self { revision, objects });
            }
            let item = item(&line).ok_or_else(|| damaged("it is no object"))?;
            if objects.last().is_some_and(|last| last.key >= item.key) || item.revision > revision {
                return Err(damaged("its key or its revision is not in order"));
            }
            objects.push(item);
        }
    }
}

/// Writes lines, and their checksum.
struct Summed<'a> {
    to: &'a mut dyn Write,
    hasher: crc32fast::Hasher,
}

impl Summed<'_> {
    fn line(&mut self, line: &Json) -> io::Result<()> {
        let text = format!("{line}\n");
        self.hasher.update(text.as_bytes());
        self.to.write_all(text.as_bytes())
    }
}

/// Reads lines, and their checksum.
struct Lines<'a> {
    from: &'a mut dyn BufRead,
    hasher: crc32fast::Hasher,
    text: Vec<u8>,
    number: usize,
}

impl Lines<'_> {
    fn next(&mut self) -> Result<Option<Json>, ExportError> {
        self.text.clear();
        if self.from.read_until(b'\n', &mut self.text)? == 0 {
            return Ok(None);
        }
        if self.text.last() != Some(&b'\n') {
            return Err(ExportError::Cut { lines: self.number });
        }
        self.number += 1;
        self.hasher.update(&self.text);
        match serde_json::from_slice(&self.text) {
            Ok(line) => Ok(Some(line)),
            Err(error) if self.number == 1 => Err(ExportError::Foreign { detail: error.to_string() }),
            Err(error) => Err(ExportError::Damaged { line: self.number, detail: error.to_string() }),
        }
    }

    fn nothing_more(&mut self) -> Result<(), ExportError> {
        if self.from.fill_buf()?.is_empty() {
            return Ok(());
        }
        let detail = "something stands behind the last line".to_owned();
        Err(ExportError::Damaged { line: self.number + 1, detail })
    }
}

/// What the first line says: revision and number of objects.
fn beginning(line: &Json) -> Result<(Revision, u64), ExportError> {
    let foreign = |detail: &str| ExportError::Foreign { detail: detail.to_owned() };
    if line["madang"] != WHAT {
        return Err(foreign("its first line does not say so"));
    }
    match line["version"].as_u64() {
        Some(VERSION) => {}
        Some(found) if found > VERSION => return Err(ExportError::FromFuture { found }),
        _ => return Err(foreign("it has no version that was ever in use")),
    }
    let number = |name: &str| line[name].as_u64();
    if number("revision").is_some_and(|revision| revision > LAST) {
        return Err(foreign("its revision is greater than that of any store"));
    }
    let numbers = number("revision").zip(number("objects"));
    numbers
        .map(|(revision, objects)| (Revision(revision), objects))
        .ok_or_else(|| foreign("its first line has no revision or no number of objects"))
}

/// How a value stands in its line.
fn written(value: &[u8]) -> (&'static str, Json) {
    let json = serde_json::from_slice::<Json>(value).ok();
    match json.filter(|json| serde_json::to_vec(json).is_ok_and(|again| again == value)) {
        Some(json) => ("value", json),
        None => match std::str::from_utf8(value) {
            Ok(text) => ("text", text.into()),
            Err(_) => ("hex", value.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()),
        },
    }
}

/// The object of a line.
fn item(line: &Json) -> Option<Item> {
    let value: Value = match (line.get("value"), line.get("text"), line.get("hex")) {
        (Some(json), None, None) => serde_json::to_vec(json).ok()?.into(),
        (None, Some(text), None) => text.as_str()?.as_bytes().into(),
        (None, None, Some(hex)) => from_hex(hex.as_str()?)?.into(),
        _ => return None,
    };
    let key = line.get("key")?.as_str()?.to_owned();
    Some(Item { key, value, revision: Revision(line.get("revision")?.as_u64()?) })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    digits.map(|pair| pair.filter(|p| p.len() == 2).and_then(|p| u8::from_str_radix(p, 16).ok())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Memory, Txn};

    fn exported(store: &dyn Store) -> String {
        let mut text = Vec::new();
        export(store, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn read(text: &[u8]) -> Result<Export, ExportError> {
        Export::read(&mut &*text)
    }

    fn small() -> Memory {
        let store = Memory::new();
        let value = |text: &str| text.as_bytes().to_vec();
        store.commit(Txn::new().put("/a", value("{\"n\":1.5,\"é\":[null]}"))).unwrap();
        store.commit(Txn::new().put("/b", value("{ \"spaces\": 1 }")).put("/c", vec![0xff, 0, 10])).unwrap();
        store.commit(Txn::new().put("/d", Vec::new()).put("/e", value("two\nlines"))).unwrap();
        store
    }

    #[test]
    fn it_is_text_that_says_what_it_is() {
        assert_eq!(
            exported(&small()),
            "{\"madang\":\"store export\",\"version\":1,\"revision\":3,\"objects\":5}\n\
             {\"key\":\"/a\",\"revision\":1,\"value\":{\"n\":1.5,\"é\":[null]}}\n\
             {\"key\":\"/b\",\"revision\":2,\"text\":\"{ \\\"spaces\\\": 1 }\"}\n\
             {\"key\":\"/c\",\"revision\":2,\"hex\":\"ff000a\"}\n\
             {\"key\":\"/d\",\"revision\":3,\"text\":\"\"}\n\
             {\"key\":\"/e\",\"revision\":3,\"text\":\"two\\nlines\"}\n\
             {\"end\":true,\"objects\":5,\"crc32\":\"82d54f15\"}\n"
        );
    }

    #[test]
    fn what_was_exported_is_read() {
        let store = small();
        let export = read(exported(&store).as_bytes()).unwrap();
        let page = store.range("", 99, None).unwrap();
        assert_eq!((export.objects, export.revision), (page.items, page.revision));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let whole = exported(&small()).into_bytes();
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "cut at byte {length}");
        }
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            // A digit of the checksum may be written in another way.
            let same = changed.eq_ignore_ascii_case(&whole) && read(&changed).is_ok();
            assert!(same || read(&changed).is_err(), "bit {bit}");
        }
        let lines: Vec<_> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        for left_out in 0..lines.len() {
            let rest: Vec<_> = lines.iter().enumerate().filter(|(n, _)| *n != left_out).collect();
            let rest: Vec<u8> = rest.into_iter().flat_map(|(_, line)| line.to_vec()).collect();
            assert!(read(&rest).is_err(), "without line {left_out}");
        }
        assert!(read(&[&whole[..], &whole[..]].concat()).is_err());
        assert!(matches!(read(b"apiVersion: v1\n"), Err(ExportError::Foreign { .. })));
        let endless = "{\"madang\":\"store export\",\"version\":1,\"revision\":18446744073709551615,\"objects\":0}\n\
                       {\"end\":true,\"objects\":0,\"crc32\":\"f3f3b4b4\"}\n";
        assert!(
            matches!(read(endless.as_bytes()), Err(ExportError::Foreign { .. })),
            "no revision follows it"
        );
        let newer = String::from_utf8(whole).unwrap().replace("\"version\":1", "\"version\":2");
        assert!(matches!(read(newer.as_bytes()), Err(ExportError::FromFuture { found: 2 })));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn any_value_comes_back(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..9)) {
            let store = Memory::new();
            for (number, value) in values.iter().enumerate() {
                store.commit(Txn::new().put(format!("/{number}"), value.clone())).unwrap();
            }
            let export = read(exported(&store).as_bytes()).unwrap();
            let found: Vec<_> = export.objects.iter().map(|item| item.value.to_vec()).collect();
            prop_assert_eq!(found, values);
        }
    }
}
