//! `madang kubeconfig`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use madang_api::{Client, IssuedCredential, Reason};
use serde_json::{Map, Value, json};

use crate::args::user::{ConfigFormat, KubeconfigArgs};
use crate::context::Context;
use crate::error::Failure;
use crate::output::yaml::to_yaml;

/// The user of whom a kubeconfig is if none is named.
const ADMIN: &str = "admin";
/// The group that may do everything.
const MASTERS: &str = "system:masters";

/// Prints a kubeconfig with a new credential.
pub(super) async fn run(context: &Context, args: &KubeconfigArgs) -> Result<(), Failure> {
    let client = context.client().await?;
    let name = match &args.user {
        Some(name) => name.as_str(),
        None => admin(&client).await?,
    };
    let issued = super::user::give(&client, name, args.credential).await?;
    let Some(server) = args.server.as_ref().or(issued.server.as_ref()) else {
        return Err(Failure::usage(
            "the daemon does not serve the API over TLS, which is what a kubeconfig is for",
            "start it with --listen ADDRESS:PORT; or say with --server where something else serves it",
        ));
    };
    let config = config(&issued, server, args.namespace.as_deref());
    context.print(&match args.output {
        ConfigFormat::Yaml => to_yaml(&config),
        ConfigFormat::Json => format!("{config:#}\n"),
    })
}

/// The user admin, made if there is none.
async fn admin(client: &Client) -> Result<&'static str, Failure> {
    let doing = || format!("create the user {ADMIN}");
    match client.create_user(ADMIN, &[MASTERS.to_owned()]).await {
        Ok(_) => return Ok(ADMIN),
        Err(error) if error.api().is_some_and(|error| error.is(Reason::AlreadyExists)) => {}
        Err(error) => return Err(Failure::api(doing(), error)),
    }
    let users = client.users().await.map_err(|error| Failure::api("list the users", error))?;
    let master = |groups: &[String]| groups.iter().any(|group| group == MASTERS);
    if users.iter().any(|user| user.metadata.name == ADMIN && master(&user.spec.groups)) {
        return Ok(ADMIN);
    }
    Err(Failure::usage(
        format!("there is a user {ADMIN} who is not in {MASTERS}"),
        "say whom you mean with --user NAME",
    ))
}

fn config(issued: &IssuedCredential, server: &str, namespace: Option<&str>) -> Value {
    let user = &issued.user;
    let mut cluster = Map::new();
    cluster.insert("server".to_owned(), server.into());
    let mut identity = Map::new();
    let encoded = |pem: &Option<String>| pem.as_ref().map(|pem| STANDARD.encode(pem));
    let put = |into: &mut Map<String, Value>, name: &str, value: Option<String>| {
        if let Some(value) = value {
            into.insert(name.to_owned(), value.into());
        }
    };
    put(&mut cluster, "certificate-authority-data", encoded(&issued.certificate_authority));
    put(&mut identity, "client-certificate-data", encoded(&issued.certificate));
    put(&mut identity, "client-key-data", encoded(&issued.key));
    put(&mut identity, "token", issued.token.clone());
    let name = format!("{user}@madang");
    let mut context = json!({ "cluster": "madang", "user": name });
    if let Some(namespace) = namespace {
        context["namespace"] = namespace.into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "madang", "cluster": cluster }],
        "users": [{ "name": name, "user": identity }],
        "contexts": [{ "name": name, "context": context }],
        "current-context": name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued(secrets: &Value) -> IssuedCredential {
        let mut value = json!({
            "user": "ana", "id": "1", "type": "token", "creationTimestamp": "2026-01-02T03:04:05Z",
            "certificateAuthority": "ca",
        });
        for (name, secret) in secrets.as_object().unwrap() {
            value[name] = secret.clone();
        }
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_kubeconfig_has_what_kubectl_needs() {
        let certificate = issued(&json!({ "certificate": "crt", "key": "key" }));
        let text = to_yaml(&config(&certificate, "https://10.0.0.5:7443", Some("shop")));
        insta::assert_snapshot!(text, @r#"
        apiVersion: v1
        kind: Config
        clusters:
          - name: madang
            cluster:
              server: "https://10.0.0.5:7443"
              certificate-authority-data: "Y2E="
        users:
          - name: ana@madang
            user:
              client-certificate-data: Y3J0
              client-key-data: a2V5
        contexts:
          - name: ana@madang
            context:
              cluster: madang
              user: ana@madang
              namespace: shop
        current-context: ana@madang
        "#);
        let token = config(&issued(&json!({ "token": "madang_1_2" })), "https://a", None);
        assert_eq!(token["users"][0]["user"], json!({ "token": "madang_1_2" }));
        assert_eq!(token["contexts"][0]["context"], json!({ "cluster": "madang", "user": "ana@madang" }));
    }
}
