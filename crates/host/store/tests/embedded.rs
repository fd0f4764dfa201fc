//! What only a store in a file must do: survive, and say what is wrong with the file.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use madang_store::{Embedded, Options, Revision, Store, StoreError, Txn};

fn put(store: &Embedded, key: &str, value: &str) -> Revision {
    store.commit(Txn::new().put(key, value.as_bytes())).unwrap()
}

fn contents(store: &Embedded) -> BTreeMap<String, (Vec<u8>, Revision)> {
    let page = store.range("", usize::MAX, None).unwrap();
    page.items.into_iter().map(|item| (item.key, (item.value.to_vec(), item.revision))).collect()
}

/// This test program again, to run one test that is ignored otherwise, as a process of its own.
fn child(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env("STORE_DIRECTORY", directory);
    command
}

fn directory_of_child() -> std::path::PathBuf {
    std::env::var_os("STORE_DIRECTORY").expect("only run by another test").into()
}

#[test]
fn everything_is_there_again_and_revisions_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(directory.path()).unwrap();
    put(&store, "a", "1");
    put(&store, "b", "2");
    store.commit(Txn::new().delete("b")).unwrap();
    let (before, events) = (contents(&store), store.events(Revision(0), 99).unwrap());
    drop(store);
    let store = Embedded::open(directory.path()).unwrap();
    assert_eq!(contents(&store), before);
    assert_eq!(store.events(Revision(0), 99).unwrap(), events);
    assert_eq!(*store.changed().borrow(), Revision(3));
    assert_eq!(put(&store, "b", "3"), Revision(4), "the last revision was a delete's, and is not used again");
    store.compact(Revision(4)).unwrap();
    drop(store);
    let store = Embedded::open(directory.path()).unwrap();
    assert!(store.events(Revision(2), 99).is_err(), "what is compacted stays so");
}

#[test]
fn nobody_else_can_read_it() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("state");
    let store = Embedded::open(&directory).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&directory), mode(store.path())), (0o700, 0o600));
    let path = store.path().to_owned();
    drop(store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    Embedded::open(&directory).unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn one_process_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(directory.path()).unwrap();
    let second = Embedded::open(directory.path()).unwrap_err();
    assert!(matches!(second, StoreError::InUse { .. }), "{second:?}");
    let other = child("second_opener", directory.path()).output().unwrap();
    let said = String::from_utf8_lossy(&other.stdout);
    assert!(said.contains("store.redb is in use by another process"), "{said}");
    drop(store);
    Embedded::open(directory.path()).unwrap();
}

#[test]
#[ignore = "run by one_process_has_it, as another process"]
fn second_opener() {
    println!("{}", Embedded::open(&directory_of_child()).unwrap_err());
}

#[test]
fn a_store_of_a_newer_build_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    drop(Embedded::open(directory.path()).unwrap());
    let database = redb::Database::open(&path).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(meta).unwrap().insert("schema", 99).unwrap();
    txn.commit().unwrap();
    drop(database);
    let error = Embedded::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::FromFuture { found: 99, .. }), "{error:?}");
    assert!(error.to_string().contains("written by a newer one"), "{error}");
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let refused = || match Embedded::open(directory.path()) {
        Err(StoreError::Corrupt { path: named, .. }) => assert_eq!(named, path),
        other => panic!("{other:?}"),
    };
    for contents in [Vec::new(), b"notes to myself".to_vec(), vec![0; 100_000], vec![0xff; 4096]] {
        fs::write(&path, &contents).unwrap();
        refused();
        assert_eq!(fs::read(&path).unwrap(), contents);
    }
    fs::remove_file(&path).unwrap();
    drop(redb::Database::create(&path).unwrap());
    refused();
}

#[test]
fn what_a_dying_daemon_left_of_a_new_store_is_in_nobodys_way() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("store.redb.new"), vec![7; 5000]).unwrap();
    let store = Embedded::open(directory.path()).unwrap();
    put(&store, "a", "1");
    assert!(!directory.path().join("store.redb.new").exists());
}

