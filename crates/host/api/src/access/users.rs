//! The users that were given credentials, and what proves that somebody is one of them.
//!
//! They stand in the store beside the resources, not among them: nobody who may read or write secrets can see a token's
//! fingerprint or make up a token. `/access/users/NAME` is a user, with a list of its credentials; `/access/tokens/ID` is a
//! token, which goes with its user in one transaction.
//!
//! A certificate needs no record, since the CA signed it. What is kept is when certificates of a name were revoked: those
//! from before are refused, but for the ones that the user of today was given.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use madang_access::{MASTERS, User};
use madang_identity::{Authority, Certificate, Fingerprint, Token};
use madang_model::API_VERSION;
use madang_store::{Revision, Store, StoreError, Txn, Versioned};
use serde::{Deserialize, Serialize};

use super::credential::{
    CredentialKind, IssuedCredential, ListMetadata, UserCredential, UserList, UserMetadata, UserObject,
    UserSpec, UserStatus,
};
use crate::registry::new_uid;
use crate::{ApiError, Reason};

const USERS: &str = "/access/users/";
const TOKENS: &str = "/access/tokens/";
/// The version of what is written.
const SCHEMA: u32 = 1;
/// How often a write is computed again because somebody else was faster.
const ATTEMPTS: usize = 100;
/// The longest name of a user or a group: the longest common name of a certificate (RFC 5280, appendix A.1).
const LONGEST: usize = 64;
/// The most groups of a user.
const MOST_GROUPS: usize = 32;
/// The most credentials of a user that are not over.
const MOST_CREDENTIALS: usize = 100;

/// The users of a store.
pub(super) struct Users {
    store: Arc<dyn Store>,
}

/// What is kept of a name.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    schema: u32,
    name: String,
    /// None: there is no such user any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Present>,
    /// Certificates of this name that are valid from no later than this are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<Timestamp>,
}

/// A user that there is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Present {
    uid: String,
    groups: Vec<String>,
    created: Timestamp,
    credentials: Vec<Credential>,
}

/// A credential, without anything secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    id: String,
    kind: CredentialKind,
    created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
}

/// A token, without its secret.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptToken {
    schema: u32,
    user: String,
    uid: String,
    fingerprint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
}

impl Users {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// A new user of these groups.
    pub(super) fn create(
        &self,
        name: &str,
        groups: &[String],
        now: Timestamp,
    ) -> Result<UserObject, ApiError> {
        check_names(name, groups)?;
        let mut groups = groups.to_vec();
        groups.sort();
        groups.dedup();
        let present = Present { uid: new_uid()?, groups, created: seconds(now), credentials: Vec::new() };
        let (account, revision, ()) = self.change(name, |account| {
            if account.user.is_some() {
                let message =
                    format!("user {name:?} exists already: give it another credential, or delete it first");
                return Err(ApiError::new(Reason::AlreadyExists, message));
            }
            account.user = Some(present.clone());
            Ok((Txn::new(), ()))
        })?;
        object(&account, revision).ok_or_else(|| not_found(name))
    }

    pub(super) fn get(&self, name: &str) -> Result<UserObject, ApiError> {
        let found = self.find(name)?;
        found.and_then(|(account, revision)| object(&account, revision)).ok_or_else(|| not_found(name))
    }

    pub(super) fn list(&self) -> Result<UserList, ApiError> {
        let page = self.store.range(USERS, usize::MAX, None)?;
        let mut items = Vec::new();
        for item in &page.items {
            let account: Account = decode(&item.key, &item.value)?;
            items.extend(object(&account, item.revision));
        }
        Ok(UserList {
            api_version: API_VERSION.to_owned(),
            kind: "UserList".to_owned(),
            metadata: ListMetadata { resource_version: page.revision.to_string() },
            items,
        })
    }

    /// Takes everything from a user that it could prove itself with. It is refused from the next request on.
    pub(super) fn delete(&self, name: &str, now: Timestamp) -> Result<UserObject, ApiError> {
        let before = self.get(name)?;
        self.change(name, |account| {
            let user = account.user.take().ok_or_else(|| not_found(name))?;
            // Clocks go back too: no certificate that it was given may begin later.
            let given = user.credentials.iter().map(|credential| credential.created);
            account.revoked = given.chain(account.revoked).chain([seconds(now)]).max();
            Ok((without_tokens(&user.credentials), ()))
        })?;
        Ok(before)
    }

