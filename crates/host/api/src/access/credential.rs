//! Users and their credentials as they are sent.

use madang_identity::{Issued, Token};
use madang_model::API_VERSION;
use serde::{Deserialize, Serialize};

/// The kind of what carries a new credential.
pub(crate) const CREDENTIAL_KIND: &str = "UserCredential";

/// What a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialKind {
    /// A client certificate.
    Certificate,
    /// A bearer token.
    Token,
}

impl CredentialKind {
    /// As in a URL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Token => "token",
        }
    }
}

/// A user, in the Kubernetes shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserObject {
    /// `madang.dev/v1alpha1`.
    #[serde(default = "api_version")]
    pub api_version: String,
    /// `User`.
    #[serde(default = "user")]
    pub kind: String,
    /// Its name, and what the store says of it.
    pub metadata: UserMetadata,
    /// What is wanted.
    #[serde(default)]
    pub spec: UserSpec,
    /// What is true.
    #[serde(default)]
    pub status: UserStatus,
}

/// A user's name, and what the store says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserMetadata {
    /// The name.
    pub name: String,
    /// What tells it from an earlier user of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// The store's revision at the last write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
}

/// What is wanted of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserSpec {
    /// The groups that it is in.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// What is true of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserStatus {
    /// What it can prove itself with, without the secrets.
    #[serde(default)]
    pub credentials: Vec<UserCredential>,
}

/// A credential, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserCredential {
    /// A token's identifier, or a certificate's serial number.
    pub id: String,
    /// What it is.
    pub r#type: CredentialKind,
    /// RFC 3339.
    pub creation_timestamp: String,
    /// RFC 3339: when it ends; never, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_timestamp: Option<String>,
}

/// Users in the Kubernetes shape.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserList {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) metadata: ListMetadata,
    pub(crate) items: Vec<UserObject>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListMetadata {
    pub(crate) resource_version: String,
}

/// A wish for a credential: body of `POST users/NAME/token` and `users/NAME/certificate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CredentialRequest {
    pub(crate) spec: CredentialSpec,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CredentialSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expiration_seconds: Option<u64>,
}

/// A new credential with its secret: it is sent once, and not kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuedCredential {
    /// The user's name.
    pub user: String,
    /// What it is.
    #[serde(flatten)]
    pub credential: UserCredential,
    /// The token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The certificate, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Its private key, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The CA that signs the server, in PEM; none, if it is not served over TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<String>,
    /// Where the API is served over TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

impl IssuedCredential {
    pub(super) fn token(user: &str, credential: UserCredential, token: &Token) -> Self {
        Self { token: Some(token.reveal()), ..Self::of(user, credential) }
    }

    pub(super) fn certificate(user: &str, credential: UserCredential, issued: Issued) -> Self {
        let Issued { certificate, key, .. } = issued;
        Self { certificate: Some(certificate), key: Some(key), ..Self::of(user, credential) }
    }

    fn of(user: &str, credential: UserCredential) -> Self {
        Self {
            user: user.to_owned(),
            credential,
            token: None,
            certificate: None,
            key: None,
            certificate_authority: None,
            server: None,
        }
    }
}

impl std::fmt::Debug for IssuedCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedCredential")
            .field("user", &self.user)
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

fn api_version() -> String {
    API_VERSION.to_owned()
}

fn user() -> String {
    "User".to_owned()
}
