//! What is answered here: users and their credentials, and questions about oneself.

use std::time::Duration;

use hyper::{Method, StatusCode};
use jiff::Timestamp;
use madang_access::{ReviewError, access_review, path_parts, rules_review, self_review};
use madang_model::API_VERSION;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    Access, CERTIFICATE_LIFE, CREDENTIAL_KIND, Caller, CredentialKind, CredentialRequest, UserObject,
};
use crate::{ApiError, Reason};

/// A path that is answered here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnRoute {
    /// All users.
    Users,
    /// One of them.
    User(String),
    /// Where a user is given a credential.
    Credential(String, CredentialKind),
    /// A question about oneself.
    Review(Review),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Review {
    Myself,
    MayI,
    WhatMayI,
}

impl OwnRoute {
    /// What this path names, if it is answered here.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let parts = path_parts(path).ok()?;
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        match parts.as_slice() {
            ["apis", "madang.dev", "v1alpha1", "users"] => Some(Self::Users),
            ["apis", "madang.dev", "v1alpha1", "users", name] => Some(Self::User((*name).to_owned())),
            ["apis", "madang.dev", "v1alpha1", "users", name, part] => {
                let kinds = [CredentialKind::Certificate, CredentialKind::Token];
                let kind = kinds.into_iter().find(|kind| kind.name() == *part)?;
                Some(Self::Credential((*name).to_owned(), kind))
            }
            ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] => {
                Some(Self::Review(Review::MayI))
            }
            ["apis", "authorization.k8s.io", "v1", "selfsubjectrulesreviews"] => {
                Some(Self::Review(Review::WhatMayI))
            }
            ["apis", "authentication.k8s.io", "v1", "selfsubjectreviews"] => {
                Some(Self::Review(Review::Myself))
            }
            _ => None,
        }
    }

    fn verbs(&self) -> &'static [Method] {
        match self {
            Self::Users => &[Method::GET, Method::POST],
            Self::User(_) => &[Method::GET, Method::DELETE],
            Self::Credential(..) | Self::Review(_) => &[Method::POST],
        }
    }
}

impl Access {
    /// Answers a request that is answered here. Blocks for the disk.
    pub(crate) fn answer(
        &self,
        caller: &Caller,
        method: &Method,
        route: &OwnRoute,
        body: &Value,
    ) -> Result<(StatusCode, Value), ApiError> {
        let verbs = route.verbs();
        if !verbs.contains(method) {
            let verbs: Vec<_> = verbs.iter().map(Method::as_str).collect();
            let message = format!("{method} is not possible here, only {}", verbs.join(", "));
            return Err(ApiError::new(Reason::MethodNotAllowed, message));
        }
        match route {
            OwnRoute::Users if method == Method::GET => Ok((StatusCode::OK, value(&self.users.list()?)?)),
            OwnRoute::Users => self.create_user(caller, body),
            OwnRoute::User(name) if method == Method::GET => {
                Ok((StatusCode::OK, value(&self.users.get(name)?)?))
            }
            OwnRoute::User(name) => self.delete_user(name),
            OwnRoute::Credential(name, kind) => self.give(caller, name, *kind, body),
            OwnRoute::Review(review) => self.review(caller, *review, body),
        }
    }

    /// A user can do what its groups may: who makes one must be allowed to be it.
    fn create_user(&self, caller: &Caller, body: &Value) -> Result<(StatusCode, Value), ApiError> {
        let wanted: UserObject = parsed(body)?;
        if wanted.api_version != API_VERSION || wanted.kind != "User" {
            let (kind, version) = (wanted.kind, wanted.api_version);
            return Err(ApiError::bad_request(format!("{kind} of {version} is no User of {API_VERSION}")));
        }
        self.may_be(&caller.user, &wanted.metadata.name, &wanted.spec.groups)?;
        let created = self.users.create(&wanted.metadata.name, &wanted.spec.groups, Timestamp::now())?;
        Ok((StatusCode::CREATED, value(&created)?))
    }

    fn delete_user(&self, name: &str) -> Result<(StatusCode, Value), ApiError> {
        let gone = self.users.delete(name, Timestamp::now())?;
        let details =
            json!({ "name": name, "group": crate::GROUP, "kind": "users", "uid": gone.metadata.uid });
        let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details });
        Ok((StatusCode::OK, status))
    }

    fn give(
        &self,
        caller: &Caller,
        name: &str,
        kind: CredentialKind,
        body: &Value,
    ) -> Result<(StatusCode, Value), ApiError> {
        let wanted: CredentialRequest =
            if body.is_null() { CredentialRequest::default() } else { parsed(body)? };
        let life = wanted.spec.expiration_seconds.map(Duration::from_secs);
        if life.is_some_and(|life| life.is_zero()) {
            return Err(ApiError::new(
                Reason::Invalid,
                "spec.expirationSeconds is 0: write how long it shall be valid",
            ));
        }
        let user = self.users.get(name)?;
        self.may_be(&caller.user, name, &user.spec.groups)?;
        let (now, uid) = (Timestamp::now(), user.metadata.uid.as_deref());
        let mut issued = match (kind, &self.endpoint) {
            (CredentialKind::Token, _) => self.users.add_token(name, uid, life, now)?,
            (CredentialKind::Certificate, Some(endpoint)) => self.users.add_certificate(
                name,
                uid,
                &endpoint.authority,
                life.unwrap_or(CERTIFICATE_LIFE),
                now,
            )?,
            (CredentialKind::Certificate, None) => {
                let message = "the API is not served over TLS, so that a certificate would be of no use: start the daemon with --listen ADDRESS:PORT";
                return Err(ApiError::new(Reason::ServiceUnavailable, message));
            }
        };
        if let Some(endpoint) = &self.endpoint {
            issued.certificate_authority = Some(endpoint.authority.certificate().to_owned());
            issued.server = Some(endpoint.url.clone());
        }
        let status = value(&issued)?;
        let answer = json!({
            "apiVersion": API_VERSION, "kind": CREDENTIAL_KIND, "metadata": { "name": name }, "status": status,
        });
        Ok((StatusCode::CREATED, answer))
    }

    fn review(&self, caller: &Caller, review: Review, body: &Value) -> Result<(StatusCode, Value), ApiError> {
        let refused = |error: ReviewError| ApiError::new(Reason::Invalid, error.to_string());
        let answer = match review {
            Review::Myself => self_review(&caller.user),
            Review::MayI => {
                access_review(body, &caller.user, &*self.authorizer.policy()?).map_err(refused)?
            }
            Review::WhatMayI => {
                rules_review(body, &caller.user, &*self.authorizer.policy()?).map_err(refused)?
            }
        };
        Ok((StatusCode::CREATED, answer))
    }
}

fn parsed<T: DeserializeOwned>(body: &Value) -> Result<T, ApiError> {
    if !body.is_object() {
        return Err(ApiError::bad_request("the body is no JSON object"));
    }
    serde_json::from_value(body.clone())
        .map_err(|error| ApiError::bad_request(format!("the body cannot be read: {error}")))
}

fn value(of: &impl serde::Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(of).map_err(|error| ApiError::internal(format!("the answer has no JSON: {error}")))
}