    /// A new token of a user.
    pub(super) fn add_token(
        &self,
        name: &str,
        uid: Option<&str>,
        life: Option<Duration>,
        now: Timestamp,
    ) -> Result<IssuedCredential, ApiError> {
        let token = Token::random().map_err(internal)?;
        let expires = life.map(|life| after(now, life));
        let credential = Credential {
            id: token.id().to_owned(),
            kind: CredentialKind::Token,
            created: seconds(now),
            expires,
        };
        self.change(name, |account| {
            let user =
                account.user.as_mut().filter(|user| is_same(user, uid)).ok_or_else(|| not_found(name))?;
            let kept = KeptToken {
                schema: SCHEMA,
                user: name.to_owned(),
                uid: user.uid.clone(),
                fingerprint: token.fingerprint().to_string(),
                expires,
            };
            let txn = add(user, credential.clone(), now)?;
            let key = format!("{TOKENS}{}", token.id());
            Ok((txn.absent(&key).put(key, encode(&kept)), ()))
        })?;
        Ok(IssuedCredential::token(name, shown(&credential), &token))
    }

    /// A new certificate of a user.
    pub(super) fn add_certificate(
        &self,
        name: &str,
        uid: Option<&str>,
        authority: &Authority,
        life: Duration,
        now: Timestamp,
    ) -> Result<IssuedCredential, ApiError> {
        let (account, _) = self.find(name)?.ok_or_else(|| not_found(name))?;
        let user = account.user.filter(|user| is_same(user, uid));
        let Present { uid, groups, .. } = user.ok_or_else(|| not_found(name))?;
        let issued = authority.issue(name, &groups, now, life).map_err(internal)?;
        let credential = Credential {
            id: issued.serial.clone(),
            kind: CredentialKind::Certificate,
            created: seconds(now),
            expires: Some(issued.until),
        };
        self.change(name, |account| {
            // Of this very user: another one of its name may be of other groups.
            let user = account.user.as_mut().filter(|user| user.uid == uid).ok_or_else(|| not_found(name))?;
            Ok((add(user, credential.clone(), now)?, ()))
        })?;
        Ok(IssuedCredential::certificate(name, shown(&credential), issued))
    }

    /// Whose token this is.
    pub(super) fn of_token(&self, text: &str, now: Timestamp) -> Result<User, ApiError> {
        // One text for all, so that nobody learns which part of a guess was right.
        let refused =
            || unauthorized("the token is none of a user here: it is wrong, over, or its user is deleted");
        let token = Token::parse(text).ok_or_else(refused)?;
        let key = format!("{TOKENS}{}", token.id());
        let found = self.store.get(&key)?.ok_or_else(refused)?;
        let kept: KeptToken = decode(&key, &found.value)?;
        let genuine =
            Fingerprint::parse(&kept.fingerprint).is_some_and(|fingerprint| fingerprint.is_of(&token));
        if !genuine || kept.expires.is_some_and(|expires| expires <= now) {
            return Err(refused());
        }
        let (account, _) = self.find(&kept.user)?.ok_or_else(refused)?;
        let present = account.user.filter(|user| user.uid == kept.uid).ok_or_else(refused)?;
        Ok(User { name: kept.user, uid: Some(present.uid), groups: present.groups })
    }

    /// Whose certificate this is. That it is genuine was found at the handshake.
    pub(super) fn of_certificate(&self, certificate: &Certificate, now: Timestamp) -> Result<User, ApiError> {
        let name = &certificate.user;
        if certificate.until <= now {
            return Err(unauthorized(format!(
                "the certificate of {name:?} is over since {}",
                certificate.until
            )));
        }
        let mut user = User::new(name, certificate.groups.clone());
        let Some((account, _)) = self.find(name)? else { return Ok(user) };
        let given =
            |present: &Present| present.credentials.iter().any(|given| given.id == certificate.serial);
        let revoked = account.revoked.is_some_and(|revoked| certificate.from <= revoked);
        if revoked && !account.user.as_ref().is_some_and(given) {
            return Err(unauthorized(format!(
                "the certificate of {name:?} was revoked: its user was deleted"
            )));
        }
        user.uid = account.user.map(|present| present.uid);
        Ok(user)
    }

    fn find(&self, name: &str) -> Result<Option<(Account, Revision)>, ApiError> {
        let key = key(name);
        let found = self.store.get(&key)?;
        found.map(|Versioned { value, revision }| Ok((decode(&key, &value)?, revision))).transpose()
    }

