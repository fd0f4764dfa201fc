#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, clippy::allow_attributes)]
use madang_compile::{Host, compile};
use madang_datapath::PortId;
use madang_model::{Kind, SourceFile, allocate, check, from_json, parse};

fn long(line: &str) -> String {
    let mut words = line.splitn(3, ' ');
    if let (Some(kind), Some(name), Some(spec)) = (words.next(), words.next(), words.next())
        && Kind::ALL.iter().any(|k| k.name() == kind)
    {
        return format!(
            "--- {{apiVersion: madang.dev/v1alpha1, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}"
        );
    }
    line.to_owned()
}

#[test]
fn odd() {
    let Ok(file) = std::env::var("ODD") else { return };
    let text = std::fs::read_to_string(file).unwrap();
    for case in text.split("## ").skip(1) {
        let (name, body) = case.split_once('\n').unwrap();
        println!("\n#### {name}");
        let body = body.replace("\\0", "\0");
        let text: String = body.lines().map(|l| long(l) + "\n").collect();
        let done = std::panic::catch_unwind(|| {
            let documents = match parse(&[SourceFile { name: "f".to_owned(), text }]) {
                Ok(d) => d,
                Err(d) => {
                    for d in d {
                        println!("  parse: {d} | {:?} | {:?}", d.cause, d.hint);
                    }
                    return;
                }
            };
            let mut resources: Vec<_> = documents.into_iter().map(|d| d.resource).collect();
            for r in &mut resources {
                let uid = format!("uid-{}", r.metadata().name);
                r.metadata_mut().uid = Some(uid);
            }
            for d in allocate(&[], &mut resources) {
                println!("  alloc: {d}");
            }
            for r in &resources {
                match from_json(r.to_json()) {
                    Ok(back) if back == *r => {}
                    other => println!("  !! json: {other:?}"),
                }
            }
            let (model, diagnostics) = check(&resources);
            for d in &diagnostics {
                println!("  check: {d} | {:?} | {:?}", d.cause, d.hint);
            }
            let network = compile(&model);
            let ports = network.instances.keys().cloned().zip((10..).map(PortId)).collect();
            let desired = network.for_host(&Host { ports, ..Host::default() });
            if diagnostics.is_empty() {
                println!("  ACCEPTED {} resources, {} instances", resources.len(), network.instances.len());
            }
            for i in network.instances.values() {
                println!(
                    "   i {} {} {} gw {} pol {} rt {}",
                    i.name, i.address, i.mac, i.gateway, i.policy.0, i.routes.0
                );
            }
            for (id, vpc) in &desired.tables.vpcs {
                println!(
                    "   vpc {} classes {:?}",
                    id.0,
                    vpc.classes.iter().take(8).map(|(p, c)| format!("{p}={}", c.0)).collect::<Vec<_>>()
                );
                println!(
                    "     routes {:?}",
                    vpc.routes
                        .iter()
                        .take(8)
                        .map(|((t, p), r)| format!("{}:{p}->{r:?}", t.0))
                        .collect::<Vec<_>>()
                );
                println!(
                    "     rules {} {:?}",
                    vpc.rules.len(),
                    vpc.rules
                        .iter()
                        .take(6)
                        .map(|r| format!(
                            "p{} {:?} c{} {:?} {}/{}",
                            r.policy.0,
                            r.direction,
                            r.class.0,
                            r.protocol,
                            r.ports.base(),
                            r.ports.length()
                        ))
                        .collect::<Vec<_>>()
                );
            }
            println!(
                "   addresses {:?} nats {:?} forwards {:?}",
                network.addresses,
                network.nats,
                network.forwards.len()
            );
        });
        if done.is_err() {
            println!("  !!!!!!!! PANIC");
        }
    }
}

#[test]
fn sizes() {
    if std::env::var("SIZES").is_err() {
        return;
    }
    for groups in [200usize, 1000] {
        let r = |kind: &str, name: String, spec: serde_json::Value| {
            from_json(serde_json::json!({ "apiVersion": "madang.dev/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec })).unwrap()
        };
        let mut world = vec![
            r("Vpc", "v".into(), serde_json::json!({"cidrs": ["10.0.0.0/8"]})),
            r("Subnet", "s".into(), serde_json::json!({"vpc": "v", "cidr": "10.0.0.0/16"})),
        ];
        for n in 0..groups {
            world.push(r("SecurityGroup", format!("g{n}"), serde_json::json!({"vpc": "v", "ingress": [{"protocol": "tcp", "ports": [80], "from": [format!("g{}", (n + 1) % groups)]}]})));
            world.push(r("Instance", format!("i{n}"), serde_json::json!({"subnet": "s", "securityGroups": [format!("g{n}")], "process": {"command": ["a"]}})));
        }
        allocate(&[], &mut world);
        let start = std::time::Instant::now();
        let (model, d) = check(&world);
        assert!(d.is_empty());
        let checked = start.elapsed();
        let network = compile(&model);
        let vpc = network.vpcs.values().next().unwrap();
        let rss = std::fs::read_to_string("/proc/self/status")
            .unwrap()
            .lines()
            .find(|l| l.starts_with("VmRSS"))
            .unwrap()
            .to_owned();
        println!(
            "{groups}: rules {} classes {} check {checked:?} all {:?} {rss}",
            vpc.rules.len(),
            vpc.classes.len(),
            start.elapsed()
        );
    }
}
