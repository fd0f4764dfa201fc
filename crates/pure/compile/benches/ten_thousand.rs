//! How long ten thousand resources take: `cargo bench -p madang-compile`.

#![expect(clippy::print_stdout, reason = "a measurement")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::time::Instant;

use madang_compile::{Host, compile};
use madang_datapath::PortId;

fn main() {
    let model = common::model(&common::large());
    let start = Instant::now();
    let network = compile(&model);
    let compiled = start.elapsed();
    let ports = network.instances.keys().cloned().zip((10..).map(PortId)).collect();
    let desired = network.for_host(&Host { ports, uplinks: BTreeMap::new() });
    let (rest, origins) = (start.elapsed() - compiled, desired.origins.len());
    println!("10,000 resources: compile {compiled:.1?}, for_host {rest:.1?}, {origins} entries");
}
