//! The filter, a program for the kernel's classic BPF machine.

use super::Wanted;

/// Where the machine finds what is not in the frame (`SKF_AD_OFF`), and there: whether the frame had a tag.
const BESIDE: u32 = 0xffff_f000;
const TAGGED: u32 = BESIDE + 48;

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
/// A half at X and more; X, from the length of an IPv4 header.
const LOAD_HALF_AT_X: u16 = 0x48;
const LOAD_X_HEADER: u16 = 0xb1;
const IF_EQUAL: u16 = 0x15;
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

const ETHER_TYPE: u32 = 12;
const IPV4: u32 = 14;

/// A program that says of each frame how much of it is taken: all, or nothing.
pub(super) struct Program(Vec<libc::sock_filter>);

/// Where a jump leads that is not written yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Next,
    Accept,
    Refuse,
}

/// An instruction: what, with what, where to if so, where to if not.
type Line = (u16, u32, To, To);

impl Program {
    pub(super) fn of(wanted: Wanted<'_>) -> Self {
        use To::{Accept, Next, Refuse};
        let line = |code, value| (code, value, Next, Next);
        let mut lines: Vec<Line> = vec![
            line(LOAD_WORD, TAGGED),
            (IF_EQUAL, 0, Next, Refuse),
            line(LOAD_HALF, ETHER_TYPE),
            (IF_EQUAL, 0x0806, if wanted.arp { Accept } else { Refuse }, Next),
            (IF_EQUAL, 0x0800, Next, Refuse),
            // A part of a datagram is none.
            line(LOAD_HALF, IPV4 + 6),
            (IF_ANY_BIT, 0x3fff, Refuse, Next),
            line(LOAD_BYTE, IPV4 + 9),
            (IF_EQUAL, 17, Next, Refuse),
            line(LOAD_X_HEADER, IPV4),
            line(LOAD_HALF_AT_X, IPV4 + 2),
        ];
        lines.extend(wanted.udp_to.iter().map(|port| (IF_EQUAL, u32::from(*port), Accept, Next)));
        let refuse = lines.len();
        lines.extend([line(RETURN, 0), line(RETURN, u32::MAX)]);
        let instruction = |(at, (code, k, if_so, if_not)): (usize, Line)| {
            let jump = |to| match to {
                Next => 0,
                Refuse => distance(at, refuse),
                Accept => distance(at, refuse + 1),
            };
            libc::sock_filter { code, jt: jump(if_so), jf: jump(if_not), k }
        };
        Self(lines.into_iter().enumerate().map(instruction).collect())
    }

    pub(super) fn instructions(&self) -> &[libc::sock_filter] {
        &self.0
    }
}

/// A jump begins at the next instruction.
fn distance(from: usize, to: usize) -> u8 {
    u8::try_from(to - from - 1).expect("a filter has fewer than 256 instructions")
}
