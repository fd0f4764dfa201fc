//! `madang user`.

use std::time::Duration;

use madang_api::{Client, CredentialKind, IssuedCredential, UserCredential, UserObject};
use serde_json::json;

use crate::args::ReportFormat;
use crate::args::user::{
    CredentialArgs, UserArgs, UserCommand, UserCreateArgs, UserDeleteArgs, UserListArgs,
};
use crate::context::Context;
use crate::error::Failure;
use crate::output::table::Table;
use crate::output::text::count;

/// Creates, lists or deletes users.
pub(super) async fn run(context: &Context, args: &UserArgs) -> Result<(), Failure> {
    match &args.command {
        UserCommand::Create(args) => create(context, args).await,
        UserCommand::List(args) => list(context, args).await,
        UserCommand::Delete(args) => delete(context, args).await,
    }
}

async fn create(context: &Context, args: &UserCreateArgs) -> Result<(), Failure> {
    let client = context.client().await?;
    let name = &args.name;
    let created = client.create_user(name, &args.groups).await;
    created.map_err(|error| Failure::api(format!("create the user {name}"), error))?;
    let issued = match give(&client, name, args.credential).await {
        Ok(issued) => issued,
        Err(failure) => {
            // A user that nobody can be is no use, and in the way of the next attempt.
            let _ = client.delete_user(name).await;
            return Err(failure);
        }
    };
    super::report(context, args.output, &issued, || secret(&issued))?;
    if args.output == ReportFormat::Table {
        context.say(&format!(
            "User {name} was created. Nothing of what is above is kept here: keep it yourself."
        ));
        let config = context.command(&format!("kubeconfig --user {name}"));
        context.say(&format!(
            "  for kubectl:    {config}\n  let it do more: bind a role to it, or to a group of it"
        ));
    }
    Ok(())
}

/// A new credential.
pub(super) async fn give(
    client: &Client,
    name: &str,
    wanted: CredentialArgs,
) -> Result<IssuedCredential, Failure> {
    let kind = if wanted.token { CredentialKind::Token } else { CredentialKind::Certificate };
    let given = client.give_credential(name, kind, wanted.expires.as_ref().map(Duration::as_secs)).await;
    given.map_err(|error| Failure::api(format!("give the user {name} a {}", kind.name()), error))
}

/// What is to be kept secret, as it can be put into a file.
fn secret(issued: &IssuedCredential) -> String {
    let parts = [&issued.certificate, &issued.key].into_iter().flatten().cloned().collect::<String>();
    issued.token.as_ref().map_or(parts, |token| format!("{token}\n"))
}

async fn list(context: &Context, args: &UserListArgs) -> Result<(), Failure> {
    let client = context.client().await?;
    let users = client.users().await.map_err(|error| Failure::api("list the users", error))?;
    if users.is_empty() && args.output == ReportFormat::Table {
        context.say("There are no users. Who may open the socket may do everything without being one.");
        return Ok(());
    }
    let value = json!({ "apiVersion": "madang.dev/v1alpha1", "kind": "UserList", "items": users });
    super::report(context, args.output, &value, || table(&users).render(context.data, context.columns()))
}

fn table(users: &[UserObject]) -> Table {
    let mut table = Table::new(["NAME", "GROUPS", "CREDENTIALS", "UNTIL", "CREATED"]);
    for user in users {
        let credentials = &user.status.credentials;
        let created = user.metadata.creation_timestamp.clone().unwrap_or_default();
        let cells = [
            user.metadata.name.clone(),
            user.spec.groups.join(","),
            kinds(credentials),
            until(credentials),
            created,
        ];
        table.row(cells.map(Into::into));
    }
    table
}

/// As `1 certificate, 2 tokens`.
fn kinds(credentials: &[UserCredential]) -> String {
    let of = |kind: CredentialKind| {
        let number = credentials.iter().filter(|credential| credential.r#type == kind).count();
        (number > 0).then(|| count(number, kind.name()))
    };
    [of(CredentialKind::Certificate), of(CredentialKind::Token)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

/// When the last of them ends.
fn until(credentials: &[UserCredential]) -> String {
    if credentials.iter().any(|credential| credential.expiration_timestamp.is_none()) {
        return "for ever".to_owned();
    }
    credentials
        .iter()
        .filter_map(|credential| credential.expiration_timestamp.clone())
        .max()
        .unwrap_or_default()
}

async fn delete(context: &Context, args: &UserDeleteArgs) -> Result<(), Failure> {
    let client = context.client().await?;
    for name in &args.names {
        let deleted = client.delete_user(name).await;
        deleted.map_err(|error| Failure::api(format!("delete the user {name}"), error))?;
        context.print(&format!("user/{name} deleted\n"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::style::Style;

    fn user(name: &str, credentials: serde_json::Value) -> UserObject {
        serde_json::from_value(json!({
            "metadata": { "name": name, "creationTimestamp": "2026-01-02T03:04:05Z" },
            "spec": { "groups": ["dev", "ops"] },
            "status": { "credentials": credentials },
        }))
        .unwrap()
    }

    #[test]
    fn users_and_what_they_have() {
        let credential = |kind: &str, until: Option<&str>| json!({ "id": "1", "type": kind, "creationTimestamp": "2026-01-02T03:04:05Z", "expirationTimestamp": until });
        let users = [
            user(
                "ana",
                json!([
                    credential("certificate", Some("2027-01-02T03:04:05Z")),
                    credential("token", Some("2026-03-02T03:04:05Z")),
                    credential("token", Some("2026-02-02T03:04:05Z")),
                ]),
            ),
            user("ben", json!([credential("token", None)])),
            user("eve", json!([])),
        ];
        insta::assert_snapshot!(table(&users).render(Style::PLAIN, 120), @r"
        NAME   GROUPS    CREDENTIALS               UNTIL                  CREATED
        ana    dev,ops   1 certificate, 2 tokens   2027-01-02T03:04:05Z   2026-01-02T03:04:05Z
        ben    dev,ops   1 token                   for ever               2026-01-02T03:04:05Z
        eve    dev,ops   -                         -                      2026-01-02T03:04:05Z
        ");
    }
}
