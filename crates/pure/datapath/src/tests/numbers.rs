use crate::abi::*;

/// What the kernel's programs are built with.
const HEADER: &str = include_str!("../../../../../bpf/abi.h");

/// The value of `NAME = value` or `#define NAME value` in it: a product of numbers, or 1 shifted left.
fn in_header(name: &str) -> Option<u64> {
    let value = HEADER.lines().find_map(|line| {
        let line = line.trim().strip_prefix("#define").unwrap_or(line).trim();
        line.strip_prefix(name)?
            .strip_prefix(" ")
            .map(|rest| rest.trim_start_matches("= ").trim_end_matches(','))
    })?;
    let number = |text: &str| match text.trim() {
        "SECOND_NS" => Some(SECOND_NS),
        hex if hex.starts_with("0x") => u64::from_str_radix(&hex[2..], 16).ok(),
        decimal => decimal.trim_end_matches("ULL").parse().ok(),
    };
    let value = value.trim_matches(['(', ')']);
    match value.split_once("<<") {
        Some((one, bits)) => Some(number(one)? << number(bits)?),
        None => value.split('*').map(number).product(),
    }
}

/// `etherType` as `ETHER_TYPE`.
fn screaming(name: &str) -> String {
    name.chars().flat_map(|c| c.is_uppercase().then_some('_').into_iter().chain(c.to_uppercase())).collect()
}

#[test]
fn the_kernels_programs_have_the_same_numbers() {
    let numbers = [
        ("SECOND_NS", SECOND_NS),
        ("TCP_HALF_OPEN_NS", TCP_HALF_OPEN_NS),
        ("TCP_ESTABLISHED_NS", TCP_ESTABLISHED_NS),
        ("TCP_CLOSING_NS", TCP_CLOSING_NS),
        ("TCP_CLOSED_NS", TCP_CLOSED_NS),
        ("UDP_ONE_WAY_NS", UDP_ONE_WAY_NS),
        ("UDP_BOTH_WAYS_NS", UDP_BOTH_WAYS_NS),
        ("ICMP_ECHO_NS", ICMP_ECHO_NS),
        ("REFRESH_DIVISOR", REFRESH_DIVISOR),
        ("STATE_SYN_ORIGINAL", STATE_SYN_ORIGINAL.into()),
        ("STATE_SYN_REPLY", STATE_SYN_REPLY.into()),
        ("STATE_ACK_ORIGINAL", STATE_ACK_ORIGINAL.into()),
        ("STATE_FIN_ORIGINAL", STATE_FIN_ORIGINAL.into()),
        ("STATE_FIN_REPLY", STATE_FIN_REPLY.into()),
        ("STATE_RST", STATE_RST.into()),
        ("ECHO_REQUEST", ECHO_REQUEST.into()),
        ("PORT_TRIES", PORT_TRIES.into()),
        ("SHOWN_PORT_FIRST", SHOWN_PORT_FIRST.into()),
        ("FLOW_ENTRIES", FLOW_ENTRIES as u64),
        ("GATEWAY_TTL", GATEWAY_TTL.into()),
        ("ERROR_TOS", ERROR_TOS.into()),
        ("ERRORS_A_SECOND", ERRORS_A_SECOND),
        ("VERDICT_DROP", VerdictCode::Drop as u64),
        ("VERDICT_TO_PORT", VerdictCode::ToPort as u64),
        ("VERDICT_TO_UPLINK", VerdictCode::ToUplink as u64),
        ("VERDICT_ANSWERED", VerdictCode::Answered as u64),
        ("VERDICT_TO_HOST", VerdictCode::ToHost as u64),
        ("VERDICT_REFUSED", VerdictCode::Refused as u64),
        ("WAY_ORIGINAL", Way::Original as u64),
        ("WAY_REPLY", Way::Reply as u64),
    ];
    for (name, number) in numbers {
        assert_eq!(in_header(name), Some(number), "{name} in bpf/abi.h");
    }
    for reason in DropReason::ALL {
        let name = format!("DROP_{}", screaming(reason.name()));
        assert_eq!(in_header(&name), Some(reason.code().into()), "{name} in bpf/abi.h");
    }
}

#[test]
fn each_reason_has_its_own_number_and_name() {
    assert!(DropReason::ALL.is_sorted_by(|a, b| a.code() < b.code()));
    assert_eq!([DropReason::from_code(0), DropReason::from_code(12)], [None, None]);
    for reason in DropReason::ALL {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        assert_eq!(DropReason::from_code(reason.code()), Some(*reason));
        assert!(reason.sentence().ends_with('.') && reason.hint().ends_with('.'), "{reason}");
    }
}
