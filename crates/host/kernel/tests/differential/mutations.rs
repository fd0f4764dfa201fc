//! A proof that the comparison sees: the kernel's code with one mistake in it, of each kind that somebody might make, and
//! each is found out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{SETTINGS, Settings, compare, support};

/// A file below `bpf/`, what stands there once, and what stands there by mistake.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("stages/parse.h", "if (ip->ihl > 5)", "if (ip->ihl > 6)"),
    ("stages/parse.h", "		return ICMP_TIMESTAMP_REQUEST;", "		return ICMP_ECHO_REQUEST;"),
    ("stages/parse.h", "if (offset < known->end)", "if (offset + 8 < known->end)"),
    ("stages/parse.h", "first.dst_port = packet->key.dst_port;", "first.dst_port = packet->key.src_port;"),
    ("stages/guard.h", "if (v4(&packet->key.src) != v4(&port->address))", "if (!v4(&packet->key.src))"),
    ("stages/guard.h", "if (sender && sender != v4(&port->address))", "if (sender != v4(&port->address))"),
    (
        "stages/conntrack.h",
        "return state & STATE_ACK_ORIGINAL ? TCP_ESTABLISHED_NS : TCP_HALF_OPEN_NS;",
        "return state & STATE_SYN_REPLY ? TCP_ESTABLISHED_NS : TCP_HALF_OPEN_NS;",
    ),
    (
        "stages/conntrack.h",
        "if (!reason && !same_path(path, answer))",
        "if (!reason && path->vpc != answer->vpc)",
    ),
    ("stages/policy.h", ".direction = question->direction,", ".direction = EGRESS,"),
    ("stages/dnat.h", "(forward->vpc == SERVICES) == (vpc != OUTSIDE)", "forward->vpc"),
    ("stages/route.h", "path->source = nat->address;", ""),
    ("decide.h", "path->generation += generation;", ""),
    ("decide.h", "if (refused || !uplink_of(path->outside_generation, v4(&flow->dst)))", "if (1)"),
    ("stages/snat.h", "if (same_key(&peer, &packet->key))", "if (0)"),
    ("stages/policy.h", "key.class = 0;", "return 0;"),
    ("stages/snat.h", "step = random >> 16 | 1;", "step = random >> 17 | 1;"),
    (
        "stages/snat.h",
        "error = put(&peer, entry, &packet->key, packet->now);",
        "error = bpf_map_update_elem(&flows, &peer, entry, BPF_ANY);",
    ),
    ("stages/deliver.h", "flags = BPF_F_MARK_MANGLED_0;", "flags = 0;"),
    ("stages/refuse.h", "error.icmp.sequence = bpf_htons(mtu);", "error.icmp.sequence = mtu;"),
    ("decide.h", "path->question.peer = flow->src;", ""),
    ("forward.h", "if (packet->routed && packet->ttl <= 1)", "if (packet->routed && !packet->ttl)"),
    ("quota.h", "usage->flows >= most >> shift ||", "usage->flows > most >> shift ||"),
    ("stages/dhcp.h", "if (v4(&packet->key.src) != v4(&client->gateway))", "if (0)"),
    ("stages/dhcp.h", "(!v4(&packet->key.src) || v4(&packet->key.src) == v4(&port->address)) &&", ""),
    ("stages/dhcp.h", "if (!client || is_border(client->vpc))", "if (!client)"),
    ("stages/dhcp.h", "if (port->vpc == SERVICES && is_whole_udp", "if (is_whole_udp"),
    ("stages/dhcp.h", "copy_mac(ethernet->h_dest, client->mac);", ""),
    ("quota.h", "? USAGE_IN : flow->state", "? USAGE_OUT : flow->state"),
];

#[test]
#[ignore = "it takes minutes: make verify-long"]
fn each_mistake_is_found() {
    if !support::privileged() {
        return;
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../bpf");
    let copy = Scratch::of(&sources);
    let mut missed = Vec::new();
    for (file, right, wrong) in MISTAKES {
        let text = fs::read_to_string(sources.join(file)).unwrap();
        assert_eq!(text.matches(right).count(), 1, "{file} has this once: {right}");
        fs::write(copy.0.join(file), text.replacen(right, wrong, 1)).unwrap();
        let object = copy.compile();
        fs::write(copy.0.join(file), text).unwrap();
        let settings = Settings { packets: 200_000, ..SETTINGS };
        // What it says when it fails is of no interest here.
        let same = std::thread::spawn(move || compare(&object, settings)).join().is_ok();
        println!("{} {file}: {right}", if same { "missed" } else { "found " });
        if same {
            missed.push((file, right));
        }
    }
    assert!(missed.is_empty(), "not found out: {missed:#?}");
}

/// A copy of the sources.
struct Scratch(PathBuf);

impl Scratch {
    fn of(sources: &Path) -> Self {
        let place = std::env::temp_dir().join(format!("madang-mutations-{}", std::process::id()));
        for directory in ["", "hooks", "stages"] {
            fs::create_dir_all(place.join(directory)).unwrap();
            for entry in fs::read_dir(sources.join(directory)).unwrap().flatten() {
                if entry.file_type().unwrap().is_file() {
                    fs::copy(entry.path(), place.join(directory).join(entry.file_name())).unwrap();
                }
            }
        }
        Self(place)
    }

    /// As the crate's build script does.
    fn compile(&self) -> Vec<u8> {
        let (source, object) = (self.0.join("datapath.bpf.c"), self.0.join("datapath.o"));
        let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
        let headers = format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH);
        let mut command = Command::new(clang);
        command.args(["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-w", "-c", "-idirafter", &headers]);
        command.arg("-I").arg(&self.0).arg(source).arg("-o").arg(&object);
        assert!(command.status().unwrap().success(), "{command:?}");
        fs::read(object).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
