use tokio::io::AsyncReadExt;

use super::*;
use madang_kernel::process::ProcessId;

/// A directory, and a writer whose file is full after so many bytes.
fn log(limit: u64) -> (tempfile::TempDir, InstanceDir, OpenDir, LogWriter) {
    let place = tempfile::tempdir().unwrap();
    let dir = InstanceDir::at(place.path().to_owned());
    let open = dir.open().unwrap();
    let writer = LogWriter::with_limit(&open, limit).unwrap();
    (place, dir, open, writer)
}

async fn read(dir: &InstanceDir, tail: Option<usize>) -> String {
    let mut text = String::new();
    LogReader::open(dir.clone(), false, tail).unwrap().read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn the_last_lines_reach_back_into_the_file_before() {
    let (_place, dir, open, mut writer) = log(12);
    for line in ["one\n", "two\n", "three\n", "four\n", "five"] {
        writer.write(&open, line.as_bytes());
    }
    assert_eq!(std::fs::read_to_string(dir.file("log.1")).unwrap(), "three\nfour\n");
    for (tail, expected) in [
        (None, "three\nfour\nfive"),
        (Some(0), ""),
        (Some(1), "five"),
        (Some(2), "four\nfive"),
        (Some(3), "three\nfour\nfive"),
        (Some(9), "three\nfour\nfive"),
    ] {
        assert_eq!(read(&dir, tail).await, expected, "tail {tail:?}");
    }
}

#[tokio::test]
async fn the_size_is_bounded_and_bytes_stay_raw() {
    let (_place, dir, open, mut writer) = log(1000);
    for _ in 0..100 {
        writer.write(&open, &[0xff; 77]);
    }
    let size = |name| std::fs::metadata(dir.file(name)).unwrap().len();
    assert!(size("log") <= 1000 && size("log.1") <= 1000);
    assert!(std::fs::read(dir.file("log")).unwrap().iter().all(|byte| *byte == 0xff));
    let reopened = LogWriter::open(&open).unwrap();
    assert_eq!(reopened.size, size("log"));
}

#[tokio::test]
async fn a_follower_sees_everything_through_turns_and_ends_with_the_shim() {
    let (_place, dir, open, mut writer) = log(10);
    open.write_shim(ProcessId::current().unwrap()).unwrap();
    writer.write(&open, b"one\ntwo\n");
    let mut reader = LogReader::open(dir.clone(), true, Some(1)).unwrap();
    let mut next = async |expected: &str| {
        let mut text = vec![0; expected.len()];
        tokio::time::timeout(Duration::from_secs(10), reader.read_exact(&mut text))
            .await
            .expect(expected)
            .unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    };
    next("two\n").await;
    writer.write(&open, b"three\n");
    next("three\n").await;
    writer.write(&open, b"four\n");
    writer.write(&open, b"five\n");
    next("four\nfive\n").await;
    std::fs::remove_file(dir.file("shim.pid")).unwrap();
    let mut rest = String::new();
    tokio::time::timeout(Duration::from_secs(10), reader.read_to_string(&mut rest))
        .await
        .expect("an end")
        .unwrap();
    assert_eq!(rest, "");
}
