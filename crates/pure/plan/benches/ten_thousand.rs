//! How long a preview of ten thousand resources takes: `cargo bench -p madang-plan`.

#![expect(clippy::print_stdout, reason = "a measurement")]

#[path = "../../compile/tests/common/mod.rs"]
mod common;

use std::time::Instant;

use madang_model::Resource;
use madang_plan::{HostObserved, plan, preview};

fn main() {
    let after = common::large();
    let mut before = after.clone();
    before.retain(|resource| resource.metadata().name != "i17");
    for (what, before, after) in
        [("one instance more", &before, &after), ("all from nothing", &Vec::new(), &after)]
    {
        timed(what, before, after);
    }
    asserted(&after);
    let network = madang_compile::compile(&common::model(&after));
    let (start, host) = (Instant::now(), HostObserved::default());
    let plan = plan(&network.for_host(&host.host()), &host);
    println!("a new host: {:.1?}, {} steps", start.elapsed(), plan.actions.len());
}

fn timed(what: &str, before: &[Resource], after: &[Resource]) {
    let start = Instant::now();
    let preview = preview(before, after);
    let lines = preview.reachability.opens.len();
    println!(
        "{what}: {:.1?}, {} changes, {lines} lines of reachability",
        start.elapsed(),
        preview.changes.len()
    );
}

/// A hundred assertions of groups of 98 instances each, half of each sort.
fn asserted(world: &[Resource]) {
    let mut all = world.to_vec();
    for n in 0..100 {
        let (to, expect) =
            if n % 2 == 0 { ((n + 1) % 100, "reachable") } else { ((n + 2) % 100, "unreachable") };
        let (from, to) = (format!("sg/g{n}"), format!("sg/g{to}"));
        let spec = serde_json::json!({ "from": from, "to": to, "port": 443, "expect": expect });
        all.push(common::resource("Assertion", &format!("a{n}"), &spec));
    }
    let start = Instant::now();
    let asserted = madang_plan::assertions(&all);
    let hold = asserted.iter().filter(|a| a.standing == madang_plan::Standing::Holds).count();
    println!(
        "{} assertions: {:.1?}, check and compile included; {hold} hold",
        asserted.len(),
        start.elapsed()
    );
}
