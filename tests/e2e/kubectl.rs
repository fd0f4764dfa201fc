//! kubectl, as it is, against the API over TLS: what its users do all day.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::cloud::{Cloud, Said, can_run, eventually};

/// One of the clients that `scripts/setup test` puts beside what is built.
pub(crate) fn client(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is below the target directory");
    let path = target.join("clients/bin").join(name);
    assert!(path.exists(), "there is no {}: run scripts/setup test", path.display());
    path
}

/// A daemon that serves over TLS, and a kubectl that knows it.
pub(crate) struct Kube {
    pub(crate) cloud: Cloud,
    pub(crate) config: PathBuf,
    pub(crate) listen: String,
}

impl Kube {
    pub(crate) fn new() -> Self {
        let mut cloud = Cloud::new();
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let listen = format!("127.0.0.1:{port}");
        cloud.serve_with(&["--listen", &listen]);
        let config = cloud.root().join("kubeconfig");
        fs::write(&config, cloud.ok(&["kubeconfig"])).expect("a file");
        Self { cloud, config, listen }
    }

    /// Ends the daemon as a power switch would, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.cloud.kill_daemon();
        self.cloud.serve_with(&["--listen", &self.listen]);
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(client("kubectl"));
        // Its cache of discovery is kept by the server's address, and another test may get the same port later.
        let cache = self.cloud.root().join("cache");
        command.args(args).arg("--cache-dir").arg(cache).env("KUBECONFIG", &self.config);
        command.env("KUBE_EDITOR", "true").current_dir(self.cloud.root());
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        Said::from(self.command(args).output().expect("kubectl starts"))
    }

    /// What it prints, if it succeeds.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!(said.code, 0, "kubectl {args:?}: {}{}", said.out, said.err);
        said.out
    }

    /// What it says, if it fails.
    fn fails(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_ne!(said.code, 0, "kubectl {args:?}: {}", said.out);
        said.err
    }

    fn json(&self, args: &[&str]) -> Value {
        let out = self.ok(&[args, &["-o", "json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    fn start(&self, args: &[&str], out: &Path) -> Running {
        let out = fs::File::create(out).expect("a file");
        let child = self.command(args).stdout(out).stderr(Stdio::null()).spawn().expect("kubectl starts");
        Running(child)
    }
}

/// A program that goes on until the test is done with it.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const NETWORK: &str = "\
apiVersion: madang.dev/v1alpha1
kind: Vpc
metadata: { name: home, labels: { app: home } }
spec: { cidrs: [10.0.0.0/16] }
---
apiVersion: madang.dev/v1alpha1
kind: Subnet
metadata: { name: apps, labels: { app: home } }
spec: { vpc: home, cidr: 10.0.1.0/24 }
---
apiVersion: madang.dev/v1alpha1
kind: Instance
metadata: { name: web, labels: { app: home } }
spec: { subnet: apps, process: { command: [sleep, infinity] } }
";

#[test]
fn what_there_is() {
    if !can_run() {
        return;
    }
    let kube = Kube::new();
    let resources = kube.ok(&["api-resources"]);
    for line in ["vpcs", "instancegroups", "namespaces", "secrets", "rolebindings", "events"] {
        assert!(resources.lines().any(|l| l.starts_with(line)), "{line}: {resources}");
    }
    let short = |name: &str| {
        resources
            .lines()
            .any(|line| line.split_whitespace().nth(1).is_some_and(|n| n.split(',').any(|n| n == name)))
    };
    assert!(short("sg") && short("ns") && short("eip"), "{resources}");
    assert!(kube.ok(&["api-versions"]).contains("madang.dev/v1alpha1"));
    assert!(kube.ok(&["version"]).contains("Server Version"));
    let explained = kube.ok(&["explain", "securitygroup.spec.ingress"]);
    assert!(explained.contains("from") && explained.contains("-required-"), "{explained}");
    assert!(kube.ok(&["explain", "vpc", "--recursive"]).contains("cidrs"));
    assert!(kube.ok(&["get", "nodes", "-o", "wide"]).contains("KERNEL"));
    assert_eq!(kube.ok(&["auth", "can-i", "create", "vpcs"]).trim(), "yes");
    assert!(kube.ok(&["auth", "whoami"]).contains("system:masters"));
}

#[test]
fn a_network_from_create_to_delete() {
    if !can_run() {
        return;
    }
    let kube = Kube::new();
    let file = kube.cloud.file("network.yaml", NETWORK);
    assert!(kube.ok(&["create", "-f", &file, "--dry-run=server"]).contains("created (server dry run)"));
    assert!(kube.ok(&["get", "vpcs"]).is_empty(), "a dry run stores nothing");
    assert!(kube.ok(&["apply", "-f", &file]).contains("instance.madang.dev/web created"));
    assert!(kube.fails(&["create", "-f", &file]).contains("AlreadyExists"));
    kube.ok(&["wait", "--for=condition=Ready", "instance/web", "--timeout=60s"]);
    kube.ok(&["wait", "--for=jsonpath={.status.address}=10.0.1.4", "instance/web", "--timeout=10s"]);

    // Every form of output.
    let wide = kube.ok(&["get", "instances", "-o", "wide"]);
    assert!(wide.contains("10.0.1.4") && wide.contains("MAC"), "{wide}");
    assert_eq!(
        kube.ok(&["get", "vpc,subnet", "-o", "name"]),
        "vpc.madang.dev/home\nsubnet.madang.dev/apps\n"
    );
    assert_eq!(kube.json(&["get", "vpc", "home"])["spec"]["mtu"], 1500, "defaults are there");
    assert!(kube.ok(&["get", "vpc", "home", "-o", "yaml"]).contains("kind: Vpc"));
    assert_eq!(kube.ok(&["get", "vpc", "home", "-o", "jsonpath={.spec.cidrs[0]}"]), "10.0.0.0/16");
    assert!(kube.ok(&["get", "vpc", "-o", "custom-columns=N:.metadata.name,M:.spec.mtu"]).contains("1500"));
    assert!(
        kube.ok(&["get", "vpc", "-o", "go-template={{range .items}}{{.metadata.name}}{{end}}"])
            .contains("home")
    );
    assert!(kube.ok(&["get", "vpc", "--show-labels"]).contains("app=home"));
    assert!(kube.ok(&["get", "all", "-A"]).contains("instance.madang.dev/web"));
    assert_eq!(kube.ok(&["get", "instances", "-l", "app in (home)", "-o", "name"]).lines().count(), 1);
    assert_eq!(kube.ok(&["get", "instances", "-l", "app!=home", "-o", "name"]), "");
    assert_eq!(
        kube.ok(&["get", "instances", "--field-selector", "spec.subnet=apps", "-o", "name"]).lines().count(),
        1
    );
    assert!(kube.ok(&["describe", "instance", "web"]).contains("Ready"));

    // Changes.
    assert!(kube.ok(&["apply", "-f", &file]).contains("vpc.madang.dev/home unchanged"));
    let wider =
        kube.cloud.file("wider.yaml", &NETWORK.replace("[10.0.0.0/16]", "[10.0.0.0/16, 10.9.0.0/16]"));
    let diff = kube.run(&["diff", "-f", &wider]);
    assert!(diff.code == 1 && diff.out.contains("+  - 10.9.0.0/16"), "{diff:?}");
    assert!(kube.ok(&["apply", "-f", &wider]).contains("vpc.madang.dev/home configured"));
    kube.ok(&["label", "vpc", "home", "tier=front"]);
    kube.ok(&["annotate", "vpc", "home", "note=hello"]);
    kube.ok(&["patch", "vpc", "home", "--type=merge", "-p", r#"{"spec":{"mtu":1400}}"#]);
    kube.ok(&[
        "patch",
        "vpc",
        "home",
        "--type=json",
        "-p",
        r#"[{"op":"test","path":"/spec/mtu","value":1400},{"op":"replace","path":"/spec/mtu","value":1450}]"#,
    ]);
    assert!(
        kube.fails(&["patch", "vpc", "home", "-p", "{}"]).contains("not supported"),
        "strategic is not for these"
    );
    let vpc = kube.json(&["get", "vpc", "home"]);
    assert_eq!(
        (&vpc["spec"]["mtu"], &vpc["metadata"]["labels"]["tier"], &vpc["metadata"]["annotations"]["note"]),
        (&1450.into(), &"front".into(), &"hello".into())
    );
    let mut edited = vpc.clone();
    edited["spec"]["mtu"] = 1300.into();
    let replaced = kube.cloud.file("replaced.json", &edited.to_string());
    kube.ok(&["replace", "-f", &replaced]);
    assert!(kube.fails(&["replace", "-f", &replaced]).contains("Conflict"), "the version is an old one");
    let script = kube.cloud.file("edit.sh", "#!/bin/sh\nsed -i 's/mtu: 1300/mtu: 1350/' \"$1\"\n");
    let edited = kube.command(&["edit", "vpc", "home"]).env("KUBE_EDITOR", format!("sh {script}")).output();
    let edited = Said::from(edited.expect("kubectl starts"));
    assert!(edited.out.contains("edited"), "{edited:?}");
    assert_eq!(kube.json(&["get", "vpc", "home"])["spec"]["mtu"], 1350);

    // The end.
    let gone = kube.ok(&["delete", "-f", &file, "--timeout=60s"]);
    assert!(gone.contains("instance.madang.dev \"web\" deleted"), "{gone}");
    assert_eq!(kube.ok(&["get", "vpc,subnet,instance", "-o", "name"]), "", "delete has waited");
}

#[test]
fn what_is_wrong_is_said() {
    if !can_run() {
        return;
    }
    let kube = Kube::new();
    let typo = kube.cloud.file("typo.yaml", &NETWORK.replace("cidrs:", "cidr:"));
    let said = kube.fails(&["apply", "-f", &typo]);
    assert!(said.contains("unknown field \"cidr\"") && said.contains("did you mean"), "{said}");
    let host_bits = kube.cloud.file("bits.yaml", &NETWORK.replace("10.0.0.0/16", "10.0.0.1/16"));
    assert!(kube.fails(&["apply", "-f", &host_bits]).contains("10.0.0.0/16"));
    // kubectl reads YAML 1.1: a bare y is true before it is sent, and a label is text.
    let odd = kube.cloud.file("odd.yaml", "apiVersion: madang.dev/v1alpha1\nkind: Vpc\nmetadata: { name: home, labels: { a: y } }\nspec: { cidrs: [10.0.0.0/16] }\n");
    let said = kube.fails(&["apply", "-f", &odd]);
    assert!(said.contains("labels"), "{said}");
    assert!(kube.fails(&["get", "vpc", "none"]).contains("NotFound"));
    assert!(kube.fails(&["get", "pods"]).contains("doesn't have a resource type"));
    let file = kube.cloud.file("network.yaml", NETWORK);
    kube.ok(&["apply", "-f", &file]);
    let said =
        kube.fails(&["patch", "subnet", "apps", "--type=merge", "-p", r#"{"spec":{"cidr":"10.0.2.0/24"}}"#]);
    assert!(said.contains("cannot be changed"), "{said}");
    let warned = kube.run(&["patch", "vpc", "home", "--type=merge", "-p", r#"{"spec":{"mtuu":1}}"#]);
    assert!(warned.err.contains("mtuu"), "{warned:?}");
    let said = kube.fails(&["get", "vpc", "--field-selector", "spec.mtu=1"]);
    assert!(said.contains("not supported"), "{said}");
}

#[test]
fn two_managers_fight_over_a_field() {
    if !can_run() {
        return;
    }
    let kube = Kube::new();
    let vpc = |mtu: u32| {
        format!(
            "apiVersion: madang.dev/v1alpha1\nkind: Vpc\nmetadata: {{ name: home }}\nspec: {{ cidrs: [10.0.0.0/16], mtu: {mtu} }}\n"
        )
    };
    let (one, two) = (kube.cloud.file("one.yaml", &vpc(1400)), kube.cloud.file("two.yaml", &vpc(1300)));
    let apply = |file: &str, manager: &str, more: &[&str]| {
        let manager = format!("--field-manager={manager}");
        kube.run(&[&["apply", "--server-side", "-f", file, &manager], more].concat())
    };
    assert_eq!(apply(&one, "ana", &[]).code, 0);
    let said = apply(&two, "ben", &[]);
    assert!(
        said.code != 0 && said.err.contains("conflict with \"ana\"") && said.err.contains(".spec.mtu"),
        "{said:?}"
    );
    assert_eq!(kube.json(&["get", "vpc", "home"])["spec"]["mtu"], 1400, "nothing has changed");
    assert_eq!(apply(&two, "ben", &["--force-conflicts"]).code, 0);
    assert_eq!(kube.json(&["get", "vpc", "home"])["spec"]["mtu"], 1300);
    let said = apply(&one, "ana", &[]);
    assert!(said.err.contains("conflict with \"ben\""), "{said:?}");
    // Who no longer says a field that nobody else has gives it up.
    let labelled = kube.cloud.file(
        "label.yaml",
        "apiVersion: madang.dev/v1alpha1\nkind: Vpc\nmetadata: { name: home, labels: { a: b } }\n",
    );
    let bare = kube
        .cloud
        .file("bare.yaml", "apiVersion: madang.dev/v1alpha1\nkind: Vpc\nmetadata: { name: home }\n");
    assert_eq!(apply(&labelled, "cho", &[]).code, 0);
    assert_eq!(kube.json(&["get", "vpc", "home"])["metadata"]["labels"]["a"], "b");
    assert_eq!(apply(&bare, "cho", &[]).code, 0);
    assert_eq!(kube.json(&["get", "vpc", "home"])["metadata"]["labels"], Value::Null);
    let managers = kube.json(&["get", "vpc", "home", "--show-managed-fields"]);
    let managers: Vec<_> = managers["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|m| m["manager"].clone())
        .collect();
    assert!(managers.contains(&"ana".into()) && managers.contains(&"ben".into()), "{managers:?}");
    // A bundle is a manager too.
    let three = kube.cloud.file("three.yaml", &vpc(1200));
    kube.cloud.ok(&["apply", "-f", &three]);
    let said = apply(&one, "ana", &[]);
    assert!(said.err.contains("conflict with \"madang-apply\""), "{said:?}");
    // From client-side to server-side apply, with the owners moved.
    let both = kube.cloud.file("both.yaml", NETWORK);
    kube.ok(&["apply", "-f", &both, "-l", "app=home"]);
    kube.ok(&["apply", "-f", &both, "--server-side", "-l", "app=home", "--force-conflicts"]);
}

#[test]
fn watches_tell_what_happens() {
    if !can_run() {
        return;
    }
    let kube = Kube::new();
    let (seen, names) = (kube.cloud.root().join("seen"), kube.cloud.root().join("names"));
    let _table = kube.start(&["get", "vpcs", "-w"], &seen);
    let _names = kube.start(&["get", "vpcs", "-w", "-l", "app=home", "-o", "name"], &names);
    let lines = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let file = kube.cloud.file("network.yaml", NETWORK);
    kube.ok(&["apply", "-f", &file]);
    let both = || lines(&seen).contains("home") && lines(&names).contains("home");
    assert!(eventually(both), "{} {}", lines(&seen), lines(&names));
    kube.ok(&["label", "vpc", "home", "app-"]);
    kube.ok(&["delete", "instance", "web"]);
    kube.ok(&["delete", "vpc", "home", "--wait=false"]);
    assert!(eventually(|| lines(&seen).matches("home").count() >= 3), "{}", lines(&seen));
}

#[test]
fn secrets_projects_and_groups() {
    if !can_run() {
        return;
    }
    let kube = Kube::new();
    kube.ok(&["create", "namespace", "lab"]);
    kube.ok(&["create", "secret", "generic", "key", "--from-literal=a=hunter2", "-n", "lab"]);
    assert_eq!(kube.json(&["get", "secret", "key", "-n", "lab"])["data"]["a"], "aHVudGVyMg==");
    let described = kube.ok(&["describe", "secret", "key", "-n", "lab"]);
    assert!(described.contains("7 bytes") && !described.contains("hunter2"), "{described}");
    let file = kube.cloud.file("network.yaml", NETWORK);
    kube.ok(&["apply", "-f", &file, "-n", "lab"]);
    kube.ok(&["apply", "-f", &file]);
    let group = kube.cloud.file("group.yaml", "apiVersion: madang.dev/v1alpha1\nkind: InstanceGroup\nmetadata: { name: pool }\nspec:\n  replicas: 1\n  template: { spec: { subnet: apps, process: { command: [sleep, infinity] } } }\n");
    kube.ok(&["apply", "-f", &group, "-n", "lab"]);
    kube.ok(&["scale", "instancegroup", "pool", "--replicas=2", "-n", "lab"]);
    assert_eq!(kube.json(&["get", "ig", "pool", "-n", "lab"])["spec"]["replicas"], 2);
    kube.ok(&["wait", "ig/pool", "-n", "lab", "--for=jsonpath={.status.readyReplicas}=2", "--timeout=60s"]);
    kube.ok(&["wait", "instance/web", "-n", "lab", "--for=condition=Ready", "--timeout=60s"]);
    kube.ok(&["wait", "instance/web", "--for=condition=Ready", "--timeout=60s"]);
    let addresses = kube.ok(&["get", "instances", "-A"]);
    assert_eq!(addresses.matches("10.0.1.4").count(), 2, "the same address in two projects: {addresses}");
    let events = kube.ok(&["get", "events", "-n", "lab"]);
    assert!(events.contains("instance/web"), "{events}");
    assert!(kube.ok(&["events", "-n", "lab"]).contains("web"));
    kube.ok(&["delete", "namespace", "lab", "--timeout=60s"]);
    assert_eq!(kube.ok(&["get", "instances", "-A", "-o", "name"]), "instance.madang.dev/web\n");
    assert!(
        kube.fails(&["create", "secret", "generic", "key", "--from-literal=a=b", "-n", "lab"])
            .contains("not found")
    );
}

#[test]
fn kustomize_and_prune_by_label() {
    if !can_run() {
        return;
    }
    let kube = Kube::new();
    kube.cloud.file("network.yaml", NETWORK);
    kube.cloud.file(
        "kustomization.yaml",
        "resources: [network.yaml]\nnameSuffix: -one\nlabels: [{ pairs: { team: a } }]\n",
    );
    let out = kube.run(&["apply", "-k", "."]);
    // References in our kinds are not names that kustomize knows: it changes names alone.
    assert!(out.out.contains("vpc.madang.dev/home-one created"), "{out:?}");
    assert_eq!(kube.ok(&["get", "vpc", "-l", "team=a", "-o", "name"]), "vpc.madang.dev/home-one\n");
    kube.ok(&["delete", "-k", ".", "--timeout=60s"]);
    assert_eq!(kube.ok(&["get", "vpc,subnet,instance", "-o", "name"]), "");
}
