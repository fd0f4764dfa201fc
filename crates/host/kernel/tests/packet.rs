//! Frames of a link on the real kernel, as root, in a namespace of the test's own.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests fail by panics, and say when they skip")]

use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use madang_kernel::packet::{Batch, PacketSocket, Wanted};
use madang_kernel::{Error, netns};

const WANTED: Wanted<'_> = Wanted { udp_to: &[67, 68], arp: true };

/// A namespace with the two ends of a cable, `one` and `two`; gone when the test ends.
struct Cable(PathBuf);

impl Cable {
    fn new(name: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "this test needs root");
            eprintln!("skipped: this test needs root");
            return None;
        }
        let path = std::env::temp_dir().join(format!("madang-packet-{}-{name}", std::process::id()));
        netns::create(&path).unwrap();
        let cable = Self(path);
        cable.enter(|| {
            // Without a word of IPv6 of their own.
            ip("link add name one address 02:00:00:00:00:0a type veth peer name two address 02:00:00:00:00:0b");
            for end in ["one", "two"] {
                std::fs::write(format!("/proc/sys/net/ipv6/conf/{end}/disable_ipv6"), "1").unwrap();
                ip(&format!("link set {end} up"));
            }
            ip("address add 192.0.2.1/24 dev one");
        });
        Some(cable)
    }

    fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        netns::enter(&self.0, work).unwrap()
    }

    fn index(&self, name: &str) -> u32 {
        self.enter(|| madang_kernel::Netlink::open().unwrap().expect_link(name).unwrap().index)
    }

    fn socket(&self, end: &str) -> PacketSocket {
        let index = self.index(end);
        self.enter(|| PacketSocket::open(index, WANTED)).unwrap()
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        let _ = netns::delete(&self.0);
    }
}

fn ip(arguments: &str) {
    assert!(Command::new("ip").args(arguments.split(' ')).status().unwrap().success(), "ip {arguments}");
}

/// What comes until this many frames have come.
fn receive(socket: &PacketSocket, count: usize) -> Vec<(Vec<u8>, bool)> {
    let (mut batch, mut came) = (Batch::new(), Vec::new());
    let deadline = Instant::now() + Duration::from_secs(10);
    while came.len() < count && Instant::now() < deadline {
        socket.receive(&mut batch).unwrap();
        came.extend(batch.frames().map(|frame| (frame.bytes.to_vec(), frame.checksum_pending)));
        std::thread::sleep(Duration::from_millis(1));
    }
    came
}

/// A frame with what tells such a filter what it is.
fn frame(ether_type: u16, protocol: u8, fragment: u16, port: u16, mark: u8) -> Vec<u8> {
    let mut frame = vec![0; 60];
    frame[..6].fill(0xff);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 0x0a]);
    frame[12..14].copy_from_slice(&ether_type.to_be_bytes());
    frame[14] = 0x45;
    frame[20..22].copy_from_slice(&fragment.to_be_bytes());
    frame[23] = protocol;
    frame[36..38].copy_from_slice(&port.to_be_bytes());
    frame[59] = mark;
    frame
}

#[test]
fn only_what_is_wanted_comes() {
    let Some(cable) = Cable::new("wanted") else { return };
    let (a, b) = (cable.socket("one"), cable.socket("two"));
    let mut tagged = frame(0x8100, 0, 0, 0, 99);
    tagged[16..18].copy_from_slice(&0x0800_u16.to_be_bytes());
    let mut with_options = frame(0x0800, 17, 0x4000, 9, 3);
    with_options[14] = 0x46;
    with_options[40..42].copy_from_slice(&67_u16.to_be_bytes());
    let frames = [
        frame(0x0800, 17, 0, 67, 1),
        frame(0x0800, 17, 0, 69, 99),
        frame(0x0800, 6, 0, 67, 99),
        frame(0x0800, 17, 0x2000, 67, 99),
        frame(0x0800, 17, 0x0001, 67, 99),
        tagged,
        frame(0x86dd, 17, 0, 67, 99),
        frame(0x0806, 0, 0, 0, 2),
        with_options,
        frame(0x0800, 17, 0x4000, 68, 4),
    ];
    assert_eq!(a.send(frames.iter().map(Vec::as_slice)).unwrap(), frames.len());
    let marks: Vec<u8> = receive(&b, 4).iter().map(|(frame, _)| frame[59]).collect();
    assert_eq!(marks, [1, 2, 3, 4]);
    assert!(receive_now(&a).is_empty(), "what is sent does not come back");
    assert_eq!(b.lost(), 0);
}

fn receive_now(socket: &PacketSocket) -> Vec<Vec<u8>> {
    let mut batch = Batch::new();
    socket.receive(&mut batch).unwrap();
    batch.frames().map(|frame| frame.bytes.to_vec()).collect()
}

#[test]
fn many_frames_come_whole_and_in_order() {
    let Some(cable) = Cable::new("many") else { return };
    let (a, b) = (cable.socket("one"), cable.socket("two"));
    let frames: Vec<Vec<u8>> = (0..150).map(|mark| frame(0x0806, 0, 0, 0, mark)).collect();
    assert_eq!(a.send(frames.iter().map(Vec::as_slice)).unwrap(), 150);
    let came: Vec<Vec<u8>> = receive(&b, 150).into_iter().map(|(frame, _)| frame).collect();
    assert_eq!(came, frames);
    let long = vec![0xff; 1600];
    assert!(a.send([long.as_slice()]).is_err(), "longer than the link takes");
}

#[test]
fn a_checksum_that_is_not_computed_yet_is_told() {
    let Some(cable) = Cable::new("checksum") else { return };
    let b = cable.socket("two");
    cable.enter(|| {
        ip("neighbour add 192.0.2.2 lladdr 02:00:00:00:00:0b dev one");
        let socket = UdpSocket::bind("192.0.2.1:0").unwrap();
        socket.send_to(b"hello", "192.0.2.2:67").unwrap();
    });
    let came = receive(&b, 1);
    assert!(came[0].1 && came[0].0.ends_with(b"hello"), "{came:?}");
}

#[test]
fn there_must_be_such_a_link() {
    let Some(cable) = Cable::new("link") else { return };
    let error = cable.enter(|| PacketSocket::open(4_000, WANTED)).unwrap_err();
    assert!(matches!(error, Error::Packet { link: 4_000, .. }), "{error}");
    assert_eq!(error.to_string(), "could not listen on network interface 4000");
}
