//! Bodies of the API that are no JSON: Kubernetes' protobuf, and the frames of a terminal's connection.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use madang_api::frames::{Frame, MAX_PAYLOAD};
use madang_api::{ApiError, protobuf};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, body)) = bytes.split_first() else { return };
    if kind & 1 == 0 {
        match protobuf::decode(body) {
            Ok(object) => assert!(object.is_object()),
            Err(error) => drop(ApiError::from(error)),
        }
    } else {
        frames(body);
    }
});

/// Frames that come in two parts, as a network may cut them.
fn frames(bytes: &[u8]) {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    let (first, second) = bytes.split_at(usize::from(*cut).min(bytes.len()));
    let (mut parts, mut whole) = (BytesMut::from(first), BytesMut::from(bytes));
    let mut come = all(&mut parts);
    if come.1 {
        parts.extend_from_slice(second);
        let later = all(&mut parts);
        come = (come.0.into_iter().chain(later.0).collect(), later.1);
    }
    assert_eq!(come, all(&mut whole), "it does not matter how frames are cut");
    let mut sent = BytesMut::new();
    come.0.iter().for_each(|frame| frame.encode(&mut sent));
    assert_eq!(all(&mut sent).0, come.0, "what was read is sent as the same");
}

/// The frames that are there, and whether nothing is wrong with what follows.
fn all(received: &mut BytesMut) -> (Vec<Frame>, bool) {
    let mut frames = Vec::new();
    loop {
        match Frame::decode(received) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, received.len() < MAX_PAYLOAD + 5),
            Err(_) => return (frames, false),
        }
    }
}
