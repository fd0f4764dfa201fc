//! Clients that others wrote: Kubernetes' library for Python, and a generator of requests that reads the OpenAPI document.

use std::process::Command;

use crate::cloud::{Said, can_run};
use crate::kubectl::{Kube, client};

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

#[test]
#[ignore = "it takes many minutes: `make verify-long` runs it"]
fn no_request_makes_the_server_fail() {
    if !can_run() {
        return;
    }
    let kube = Kube::new();
    let token =
        kube.cloud.ok(&["user", "create", "tester", "--group", "system:masters", "--token", "-o", "json"]);
    let token: serde_json::Value = serde_json::from_str(&token).expect("-o json is JSON");
    let token = token["status"]["token"].as_str().or(token["token"].as_str()).expect("a token").to_owned();
    let config = std::fs::read_to_string(&kube.config).expect("a kubeconfig");
    let server = config
        .lines()
        .find_map(|line| line.trim().strip_prefix("server: "))
        .expect("a server")
        .trim_matches('"');
    for group in ["apis/madang.dev/v1alpha1", "api/v1"] {
        let mut command = Command::new(client("st"));
        command.args([
            "run",
            &format!("{server}/openapi/v3/{group}"),
            "--url",
            server,
            "--tls-verify",
            "false",
        ]);
        command.args(["-H", &format!("Authorization: Bearer {token}"), "--checks", "not_a_server_error"]);
        command.args(["--max-examples", "5", "--phases", "fuzzing", "--seed", "7", "--workers", "1"]);
        command.args(["--request-timeout", "10", "--exclude-path-regex", "watch"]);
        let said = Said::from(command.current_dir(kube.cloud.root()).output().expect("schemathesis starts"));
        assert_eq!(said.code, 0, "{group}: {}{}", said.out, said.err);
    }
}
