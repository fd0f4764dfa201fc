//! Who may use the API over TLS, with the real daemon and curl.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::cloud::{Cloud, Said, can_run};

const VPCS: &str = "/apis/madang.dev/v1alpha1/namespaces/default/vpcs";

/// Where the API is and who asks, as a kubeconfig says it, in files that curl reads.
struct Kubeconfig {
    server: String,
    options: Vec<String>,
}

impl Kubeconfig {
    fn new(cloud: &Cloud, name: &str, arguments: &[&str]) -> Self {
        let config = cloud.json(&[&["kubeconfig"], arguments].concat());
        let (cluster, user) = (&config["clusters"][0]["cluster"], &config["users"][0]["user"]);
        let file = |end: &str, of: &Value| {
            let path = cloud.file(&format!("{name}.{end}"), "");
            // Base64 is of the host here, so that nothing of Madang reads what Madang wrote.
            let script = format!("echo {} | base64 -d > {path}", of.as_str().expect("it is text"));
            assert!(Command::new("sh").args(["-c", &script]).status().expect("sh starts").success());
            path
        };
        let mut options = vec!["--cacert".to_owned(), file("ca", &cluster["certificate-authority-data"])];
        match user["token"].as_str() {
            Some(token) => options.extend(["-H".to_owned(), format!("Authorization: Bearer {token}")]),
            None => {
                let certificate = file("crt", &user["client-certificate-data"]);
                let key = file("key", &user["client-key-data"]);
                options.extend(["--cert".to_owned(), certificate, "--key".to_owned(), key]);
            }
        }
        Self { server: cluster["server"].as_str().expect("a URL").to_owned(), options }
    }

    /// The HTTP status and the body of a request.
    fn get(&self, path: &str) -> (String, String) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}"]);
        let done =
            curl.args(&self.options).arg(format!("{}{path}", self.server)).output().expect("curl starts");
        let said = Said::from(done);
        assert_eq!(said.code, 0, "{said:?}");
        let (body, code) = said.out.rsplit_once('\n').expect("a status after the body");
        (code.to_owned(), body.to_owned())
    }
}

#[test]
fn users_come_over_tls_and_go_when_they_are_deleted() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve_with(&["--listen", "127.0.0.1:0", "--tls-san", "api.example.com"]);
    let admin = Kubeconfig::new(&cloud, "admin", &[]);
    let (code, body) = admin.get(VPCS);
    assert_eq!(code, "200", "{body}");

    let created = cloud.madang(&["user", "create", "ana", "--group", "dev", "--token"]);
    assert!(created.code == 0 && created.out.starts_with("madang_"), "{created:?}");
    let again = cloud.madang(&["user", "create", "ana"]);
    assert!(again.code == 1 && again.err.contains("exists already"), "{again:?}");
    let ana = Kubeconfig::new(&cloud, "ana", &["--user", "ana", "--token", "--expires", "90d"]);
    let (code, body) = ana.get(VPCS);
    assert_eq!(code, "403", "{body}");
    assert!(body.contains(r#"User \"ana\" cannot list resource \"vpcs\""#), "{body}");
    let listed = cloud.ok(&["user", "list"]);
    assert!(listed.contains("ana     dev") && listed.contains("2 tokens"), "{listed}");

    // Everything is there after a restart: the CA, the users, who was deleted.
    cloud.kill_daemon();
    let port = admin.server.rsplit(':').next().expect("a port").to_owned();
    cloud.serve_with(&["--listen", &format!("127.0.0.1:{port}")]);
    assert_eq!(admin.get(VPCS).0, "200");
    assert_eq!(ana.get(VPCS).0, "403");
    assert_eq!(cloud.ok(&["user", "delete", "ana", "admin"]), "user/ana deleted\nuser/admin deleted\n");
    for gone in [&admin, &ana] {
        assert_eq!(gone.get(VPCS).0, "401");
    }
    cloud.kill_daemon();
    cloud.serve_with(&["--listen", &format!("127.0.0.1:{port}")]);
    assert_eq!(admin.get(VPCS).0, "401", "deleted is deleted");

    let state = cloud.root().join("state");
    let mode = |name: &str| fs::metadata(state.join(name)).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode("tls/ca.key"), mode("audit.log")), (0o600, 0o600));
    let log = fs::read_to_string(state.join("audit.log")).expect("it is text");
    assert!(
        log.lines().any(|line| line.contains(r#""user":"ana""#) && line.contains(r#""code":403"#)),
        "{log}"
    );
    let secret = created.out.trim().rsplit('_').next().expect("it has one");
    assert!(!log.contains(secret) && !cloud.serve_log().contains(secret));
}

#[test]
fn a_damaged_ca_is_said_and_kept() {
    if !can_run() {
        return;
    }
    let mut cloud = Cloud::new();
    cloud.serve_with(&["--listen", "127.0.0.1:0"]);
    cloud.kill_daemon();
    let path = cloud.root().join("state/tls/ca.crt");
    let good = fs::read(&path).expect("it is there");
    fs::write(&path, "nonsense").expect("room on the disk");
    let said = cloud.madang(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.code == 1 && said.err.contains("ca.crt is damaged"), "{said:?}");
    assert_eq!(fs::read(&path).expect("it is there"), b"nonsense", "nothing was made anew");
    fs::write(&path, good).expect("room on the disk");
    let said = cloud.madang(&["serve", "--listen", "192.0.2.1:7443"]);
    assert!(said.code == 1 && said.err.contains("cannot serve the API at 192.0.2.1:7443"), "{said:?}");
    cloud.serve_with(&["--listen", "none"]);
    let said = cloud.madang(&["kubeconfig"]);
    assert!(said.code == 1 && said.err.contains("--listen"), "{said:?}");
}
