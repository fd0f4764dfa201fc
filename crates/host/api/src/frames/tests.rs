use super::*;
use proptest::prelude::*;

fn frames() -> impl Strategy<Value = Frame> {
    let data = || prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
    prop_oneof![
        data().prop_map(Frame::Stdin),
        data().prop_map(Frame::Stdout),
        data().prop_map(Frame::Stderr),
        any::<(u16, u16)>().prop_map(|(columns, rows)| Frame::Resize { columns, rows }),
        (any::<i32>(), "[ -~]{0,40}").prop_map(|(code, message)| Frame::Exit { code, message }),
    ]
}

proptest! {
    #[test]
    fn what_is_sent_is_read_however_it_is_cut(sent in prop::collection::vec(frames(), 0..20), cut in 1usize..50) {
        let mut bytes = BytesMut::new();
        for frame in &sent {
            frame.encode(&mut bytes);
        }
        let (mut received, mut read) = (BytesMut::new(), Vec::new());
        for piece in bytes.chunks(cut) {
            received.extend_from_slice(piece);
            while let Some(frame) = Frame::decode(&mut received).unwrap() {
                read.push(frame);
            }
        }
        prop_assert_eq!(read, sent);
        prop_assert!(received.is_empty());
    }

    #[test]
    fn any_bytes_are_frames_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut received = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = Frame::decode(&mut received) {}
    }
}

#[test]
fn data_longer_than_a_frame_goes_in_several() {
    let long = Bytes::from(vec![7; MAX_PAYLOAD * 2 + 1]);
    let mut bytes = BytesMut::new();
    Frame::Stdout(long.clone()).encode(&mut bytes);
    let mut read = Vec::new();
    while let Some(Frame::Stdout(piece)) = Frame::decode(&mut bytes).unwrap() {
        assert!(piece.len() <= MAX_PAYLOAD);
        read.extend_from_slice(&piece);
    }
    assert_eq!(read, long);
}

#[test]
fn a_frame_that_says_it_is_huge_is_refused_before_anything_is_kept() {
    let mut bytes = BytesMut::from(&[1, 0xff, 0xff, 0xff, 0xff][..]);
    assert!(matches!(Frame::decode(&mut bytes), Err(FrameError::TooLong { length: u32::MAX })));
    let mut bytes = BytesMut::from(&[9, 0, 0, 0, 0][..]);
    assert!(matches!(Frame::decode(&mut bytes), Err(FrameError::UnknownStream { stream: 9 })));
    let mut bytes = BytesMut::from(&[3, 0, 0, 0, 1, 0][..]);
    assert!(matches!(Frame::decode(&mut bytes), Err(FrameError::Malformed { stream: 3, length: 1 })));
}

#[tokio::test]
async fn the_end_inside_of_a_frame_is_an_error_and_after_one_it_is_the_end() {
    let mut whole = BytesMut::new();
    Frame::Exit { code: 3, message: String::new() }.encode(&mut whole);
    let mut reader = FrameReader::new(&whole[..]);
    assert_eq!(reader.next().await.unwrap(), Some(Frame::Exit { code: 3, message: String::new() }));
    assert_eq!(reader.next().await.unwrap(), None);
    let mut reader = FrameReader::new(&whole[..whole.len() - 1]);
    assert!(matches!(reader.next().await, Err(FrameError::Io(_))));
}
