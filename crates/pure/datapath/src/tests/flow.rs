use super::*;

#[test]
fn flags_count_by_themselves_and_bits_stay() {
    let tcp = |bits: u8| {
        let has = |flag: Flags| Flags(bits).has(flag);
        Some(TcpFlags {
            syn: has(Flags::SYN),
            ack: has(Flags::ACK),
            fin: has(Flags::FIN),
            rst: has(Flags::RST),
        })
    };
    for bits in 0..=0x1f {
        for way in [Way::Original, Way::Reply] {
            for before in 0..0x40 {
                let after = State(before).after(way, tcp(bits));
                assert_eq!(after.0 & before, before);
                assert_eq!(after.after(way, tcp(bits)).after(way, tcp(bits)), after.after(way, tcp(bits)));
                assert!(Flags(bits) != Flags::RST || after.has(abi::STATE_RST));
            }
        }
    }
    let all = State(abi::STATE_SYN_ORIGINAL).after(Way::Reply, tcp(0x17));
    assert_eq!(all.0, abi::STATE_SYN_ORIGINAL | abi::STATE_SYN_REPLY | abi::STATE_FIN_REPLY | abi::STATE_RST);
}

#[test]
fn a_probe_of_live_flows_sees_only_what_concerns_it() {
    let mut world = World::new();
    world.send(WEB, Sent::syn(address(WEB), 1, address(APP), 80));
    world.send(WEB, Sent::syn(address(WEB), 2, REMOTE, 80));
    let seen = world.flows.involving([v4("9.9.9.9").into(), REMOTE.into()]);
    assert_eq!((world.flows.len(), seen.len()), (4, 2));
}
