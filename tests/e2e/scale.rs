//! Two hundred instances in four VPCs: how long it takes, how soon a change is in force, what the daemon costs when nothing
//! happens. The figures are printed; the limits leave room for a machine that does other things too.

use std::fmt::Write;
use std::fs;
use std::time::{Duration, Instant};

use crate::cloud::{Cloud, can_run};

const VPCS: usize = 4;
const INSTANCES: usize = 50;
/// How long the idle daemon is looked at.
const IDLE: Duration = Duration::from_secs(20);

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: madang.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: {name} }}\nspec: {spec}\n"
    )
}

/// The first group of a VPC takes UDP too, if it is to.
fn group(vpc: usize, number: usize, udp: bool) -> String {
    let from = (number + 1) % 5;
    let more = if udp { format!(", {{ protocol: udp, from: [v{vpc}-{from}] }}") } else { String::new() };
    let rule = format!("{{ protocol: tcp, ports: [{}], from: [v{vpc}-{from}] }}", 8000 + number);
    document(
        "SecurityGroup",
        &format!("v{vpc}-{number}"),
        &format!("{{ vpc: v{vpc}, ingress: [{rule}{more}] }}"),
    )
}

fn world() -> String {
    let mut text = String::new();
    for vpc in 0..VPCS {
        text += &document("Vpc", &format!("v{vpc}"), "{ cidrs: [10.0.0.0/16] }");
        for subnet in 0..2 {
            let spec = format!("{{ vpc: v{vpc}, cidr: 10.0.{subnet}.0/24 }}");
            text += &document("Subnet", &format!("v{vpc}-s{subnet}"), &spec);
        }
        text.extend((0..5).map(|number| group(vpc, number, false)));
        for n in 0..INSTANCES {
            let (subnet, group, last) = (n % 2, n % 5, 10 + n);
            let mut spec = format!("{{ subnet: v{vpc}-s{subnet}, address: 10.0.{subnet}.{last}, ");
            write!(spec, "securityGroups: [v{vpc}-{group}], process: {{ command: [sleep, infinity] }} }}")
                .expect("a string takes it");
            text += &document("Instance", &format!("v{vpc}-i{n}"), &spec);
        }
    }
    text
}

#[expect(clippy::print_stdout, reason = "figures for whoever runs it")]
fn say(text: &str) {
    println!("{text}");
}

/// The daemon's CPU time, in ticks of a hundredth of a second.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the daemon lives");
    let fields: Vec<&str> =
        stat.rsplit(')').next().map(|rest| rest.split_whitespace().collect()).unwrap_or_default();
    fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum()
}

fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the daemon lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse().ok()).expect("a number")
}

#[test]
#[ignore = "a measurement of minutes: make verify-long"]
fn two_hundred_instances() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve();
    let pid = cloud.daemon_pid();
    let start = Instant::now();
    cloud.up(&world());
    let ready = start.elapsed();
    say(&format!("200 instances in 4 VPCs are Ready after {:.1} s", ready.as_secs_f64()));

    // The second instance sends to the first without end; the change lets it through.
    let receiver = cloud.udp("v0-i0", "10.0.0.10:9000");
    receiver.set_read_timeout(Some(Duration::from_millis(1))).expect("a time");
    let sender = cloud.udp("v0-i1", "10.0.1.11:9000");
    let (closed, open) =
        (cloud.file("closed.yaml", &group(0, 0, false)), cloud.file("open.yaml", &group(0, 0, true)));
    let passes = |within: Duration| {
        let start = Instant::now();
        while start.elapsed() < within {
            let _ = sender.send_to(b"x", "10.0.0.10:9000");
            if receiver.recv(&mut [0; 8]).is_ok() {
                return true;
            }
        }
        false
    };
    let mut times = Vec::new();
    for _ in 0..7 {
        cloud.ok(&["apply", "-f", &closed]);
        while passes(Duration::from_millis(200)) {}
        let start = Instant::now();
        let applied = std::thread::scope(|scope| {
            let applied = scope.spawn(|| cloud.ok(&["apply", "-f", &open]));
            assert!(passes(Duration::from_secs(10)), "{}", cloud.evidence());
            times.push(start.elapsed());
            applied.join().is_ok()
        });
        assert!(applied);
    }
    times.sort_unstable();
    let (low, median, high) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    say(&format!(
        "a rule is in force {} ms ({}-{}) after the command for it began",
        median.as_millis(),
        low.as_millis(),
        high.as_millis()
    ));

    std::thread::sleep(IDLE);
    let before = ticks(pid);
    std::thread::sleep(IDLE);
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let share = (ticks(pid) - before) as f64 / IDLE.as_secs_f64();
    let memory = resident(pid) / 1024;
    say(&format!("the idle daemon takes {share:.1} % of a CPU and {memory} MB"));
    assert!(ready < Duration::from_secs(20), "{ready:?}");
    assert!(median < Duration::from_millis(300), "{times:?}");
    assert!(share < 2.0 && memory < 100, "{share} %, {memory} MB");
}