#[test]
fn a_full_disk_is_an_error_and_then_the_store_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let in_own_mounts = |command: &str| {
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--mount", "--propagation", "private", "sh", "-ec", command])
            .arg("sh")
            .arg(directory.path());
        unshare
    };
    if !in_own_mounts("mount -t tmpfs -o size=64k none \"$1\"").status().is_ok_and(|status| status.success())
    {
        assert!(std::env::var_os("CI").is_none(), "this test mounts a tmpfs, which needs root and unshare");
        println!("skipped: it mounts a tmpfs, which needs root and unshare");
        return;
    }
    let test = std::env::current_exe().unwrap();
    let mount =
        "mount -t tmpfs -o size=3m none \"$1\"; exec \"$2\" --exact fills_the_disk --ignored --nocapture";
    let output = in_own_mounts(mount).arg(test).env("STORE_DIRECTORY", directory.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "run by a_full_disk_is_an_error_and_then_the_store_goes_on, on a small disk"]
fn fills_the_disk() {
    let directory = directory_of_child();
    let ballast = directory.join("ballast");
    fs::write(&ballast, vec![1; 600 << 10]).unwrap();
    let options = Options { kept_events: 50, ..Options::default() };
    let store = Embedded::open_with(&directory, options).unwrap();
    let mut acknowledged = BTreeMap::new();
    let error = (0..)
        .find_map(|n| {
            let (key, value) = (format!("/k/{n:05}"), vec![b'v'; 20_000]);
            match store.commit(Txn::new().put(&*key, value).put(format!("/l/{n:05}"), b"beside".as_slice())) {
                Ok(revision) => drop(acknowledged.insert(key, revision)),
                Err(error) => return Some(error),
            }
            None
        })
        .unwrap();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("no room"), "{error}");
    let whole = |store: &Embedded| {
        let found = contents(store);
        assert_eq!(found.len(), 2 * acknowledged.len(), "nothing half done");
        assert!(acknowledged.iter().all(|(key, revision)| found[key].1 == *revision));
    };
    whole(&store);
    assert!(store.commit(Txn::new().put("/big", vec![1; 3 << 20])).is_err(), "and again");
    whole(&store);
    let rest = fs::write(directory.join("rest"), vec![1; 3 << 20]).unwrap_err();
    assert_eq!(rest.kind(), std::io::ErrorKind::StorageFull);
    let new = Embedded::open(&directory.join("new")).unwrap_err();
    assert!(matches!(new, StoreError::Full { .. }), "{new:?}");
    fs::remove_file(directory.join("rest")).unwrap();
    fs::remove_file(&ballast).unwrap();
    drop(Embedded::open(&directory.join("new")).unwrap());
    let last = *acknowledged.values().last().unwrap();
    assert_eq!(put(&store, "/k/00000", "now there is room"), last.next(), "the same store goes on");
    drop(store);
    let store = Embedded::open(&directory).unwrap();
    assert_eq!(contents(&store).len(), 2 * acknowledged.len());
}

#[test]
fn concurrent_writers_share_the_disk() {
    const COMMITS: usize = 320;
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(directory.path()).unwrap();
    let write = |thread: usize, n: usize| put(&store, &format!("/{thread}/{n}"), "value");
    let timed = |threads: usize| {
        let began = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let write = &write;
                scope.spawn(move || {
                    for n in 0..COMMITS / threads {
                        write(thread, n);
                    }
                });
            }
        });
        began.elapsed()
    };
    let (alone, together) = (timed(1), timed(32));
    println!("{COMMITS} commits: {alone:?} by one thread, {together:?} by 32");
    assert!(
        together < alone || alone < Duration::from_millis(200),
        "{together:?} is not less than {alone:?}"
    );
}
