//! A file that can be written to without being changed: what is written stands in memory, over what is in the file.
//!
//! redb writes to a file that it only opens, to make good what a crash left. A look should not.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard};

use redb::StorageBackend;

use super::files::Handle;

const PAGE: u64 = 4096;

/// A file, and what would be written to it.
#[derive(Debug)]
pub(super) struct Overlay {
    file: Handle,
    over: Mutex<Over>,
}

#[derive(Debug)]
struct Over {
    /// How long the file would be.
    length: u64,
    /// How much of the file itself is still to be seen.
    below: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    /// Nothing is written yet.
    pub(super) fn new(file: Handle) -> io::Result<Self> {
        let length = file.len()?;
        Ok(Self { file, over: Mutex::new(Over { length, below: length, pages: BTreeMap::new() }) })
    }

    fn over(&self) -> MutexGuard<'_, Over> {
        self.over.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A page as it is in the file.
    fn below(&self, page: u64, below: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; size(PAGE)];
        let there = below.saturating_sub(page * PAGE).min(PAGE);
        if there > 0 {
            self.file.read(page * PAGE, &mut bytes[..size(there)])?;
        }
        Ok(bytes)
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.over().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let over = self.over();
        if offset + out.len() as u64 > over.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (at, part) in parts(offset, out.len()) {
            let bytes = match over.pages.get(&(at / PAGE)) {
                Some(bytes) => bytes.clone(),
                None => self.below(at / PAGE, over.below)?,
            };
            let from = size(at % PAGE);
            out[part.clone()].copy_from_slice(&bytes[from..from + part.len()]);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut over = self.over();
        if len < over.length {
            over.below = over.below.min(len);
            let cut = over.pages.split_off(&(len / PAGE));
            if let Some(mut last) = cut.into_iter().next().filter(|(page, _)| *page == len / PAGE) {
                last.1[size(len % PAGE)..].fill(0);
                over.pages.insert(last.0, last.1);
            }
        }
        over.length = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut over = self.over();
        over.length = over.length.max(offset + data.len() as u64);
        for (at, part) in parts(offset, data.len()) {
            let page = at / PAGE;
            if !over.pages.contains_key(&page) {
                let below = self.below(page, over.below)?;
                over.pages.insert(page, below);
            }
            let from = size(at % PAGE);
            if let Some(bytes) = over.pages.get_mut(&page) {
                bytes[from..from + part.len()].copy_from_slice(&data[part]);
            }
        }
        Ok(())
    }
}

/// The parts of so many bytes from a place on that are each in one page: where each begins, and which bytes it has.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let part = (length - done).min(size(PAGE - at % PAGE));
        let range = done..done + part;
        done += part;
        (part > 0).then_some((at, range))
    })
}

/// A number of bytes that is below that of a page.
fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redb::backends::InMemoryBackend;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Write(u64, Vec<u8>),
        Length(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let write = (0..20_000_u64, 1..9000_usize, any::<u8>())
            .prop_map(|(at, length, byte)| Step::Write(at, vec![byte | 1; length]));
        prop::collection::vec(prop_oneof![3 => write, 1 => (0..30_000_u64).prop_map(Step::Length)], 1..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn it_is_what_the_file_would_be(length in 0..20_000_usize, steps in steps()) {
            let file = InMemoryBackend::new();
            let mut expected: Vec<u8> = (0..length).map(|n| n.to_le_bytes()[0] | 1).collect();
            file.set_len(length as u64).unwrap();
            file.write(0, &expected).unwrap();
            let overlay = Overlay::new(Box::new(file)).unwrap();
            for step in steps {
                match step {
                    Step::Write(at, bytes) => {
                        overlay.write(at, &bytes).unwrap();
                        let at = usize::try_from(at).unwrap();
                        expected.resize(expected.len().max(at + bytes.len()), 0);
                        expected[at..at + bytes.len()].copy_from_slice(&bytes);
                    }
                    Step::Length(length) => {
                        overlay.set_len(length).unwrap();
                        expected.resize(usize::try_from(length).unwrap(), 0);
                    }
                }
                let mut found = vec![0; expected.len()];
                overlay.read(0, &mut found).unwrap();
                prop_assert!(found == expected);
                prop_assert_eq!(overlay.len().unwrap(), expected.len() as u64);
                prop_assert!(overlay.read(1, &mut found).is_err() || expected.is_empty());
            }
        }
    }
}
