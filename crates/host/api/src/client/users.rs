//! Users and their credentials.

use hyper::Method;
use serde_json::{Value, json};

use super::{Client, ClientError, ROOT};
use crate::access::{CredentialKind, IssuedCredential, UserList, UserObject};

impl Client {
    /// All users, in the order of their names.
    pub async fn users(&self) -> Result<Vec<UserObject>, ClientError> {
        let list: UserList = self.ask(Method::GET, &format!("{ROOT}/users"), None).await?;
        Ok(list.items)
    }

    /// A new user of these groups. It can do nothing before it has a credential.
    pub async fn create_user(&self, name: &str, groups: &[String]) -> Result<UserObject, ClientError> {
        let user = json!({ "metadata": { "name": name }, "spec": { "groups": groups } });
        self.ask(Method::POST, &format!("{ROOT}/users"), Some(&user)).await
    }

    /// Takes everything from a user that it could prove itself with.
    pub async fn delete_user(&self, name: &str) -> Result<(), ClientError> {
        self.ask::<Value>(Method::DELETE, &format!("{ROOT}/users/{name}"), None).await.map(drop)
    }

    /// A new credential of a user, valid for these seconds, or for as long as it is usual. Its secret is sent this once.
    pub async fn give_credential(
        &self,
        name: &str,
        kind: CredentialKind,
        seconds: Option<u64>,
    ) -> Result<IssuedCredential, ClientError> {
        let wanted = json!({ "spec": { "expirationSeconds": seconds } });
        let path = format!("{ROOT}/users/{name}/{}", kind.name());
        let mut answer: Value = self.ask(Method::POST, &path, Some(&wanted)).await?;
        serde_json::from_value(answer["status"].take()).map_err(|error| self.strange(&error))
    }
}
