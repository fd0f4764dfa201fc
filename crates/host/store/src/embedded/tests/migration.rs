//! A store that an older build has written. `tests/fixtures/schema-1.redb` is one of version 1, with 31 revisions, of
//! which 20 events are kept.

use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend};

use super::disk::Disk;
use crate::embedded::files::{Files, INDEX};
use crate::embedded::tables::{META, OBJECTS};
use crate::{Embedded, Options, Revision, Store, StoreError, Txn};

const OLD: &[u8] = include_bytes!("../../../tests/fixtures/schema-1.redb");

fn open(disk: &Disk) -> Embedded {
    Embedded::open_files(disk.files(), Options::default()).unwrap()
}

fn copies(disk: &Disk) -> Vec<String> {
    disk.names().unwrap().into_iter().filter(|name| name.starts_with("store.redb.schema-1-")).collect()
}

#[test]
fn a_store_of_version_1_is_brought_to_the_present_one() {
    let disk = Disk::default();
    disk.put(INDEX, OLD.to_vec());
    let store = open(&disk);
    let page = store.range("", 99, None).unwrap();
    let found: Vec<_> =
        page.items.iter().map(|item| (item.key.rsplit('/').next().unwrap(), item.revision.0)).collect();
    let expected =
        [("drafts", 31), ("i-0", 29), ("i-1", 30), ("i-2", 24), ("i-4", 26), ("i-5", 27), ("i-6", 28)];
    assert_eq!(found, expected);
    assert_eq!(&*page.items[1].value, br#"{"schema":1,"resource":{"n":28}}"#);
    let events = store.events(Revision(12), 99).unwrap();
    assert_eq!((events.len(), events[0].revision), (20, Revision(13)), "its events are known as before");
    assert!(matches!(store.events(Revision(11), 99), Err(StoreError::Compacted { .. })));
    assert_eq!(store.recovered(), None);
    assert_eq!(store.commit(Txn::new().delete("/guard/drafts")).unwrap(), Revision(32));
    drop(store);
    let copies = copies(&disk);
    assert_eq!(copies.len(), 1);
    is_of_version_1(&disk.bytes(&copies[0]));
    // From now on it has a journal, which makes up for the index.
    disk.remove(INDEX).unwrap();
    assert_eq!(open(&disk).range("", 99, None).unwrap().revision, Revision(32));
    assert_eq!(self::copies(&disk), copies, "once is enough");
}

/// A build of version 1 could go on with this file.
fn is_of_version_1(bytes: &[u8]) {
    let file = redb::backends::InMemoryBackend::new();
    file.set_len(bytes.len() as u64).unwrap();
    file.write(0, bytes).unwrap();
    let database = redb::Builder::new().create_with_backend(file).unwrap();
    let txn = database.begin_read().unwrap();
    let meta = txn.open_table(META).unwrap();
    let rows =
        meta.iter().unwrap().map(|row| row.map(|(name, value)| (name.value().to_owned(), value.value())));
    let expected = [("compacted", 12), ("revision", 31), ("schema", 1)].map(|(name, n)| (name.to_owned(), n));
    assert_eq!(rows.collect::<Result<Vec<_>, _>>().unwrap(), expected);
    assert_eq!(txn.open_table(OBJECTS).unwrap().len().unwrap(), 7);
}

#[test]
fn a_power_cut_in_the_midst_of_it_is_no_harm() {
    let mut random = super::Random(super::seed());
    for operations in 0..250 {
        let disk = Disk::default();
        disk.put(INDEX, OLD.to_vec());
        disk.cut_after(operations);
        let opened = Embedded::open_files(disk.files(), Options::default()).is_ok();
        let disk = disk.after_cut(&mut random);
        let page = open(&disk).range("", 99, None).unwrap();
        assert_eq!((page.items.len(), page.revision), (7, Revision(31)), "cut after {operations} operations");
        assert!(!copies(&disk).is_empty());
        if opened && operations > 200 {
            break;
        }
    }
}

#[test]
fn what_a_newer_build_left_is_no_part_of_what_the_older_one_wrote() {
    let disk = Disk::default();
    let store = open(&disk);
    (0..50).for_each(|_| {
        store.commit(Txn::new().put("/later", b"1".as_slice())).unwrap();
    });
    drop(store);
    // Somebody goes back to the older build, with its own file, and later to this one again.
    disk.put(INDEX, OLD.to_vec());
    let store = open(&disk);
    let page = store.range("", 99, None).unwrap();
    assert_eq!((page.items.len(), page.revision), (7, Revision(31)));
    let kept = disk.names().unwrap().iter().filter(|name| name.contains(".replaced-")).count();
    assert!(kept >= 2, "snapshot and journal of the newer one are kept");
}