    /// Changes a user's record, and what the transaction adds to it, computed again as long as somebody else is faster.
    fn change<T>(
        &self,
        name: &str,
        change: impl Fn(&mut Account) -> Result<(Txn, T), ApiError>,
    ) -> Result<(Account, Revision, T), ApiError> {
        let key = key(name);
        for _ in 0..ATTEMPTS {
            let found = self.find(name)?;
            let at = found.as_ref().map(|(_, revision)| *revision);
            let none = || Account { schema: SCHEMA, name: name.to_owned(), user: None, revoked: None };
            let mut account = found.map_or_else(none, |(account, _)| account);
            let (txn, result) = change(&mut account)?;
            let txn = match at {
                Some(revision) => txn.at(&key, revision),
                None => txn.absent(&key),
            };
            match self.store.commit(txn.put(&key, encode(&account))) {
                Ok(revision) => return Ok((account, revision, result)),
                Err(StoreError::Conflict { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(ApiError::new(Reason::Conflict, format!("others change user {name:?} all the time: try again")))
    }
}

/// Whether it is still this very user: another one of its name may be of other groups.
fn is_same(user: &Present, uid: Option<&str>) -> bool {
    uid.is_none_or(|uid| uid == user.uid)
}

/// Notes a credential, and forgets those that are over: their tokens go with the transaction.
fn add(user: &mut Present, credential: Credential, now: Timestamp) -> Result<Txn, ApiError> {
    let over = |credential: &Credential| credential.expires.is_some_and(|expires| expires <= now);
    let (gone, kept): (Vec<_>, Vec<_>) = user.credentials.drain(..).partition(over);
    user.credentials = kept;
    if user.credentials.len() >= MOST_CREDENTIALS {
        let message = format!(
            "the user has {MOST_CREDENTIALS} credentials that are not over, which is the most: delete the user and create it again"
        );
        return Err(ApiError::new(Reason::Forbidden, message));
    }
    user.credentials.push(credential);
    Ok(without_tokens(&gone))
}

fn without_tokens(credentials: &[Credential]) -> Txn {
    let tokens = credentials.iter().filter(|credential| credential.kind == CredentialKind::Token);
    tokens.fold(Txn::new(), |txn, token| txn.delete(format!("{TOKENS}{}", token.id)))
}

fn check_names(name: &str, groups: &[String]) -> Result<(), ApiError> {
    let wrong = |message: String| Err(ApiError::new(Reason::Invalid, message));
    let letters = |text: &str, others: &[char]| {
        (1..=LONGEST).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(&c))
    };
    if !letters(name, &['-', '.', '_', '@', '+', ':']) || matches!(name, "." | "..") {
        return wrong(format!(
            "{name:?} cannot be a user's name: write 1 to {LONGEST} letters, digits and - . _ @ + :, as ana or ana@example.com"
        ));
    }
    if name.starts_with("system:") {
        return wrong(format!(
            "{name:?} cannot be a user's name: those that begin with system: are Madang's own"
        ));
    }
    if groups.len() > MOST_GROUPS {
        return wrong(format!("a user is in {MOST_GROUPS} groups at most"));
    }
    for group in groups {
        if !letters(group, &['-', '.', '_', '@', '+', ':', '/']) {
            return wrong(format!(
                "{group:?} cannot be a group's name: write 1 to {LONGEST} letters, digits and - . _ @ + : /, as dev"
            ));
        }
        if group.starts_with("system:") && group != MASTERS {
            return wrong(format!(
                "nobody can be put into {group:?}: of the groups of the system only {MASTERS} can be given"
            ));
        }
    }
    Ok(())
}

fn object(account: &Account, revision: Revision) -> Option<UserObject> {
    let present = account.user.as_ref()?;
    Some(UserObject {
        api_version: API_VERSION.to_owned(),
        kind: "User".to_owned(),
        metadata: UserMetadata {
            name: account.name.clone(),
            uid: Some(present.uid.clone()),
            creation_timestamp: Some(present.created.to_string()),
            resource_version: Some(revision.to_string()),
        },
        spec: UserSpec { groups: present.groups.clone() },
        status: UserStatus { credentials: present.credentials.iter().map(shown).collect() },
    })
}

fn shown(credential: &Credential) -> UserCredential {
    UserCredential {
        id: credential.id.clone(),
        r#type: credential.kind,
        creation_timestamp: credential.created.to_string(),
        expiration_timestamp: credential.expires.map(|expires| expires.to_string()),
    }
}

fn key(name: &str) -> String {
    format!("{USERS}{name}")
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("what is kept has a JSON text")
}

fn decode<T: serde::de::DeserializeOwned>(key: &str, value: &[u8]) -> Result<T, ApiError> {
    let schema: Schema = serde_json::from_slice(value).unwrap_or(Schema { schema: 0 });
    if schema.schema > SCHEMA {
        let message = format!(
            "what is stored at {key} has the schema {}, and this build of Madang knows schemas up to {SCHEMA}: start the newer one that wrote it",
            schema.schema
        );
        return Err(ApiError::internal(message));
    }
    serde_json::from_slice(value)
        .map_err(|error| ApiError::internal(format!("what is stored at {key} cannot be read: {error}")))
}

#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

fn after(now: Timestamp, life: Duration) -> Timestamp {
    let life = SignedDuration::try_from(life).unwrap_or(SignedDuration::MAX);
    seconds(now.saturating_add(life).unwrap_or(Timestamp::MAX))
}

fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn not_found(name: &str) -> ApiError {
    ApiError::new(Reason::NotFound, format!("there is no user {name:?}"))
}

pub(super) fn unauthorized(message: impl Into<String>) -> ApiError {
    ApiError::new(Reason::Unauthorized, message)
}

fn internal(error: impl std::error::Error) -> ApiError {
    ApiError::internal(error.to_string())
}

#[cfg(test)]
mod tests;
