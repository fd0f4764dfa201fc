//! From what a connection and a request say to a user.

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue};
use jiff::Timestamp;
use madang_access::{MASTERS, User};

use super::Peer;
use super::users::{Users, unauthorized};
use crate::{ApiError, Reason};

/// The name of whoever comes over the Unix socket.
const SOCKET: &str = "system:root";
const IMPERSONATE_USER: &str = "impersonate-user";
const IMPERSONATE_GROUP: &str = "impersonate-group";
/// What all headers of impersonation begin with.
const IMPERSONATE: &str = "impersonate-";

/// Who comes over the Unix socket.
pub(super) fn of_socket() -> User {
    User::new(SOCKET, [MASTERS])
}

/// Who asks: by the socket, else by the client's certificate, else by the token; nobody, if there is none of them.
pub(super) fn identify(
    users: &Users,
    peer: &Peer,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<User, ApiError> {
    match peer {
        Peer::Socket { .. } => Ok(of_socket()),
        Peer::Tls { certificate: Some(certificate), .. } => users.of_certificate(certificate, now),
        Peer::Tls { certificate: None, .. } => match bearer(headers)? {
            Some(token) => users.of_token(token, now),
            None => Ok(User::anonymous()),
        },
    }
}

/// The token of a request (RFC 6750, section 2.1), if it has one.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let Some(first) = sent.next() else { return Ok(None) };
    let text = if sent.next().is_some() { None } else { first.to_str().ok() };
    let token = text.and_then(|text| {
        let (scheme, token) = text.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    token.map(Some).ok_or_else(|| {
        unauthorized(
            "the request's Authorization is not understood: send one, as `Authorization: Bearer TOKEN`",
        )
    })
}

/// As whom the request wants to be seen (Kubernetes' impersonation headers), if as another.
pub(super) fn impersonated(headers: &HeaderMap) -> Result<Option<User>, ApiError> {
    if !headers.keys().any(|name| name.as_str().starts_with(IMPERSONATE)) {
        return Ok(None);
    }
    let unknown =
        |name: &str| name.starts_with(IMPERSONATE) && ![IMPERSONATE_USER, IMPERSONATE_GROUP].contains(&name);
    if let Some(name) = headers.keys().find(|name| unknown(name.as_str())) {
        let message =
            format!("the header {name} is not known here: only Impersonate-User and Impersonate-Group are");
        return Err(ApiError::bad_request(message));
    }
    let texts = |name: &str| -> Result<Vec<&str>, ApiError> {
        let texts: Option<Vec<_>> = headers.get_all(name).iter().map(text).collect();
        texts.ok_or_else(|| ApiError::bad_request(format!("the header {name} is no name")))
    };
    match texts(IMPERSONATE_USER)?.as_slice() {
        [name] => Ok(Some(User::new(*name, texts(IMPERSONATE_GROUP)?))),
        _ => Err(ApiError::new(Reason::BadRequest, "impersonation needs one Impersonate-User")),
    }
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderName;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        let mut map = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn one_bearer_token_or_none() {
        let of =
            |pairs: &[(&'static str, &str)]| bearer(&headers(pairs)).map(|token| token.map(str::to_owned));
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(of(&[("authorization", "Bearer abc")]).unwrap().unwrap(), "abc");
        assert_eq!(of(&[("authorization", "bearer  abc ")]).unwrap().unwrap(), "abc");
        for wrong in ["Basic abc", "Bearer", "abc"] {
            let refused = of(&[("authorization", wrong)]).unwrap_err();
            assert!(refused.is(Reason::Unauthorized) && !refused.message.contains("abc"), "{refused}");
        }
        assert!(of(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]).is_err());
    }

    #[test]
    fn somebody_is_seen_as_another_only_as_is_understood() {
        let of = |pairs: &[(&'static str, &str)]| impersonated(&headers(pairs));
        assert_eq!(of(&[("accept", "x")]).unwrap(), None);
        let ana = of(&[("impersonate-user", "ana"), ("impersonate-group", "a"), ("impersonate-group", "b")]);
        assert_eq!(ana.unwrap(), Some(User::new("ana", ["a", "b"])));
        for wrong in [
            &[("impersonate-group", "a")][..],
            &[("impersonate-user", "")],
            &[("impersonate-user", "a"), ("impersonate-user", "b")],
            &[("impersonate-user", "a"), ("impersonate-uid", "1")],
            &[("impersonate-user", "a"), ("impersonate-extra-scopes", "1")],
        ] {
            assert!(of(wrong).unwrap_err().is(Reason::BadRequest), "{wrong:?}");
        }
    }
}
