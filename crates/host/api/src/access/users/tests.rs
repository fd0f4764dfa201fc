use std::sync::Arc;

use madang_store::Memory;

use super::*;

fn now() -> Timestamp {
    "2026-01-02T03:04:05.6Z".parse().unwrap()
}

fn later(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

const HOUR: Duration = Duration::from_secs(3600);

fn users() -> (Arc<Memory>, Users) {
    let store = Arc::new(Memory::new());
    (Arc::clone(&store), Users::new(store))
}

fn dev() -> Vec<String> {
    vec!["dev".to_owned()]
}

fn refused(result: Result<User, ApiError>) -> String {
    let error = result.unwrap_err();
    assert!(error.is(Reason::Unauthorized), "{error}");
    error.message
}

/// A certificate as rustls hands it over.
fn certificate(issued: &IssuedCredential, groups: &[String], from: Timestamp) -> Certificate {
    use base64::Engine;
    let pem = issued.certificate.as_ref().unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    let read = Certificate::read(&der).unwrap();
    assert_eq!((&read.user, read.groups.as_slice()), (&issued.user, groups));
    assert_eq!(read.from, seconds(from));
    read
}

#[test]
fn a_token_is_good_until_it_is_over_or_its_user_is_deleted() {
    let (store, users) = users();
    let created =
        users.create("ana@example.com", &["ops".to_owned(), "dev".to_owned(), "ops".to_owned()], now());
    assert_eq!(created.unwrap().spec.groups, ["dev", "ops"]);
    let forever = users.add_token("ana@example.com", None, None, now()).unwrap();
    let short = users.add_token("ana@example.com", None, Some(HOUR), now()).unwrap();
    assert_eq!(short.credential.expiration_timestamp.as_deref(), Some("2026-01-02T04:04:05Z"));
    let (forever, short) = (forever.token.unwrap(), short.token.unwrap());
    let ana = users.of_token(&forever, later(100_000)).unwrap();
    assert_eq!((ana.name.as_str(), ana.groups.join(" ")), ("ana@example.com", "dev ops".to_owned()));
    assert_eq!(ana.uid, users.get("ana@example.com").unwrap().metadata.uid);
    assert!(users.of_token(&short, now()).is_ok());
    let over = refused(users.of_token(&short, later(1)));
    let other =
        Token::parse(&short).map(|token| format!("madang_{}_{}", token.id(), "0".repeat(64))).unwrap();
    assert_eq!(refused(users.of_token(&other, now())), over, "a wrong secret is told as an old token is");
    assert_eq!(refused(users.of_token("nonsense", now())), over);

    users.delete("ana@example.com", now()).unwrap();
    refused(users.of_token(&forever, now()));
    users.create("ana@example.com", &dev(), now()).unwrap();
    refused(users.of_token(&forever, now()));
    assert_eq!(store.range(TOKENS, 10, None).unwrap().items.len(), 0, "nothing of them is left");
}

#[test]
fn nothing_in_the_store_is_a_secret() {
    let (store, users) = users();
    users.create("ana", &dev(), now()).unwrap();
    let token = users.add_token("ana", None, None, now()).unwrap().token.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::open(&dir.path().join("tls"), now()).unwrap();
    let issued = users.add_certificate("ana", None, &authority, HOUR, now()).unwrap();
    let key: String = issued.key.clone().unwrap().lines().nth(1).unwrap().to_owned();
    let secret = token.rsplit('_').next().unwrap();
    let all = store.range("", usize::MAX, None).unwrap().items;
    assert!(!all.is_empty());
    for item in all {
        let text = String::from_utf8_lossy(&item.value).into_owned();
        assert!(!text.contains(secret) && !text.contains(&key), "{}: {text}", item.key);
        assert!(item.key.starts_with("/access/"), "{}", item.key);
    }
    let shown = format!("{issued:?}") + &serde_json::to_string(&users.list().unwrap()).unwrap();
    assert!(!shown.contains(secret) && !shown.contains(&key), "{shown}");
}

#[test]
fn a_certificate_is_good_until_its_user_is_deleted() {
    let (_, users) = users();
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::open(&dir.path().join("tls"), now()).unwrap();
    let made = |life: Duration, at| {
        certificate(&users.add_certificate("ana", None, &authority, life, at).unwrap(), &dev(), at)
    };
    assert!(users.add_certificate("ana", None, &authority, HOUR, now()).unwrap_err().is(Reason::NotFound));
    users.create("ana", &dev(), now()).unwrap();
    let first = made(100 * HOUR, now());
    let ana = users.of_certificate(&first, now()).unwrap();
    assert_eq!((ana.name.as_str(), &ana.groups), ("ana", &dev()));
    assert!(refused(users.of_certificate(&first, later(100))).contains("is over since"));

    users.delete("ana", later(1)).unwrap();
    assert!(refused(users.of_certificate(&first, later(2))).contains("revoked"));
    // One that somebody signed with the CA's key by hand later is another matter.
    let mut by_hand = first.clone();
    (by_hand.from, by_hand.serial) = (later(2), "7".to_owned());
    assert!(users.of_certificate(&by_hand, later(3)).is_ok());

    users.create("ana", &dev(), later(1)).unwrap();
    let second = made(100 * HOUR, later(1));
    assert!(users.of_certificate(&second, later(1)).is_ok(), "made in the second of the deletion");
    refused(users.of_certificate(&first, later(1)));
    let mut stranger = first;
    stranger.user = "ben".to_owned();
    assert_eq!(users.of_certificate(&stranger, now()).unwrap().uid, None);
}

#[test]
fn users_are_listed_with_their_credentials_and_old_ones_go() {
    let (store, users) = users();
    for name in ["ben", "ana"] {
        users.create(name, &dev(), now()).unwrap();
    }
    users.add_token("ana", None, Some(HOUR), now()).unwrap();
    users.add_token("ana", None, None, now()).unwrap();
    users.add_token("ana", None, None, later(2)).unwrap();
    users.delete("ben", now()).unwrap();
    let list = users.list().unwrap();
    let [ana] = list.items.as_slice() else { panic!("{list:?}") };
    assert_eq!(ana.metadata.name, "ana");
    assert_eq!(ana.status.credentials.len(), 2, "the one that was over is forgotten");
    assert_eq!(store.range(TOKENS, 10, None).unwrap().items.len(), 2);
    let twice = users.create("ana", &[], now()).unwrap_err();
    assert!(twice.is(Reason::AlreadyExists), "{twice}");
    for missing in [users.get("ben"), users.delete("ben", now())] {
        assert!(missing.unwrap_err().is(Reason::NotFound));
    }
}

#[test]
fn a_user_has_so_many_credentials_and_no_more() {
    let (_, users) = users();
    users.create("ana", &dev(), now()).unwrap();
    for _ in 0..MOST_CREDENTIALS {
        users.add_token("ana", None, Some(HOUR), now()).unwrap();
    }
    let more = users.add_token("ana", None, None, now()).unwrap_err();
    assert!(more.message.contains("the most"), "{more}");
    users.add_token("ana", None, None, later(1)).unwrap();
}

#[test]
fn names_that_would_mean_something_else_are_refused() {
    let (_, users) = users();
    let long = "a".repeat(65);
    for name in ["", ".", "..", "a/b", "a b", "a%2f", "a\"", "system:root", "ä", long.as_str()] {
        let error = users.create(name, &[], now()).unwrap_err();
        assert!(error.is(Reason::Invalid), "{name}: {error}");
    }
    for group in ["", "a b", "system:authenticated", "system:unauthenticated", long.as_str()] {
        let error = users.create("ana", &[group.to_owned()], now()).unwrap_err();
        assert!(error.is(Reason::Invalid), "{group}: {error}");
    }
    users.create("ana", &[MASTERS.to_owned()], now()).unwrap();
}

#[test]
fn what_a_newer_build_wrote_is_not_guessed() {
    let (store, users) = users();
    store.commit(Txn::new().put(key("ana"), br#"{"schema":2,"other":true}"#.to_vec())).unwrap();
    let error = users.get("ana").unwrap_err();
    assert!(error.is(Reason::InternalError) && error.message.contains("start the newer one"), "{error}");
    store.commit(Txn::new().put(key("ana"), b"nonsense".to_vec())).unwrap();
    assert!(users.create("ana", &[], now()).unwrap_err().is(Reason::InternalError), "nor is it overwritten");
}

#[test]
fn two_at_once_lose_nothing() {
    let (_, users) = users();
    users.create("ana", &dev(), now()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| users.add_token("ana", None, None, now()).unwrap());
        }
    });
    assert_eq!(users.get("ana").unwrap().status.credentials.len(), 8);
}
