//! Clients that others wrote: Kubernetes' library for Python, and a generator of requests that reads the OpenAPI document.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::cloud::{Said, can_run, eventually};
use crate::kubectl::{Kube, Running, client};

/// Runs a script of this directory with the clients' Python.
fn python(kube: &Kube, script: &str) -> Said {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/");
    let mut command = Command::new(client("python"));
    command.arg(format!("{path}{script}")).env("KUBECONFIG", &kube.config).current_dir(kube.cloud.root());
    Said::from(command.output().expect("python starts"))
}

#[test]
fn the_python_client() {
    if !can_run() {
        return;
    }
    let kube = Kube::new();
    let said = python(&kube, "client.py");
    assert!(said.code == 0 && said.out.trim().ends_with("done"), "{}{}", said.out, said.err);
}

/// A watcher in Rust, and where it writes what it sees.
fn watch(kube: &Kube, strategy: &str) -> (Running, PathBuf) {
    let seen = kube.cloud.root().join(strategy);
    let mut command = Command::new(client("../watcher/debug/watcher"));
    command.args([strategy, "vpcs", "Vpc"]).env("KUBECONFIG", &kube.config);
    let out = File::create(&seen).expect("a file");
    (Running(command.stdout(out).stdin(Stdio::null()).spawn().expect("the watcher starts")), seen)
}

#[test]
fn the_watcher_of_controllers_in_rust() {
    if !can_run() {
        return;
    }
    let mut kube = Kube::new();
    let vpc = |name: &str, mtu: u32| {
        let text = format!(
            "apiVersion: madang.dev/v1alpha1\nkind: Vpc\nmetadata: {{ name: {name} }}\nspec: {{ cidrs: [10.0.0.0/16], mtu: {mtu} }}\n"
        );
        kube.cloud.file(name, &text)
    };
    let files = ["a", "b", "c", "d", "e"].map(|name| vpc(name, 1500));
    let apply = |kube: &Kube, file: &str| drop(kube.ok(&["apply", "-f", file]));
    // More than fit on one page of its lists.
    files[..3].iter().for_each(|file| apply(&kube, file));
    let watchers = ["list", "stream"].map(|strategy| watch(&kube, strategy));
    let sees = |what: &dyn Fn(&str) -> bool| {
        let seen = watchers.each_ref().map(|(_, seen)| fs::read_to_string(seen).unwrap_or_default());
        (seen.iter().all(|seen| what(seen)), seen)
    };
    let waits_for = |what: &str| {
        assert!(eventually(|| sees(&|seen| seen.contains(what)).0), "{what}: {:?}", sees(&|_| true).1);
    };
    waits_for("init\nlisted a\nlisted b\nlisted c\nlisted all\n");
    apply(&kube, &files[3]);
    waits_for("applied d {");
    apply(&kube, &vpc("d", 1400));
    waits_for("\"mtu\":1400");
    kube.ok(&["delete", "vpc", "a"]);
    waits_for("deleted a\n");
    // It goes on over a daemon's death: what came before is not told again as new, what comes after is told.
    kube.restart();
    apply(&kube, &files[4]);
    waits_for("applied e {");
    let (once, seen) =
        sees(&|seen| ["init\n", "deleted "].iter().all(|line| seen.matches(line).count() == 1));
    assert!(once, "{seen:?}");
}

/// One of each kind, for requests about what is there.
const THERE: &str = "\
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: there }
spec: { cidrs: [10.0.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: there }
spec: { vpc: there, cidr: 10.0.1.0/24, routeTable: there }
---
apiVersion: madang.dev/v1alpha1
kind: RouteTable
metadata: { name: there }
spec: { vpc: there, routes: [{ destination: 10.9.0.0/16, target: blackhole }] }
---
apiVersion: madang.dev/v1alpha1
kind: SecurityGroup
metadata: { name: there }
spec: { vpc: there, ingress: [{ from: [there], protocol: tcp, ports: [80] }] }
---
apiVersion: madang.dev/v1alpha1
kind: InstanceGroup
metadata: { name: there }
spec:
  replicas: 0
  template: { spec: { subnet: there, process: { command: [sleep, infinity] } } }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: there }
spec: { subnet: there, securityGroups: [there], process: { command: [sleep, infinity] } }
---
apiVersion: madang.dev/v1alpha1
kind: Assertion
metadata: { name: there }
spec: { from: internet, to: sg/there, expect: unreachable }
---
apiVersion: v1
kind: Secret
metadata: { name: there }
stringData: { word: secret }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: there }
rules: [{ apiGroups: [madang.dev], resources: [vpcs], verbs: [get] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: there }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: there }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: ana }]
";

#[test]
fn no_request_makes_the_server_fail() {
    if !can_run() {
        return;
    }
    let kube = Kube::new();
    let user = ["user", "create", "tester", "--group", "system:masters", "--token"];
    let token = kube.cloud.json(&user)["token"].as_str().expect("a token").to_owned();
    let server = format!("https://{}", kube.listen);
    kube.ok(&["apply", "-f", &kube.cloud.file("there.yaml", THERE)]);
    // Some of everything; `make verify-long` tries more.
    let examples = std::env::var("MADANG_REQUESTS").unwrap_or_else(|_| "2".to_owned());
    for group in ["apis/madang.dev/v1alpha1", "apis/rbac.authorization.k8s.io/v1", "api/v1"] {
        let mut command = Command::new(client("st"));
        command.args(["run", &format!("{server}/openapi/v3/{group}"), "--url", &server]);
        command.args(["--tls-verify", "false", "-H", &format!("Authorization: Bearer {token}")]);
        command.args(["--checks", "not_a_server_error", "--max-examples", &examples, "--phases", "fuzzing"]);
        command.args(["--seed", "7", "--workers", "2", "--request-timeout", "10", "--no-color"]);
        let hooks = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/generator.py");
        command.env("SCHEMATHESIS_HOOKS", hooks).current_dir(kube.cloud.root());
        let said = Said::from(command.output().expect("schemathesis starts"));
        assert_eq!(said.code, 0, "{group}: {}{}", said.out, said.err);
        println!("{group}: {}", said.out);
    }
}
