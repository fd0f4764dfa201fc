use std::net::SocketAddr;

use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use madang_access::{AUTHENTICATED, MASTERS};
use madang_store::Memory;
use serde_json::{Value, json};

use super::*;
use crate::Bundle;

/// A store, its resources, and who may do what with them.
struct World {
    registry: Registry,
    access: Access,
}

impl World {
    fn new() -> Self {
        Self::with(AccessLimits::default())
    }

    fn with(limits: AccessLimits) -> Self {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let registry = Registry::new(Arc::clone(&store));
        let access = Access::new(registry.clone(), store, limits);
        access.bootstrap().unwrap();
        Self { registry, access }
    }

    fn create(&self, value: Value) {
        if let Some(project) = value["metadata"]["namespace"].as_str() {
            let project = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": project } });
            // It may be there.
            let _ = self.registry.create(madang_model::from_json(project).unwrap());
        }
        self.registry.create(madang_model::from_json(value).unwrap()).unwrap();
    }

    /// A user with a token, and the headers that it sends.
    fn user(&self, name: &str, groups: &[&str]) -> HeaderMap {
        let groups: Vec<_> = groups.iter().map(|group| (*group).to_owned()).collect();
        self.access.users.create(name, &groups, Timestamp::now()).unwrap();
        let token = self.access.users.add_token(name, None, None, Timestamp::now()).unwrap().token.unwrap();
        HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
    }

    fn admit(&self, headers: &HeaderMap, asked: &Attributes) -> Result<Caller, ApiError> {
        self.access.admit(&tls(), headers, asked)
    }
}

fn tls() -> Peer {
    let address: SocketAddr = "192.0.2.1:4000".parse().unwrap();
    Peer::Tls { address, certificate: None }
}

fn list(namespace: &str) -> Attributes {
    Attributes::resource("list", "madang.dev", "vpcs").in_namespace(namespace)
}

fn binding(namespace: &str, name: &str, role: &str, user: &str) -> Value {
    let (kind, metadata) = match namespace {
        "" => ("ClusterRoleBinding", json!({ "name": name })),
        namespace => ("RoleBinding", json!({ "name": name, "namespace": namespace })),
    };
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata,
        "subjects": [{ "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user }],
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
    })
}

fn vpc(namespace: &str, name: &str) -> Value {
    let metadata = json!({ "name": name, "namespace": namespace });
    let spec = json!({ "cidrs": ["10.0.0.0/16"] });
    json!({ "apiVersion": "madang.dev/v1alpha1", "kind": "Vpc", "metadata": metadata, "spec": spec })
}

#[test]
fn what_is_written_counts_in_the_next_request() {
    let world = World::new();
    let ana = world.user("ana", &["dev"]);
    let refused = world.admit(&ana, &list("shop")).unwrap_err();
    assert_eq!((refused.code(), refused.is(Reason::Forbidden)), (403, true));
    assert_eq!(
        refused.message,
        r#"vpcs.madang.dev is forbidden: User "ana" cannot list resource "vpcs" in API group "madang.dev" in the namespace "shop""#
    );
    world.create(vpc("shop", "other"));
    world.create(binding("shop", "look", "view", "ana"));
    let caller = world.admit(&ana, &list("shop")).unwrap();
    assert_eq!((caller.user.name.as_str(), caller.user.groups.join(" ")), ("ana", "dev".to_owned()));
    assert!(world.admit(&ana, &list("default")).is_err(), "in this project alone");
    let object = ObjectRef {
        kind: madang_model::Kind::RoleBinding,
        namespace: "shop".to_owned(),
        name: "look".to_owned(),
    };
    world.registry.delete(&object).unwrap();
    assert!(world.admit(&ana, &list("shop")).is_err());
}

#[test]
fn the_policy_is_kept_as_long_as_no_right_changes() {
    let world = World::new();
    let policy = || world.access.authorizer.policy().unwrap();
    let first = policy();
    world.create(vpc("default", "shop"));
    assert!(Arc::ptr_eq(&first, &policy()), "a VPC is no right");
    world.create(binding("shop", "look", "view", "ana"));
    let second = policy();
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(Arc::ptr_eq(&second, &policy()));
}

#[test]
fn a_policy_whose_events_are_forgotten_is_made_anew() {
    let store = Arc::new(Memory::with_kept_events(3));
    let registry = Registry::new(Arc::clone(&store) as Arc<dyn Store>);
    let access = Access::new(registry.clone(), store, AccessLimits::default());
    access.bootstrap().unwrap();
    let world = World { registry, access };
    let ana = world.user("ana", &[]);
    assert!(world.admit(&ana, &list("shop")).is_err());
    world.create(binding("shop", "look", "view", "ana"));
    for n in 0..20 {
        world.create(vpc("default", &format!("vpc-{n}")));
    }
    assert!(world.admit(&ana, &list("shop")).is_ok());
}

#[test]
fn nobody_can_see_that_it_lives_and_nothing_else() {
    let world = World::new();
    let nobody = HeaderMap::new();
    let caller = world.admit(&nobody, &Attributes::path("get", "/healthz")).unwrap();
    assert!(caller.user.is_anonymous());
    for asked in [list("default"), Attributes::path("get", "/apis"), Attributes::path("post", "/shutdown")] {
        let refused = world.admit(&nobody, &asked).unwrap_err();
        assert_eq!(refused.code(), 401, "{refused}");
    }
    let wrong = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer madang_1_2"))]);
    let refused = world.admit(&wrong, &Attributes::path("get", "/healthz")).unwrap_err();
    assert_eq!(refused.code(), 401, "a wrong token is not no token");
}

#[test]
fn the_socket_may_do_everything_and_is_not_counted() {
    let rate = Rate { per_second: 1, burst: 1 };
    let world = World::with(AccessLimits { rate, watches_each: 0, watches: 0, ..AccessLimits::default() });
    let socket = Peer::Socket { uid: Some(0), gid: Some(0), pid: None };
    for _ in 0..5 {
        let caller =
            world.access.admit(&socket, &HeaderMap::new(), &Attributes::path("post", "/shutdown")).unwrap();
        assert_eq!(caller, Caller::of_socket());
        assert!(world.access.watching(&caller).is_ok());
    }
}

#[test]
fn a_user_who_asks_too_often_is_told_when_to_come_again() {
    let rate = Rate { per_second: 1, burst: 2 };
    let world = World::with(AccessLimits { rate, watches_each: 1, watches: 1, ..AccessLimits::default() });
    let (ana, root) = (world.user("ana", &[]), world.user("root", &[MASTERS]));
    let health = Attributes::path("get", "/healthz");
    for _ in 0..2 {
        world.admit(&ana, &health).unwrap();
    }
    let refused = world.admit(&ana, &health).unwrap_err();
    assert_eq!((refused.code(), refused.retry_after), (429, Some(1)), "{refused}");
    let sent = serde_json::to_value(&refused).unwrap();
    assert_eq!(
        (&sent["reason"], &sent["details"]["retryAfterSeconds"]),
        (&json!("TooManyRequests"), &json!(1))
    );
    assert_eq!(serde_json::from_value::<ApiError>(sent).unwrap(), refused);
    let caller = world.admit(&root, &health).unwrap();
    let _watch = world.access.watching(&caller).unwrap();
    assert_eq!(world.access.watching(&caller).unwrap_err().code(), 429);
    // Who guesses is slowed down by where it comes from.
    let wrong = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer madang_1_2"))]);
    let codes: Vec<_> = (0..3).map(|_| world.admit(&wrong, &health).unwrap_err().code()).collect();
    assert_eq!(codes, [401, 401, 429]);
}

#[test]
fn who_may_act_as_another_is_that_other() {
    let world = World::new();
    world.create(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "support" },
        "rules": [
            { "verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["ana"] },
            { "verbs": ["impersonate"], "apiGroups": [""], "resources": ["groups"], "resourceNames": ["dev"] },
        ],
    }));
    world.create(binding("", "support", "support", "ben"));
    world.create(binding("shop", "look", "view", "ana"));
    let ben = world.user("ben", &[]);
    let act = |pairs: &[(&'static str, &str)]| {
        let mut headers = ben.clone();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        world.admit(&headers, &list("shop"))
    };
    assert!(act(&[]).is_err());
    let caller = act(&[("impersonate-user", "ana"), ("impersonate-group", "dev")]).unwrap();
    assert_eq!((caller.user.name.as_str(), caller.impersonated_by.as_deref()), ("ana", Some("ben")));
    assert!(caller.user.all_groups().contains(&AUTHENTICATED));
    let refused = act(&[("impersonate-user", "root")]).unwrap_err();
    assert!(refused.message.contains(r#"User "ben" cannot impersonate resource "users""#), "{refused}");
    let refused = act(&[("impersonate-user", "ana"), ("impersonate-group", MASTERS)]).unwrap_err();
    assert!(refused.message.starts_with(r#"groups "system:masters" is forbidden"#), "{refused}");
}

#[test]
fn a_bundle_is_as_much_as_each_of_its_parts() {
    let world = World::new();
    world.create(binding("shop", "edit", "edit", "ana"));
    world.create(vpc("shop", "old"));
    let ana = User::new("ana", [] as [&str; 0]);
    let may = |bundle: Bundle| {
        let may = |object: &_, before: Option<&_>, after: Option<&_>| {
            world.access.may_apply(&ana, object, before, after)
        };
        let applied = world.registry.apply_if(Bundle { dry_run: true, ..bundle }, may);
        applied.map(drop).map_err(|error| error.message)
    };
    let items = |items: Vec<Value>| Bundle { items, ..Bundle::default() };
    assert_eq!(may(items(vec![vpc("shop", "new"), vpc("shop", "old")])), Ok(()));
    let refused = may(items(vec![vpc("shop", "new"), vpc("other", "new")])).unwrap_err();
    assert!(refused.contains("cannot create") && refused.contains("\"other\""), "{refused}");
    let refused = may(items(vec![binding("shop", "mine", "cluster-admin", "ana")])).unwrap_err();
    assert!(refused.contains("cannot create resource \"rolebindings\""), "{refused}");
    let object = |namespace: &str| ObjectRef {
        kind: madang_model::Kind::Vpc,
        namespace: namespace.to_owned(),
        name: "old".to_owned(),
    };
    assert_eq!(may(Bundle { delete: vec![object("shop")], ..Bundle::default() }), Ok(()));
    assert!(may(Bundle { delete: vec![object("other")], ..Bundle::default() }).is_err());
    // Another name is a new resource, and the end of the old one.
    world.create(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": { "name": "creator", "namespace": "shop" },
        "rules": [{ "verbs": ["create"], "apiGroups": ["madang.dev"], "resources": ["vpcs"] }],
    }));
    let mut creator = binding("shop", "create", "creator", "eve");
    creator["roleRef"]["kind"] = "Role".into();
    world.create(creator);
    let eve = User::new("eve", [] as [&str; 0]);
    let mut renamed = vpc("shop", "new");
    renamed["metadata"]["annotations"] = json!({ "madang.dev/renamed-from": "old" });
    let renames = Bundle { dry_run: true, ..items(vec![renamed]) };
    assert_eq!(may(renames.clone()), Ok(()));
    let refused =
        world.registry.apply_if(renames, |o, b, a| world.access.may_apply(&eve, o, b, a)).unwrap_err();
    assert!(refused.message.contains("cannot delete"), "{refused}");
    let mut applied = vpc("other", "applied");
    applied["metadata"]["annotations"] = json!({ "madang.dev/source-file": "/a.yaml" });
    world.create(applied.clone());
    let prune = |items| Bundle { items, prune_files: vec!["/a.yaml".to_owned()], ..Bundle::default() };
    assert!(may(prune(vec![])).unwrap_err().contains("cannot delete"), "what is pruned is deleted");
}

#[test]
fn nobody_gives_what_they_do_not_have() {
    let world = World::new();
    world.create(binding("shop", "admin", "admin", "ana"));
    let ana = User::new("ana", [] as [&str; 0]);
    let may = |value: Value| {
        let resource = madang_model::from_json(value).unwrap();
        world.access.may_write(&ana, &resource, None)
    };
    assert_eq!(may(binding("shop", "b", "edit", "eve")), Ok(()));
    let refused = may(binding("shop", "b", "cluster-admin", "eve")).unwrap_err();
    assert!(refused.is(Reason::Forbidden));
    assert!(
        refused.message.starts_with("RoleBinding/shop/b is forbidden: user \"ana\" would give"),
        "{refused}"
    );
    assert!(may(binding("", "b", "view", "eve")).is_err());
}

#[test]
fn users_are_made_by_who_may_be_them() {
    let world = World::new();
    world.create(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "hr" },
        "rules": [
            { "verbs": ["*"], "apiGroups": ["madang.dev"], "resources": ["users", "users/token"] },
            { "verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"] },
            { "verbs": ["impersonate"], "apiGroups": [""], "resources": ["groups"], "resourceNames": ["dev"] },
        ],
    }));
    world.create(binding("", "hr", "hr", "ben"));
    let caller = |name: &str, groups: &[&str]| Caller {
        user: User::new(name, groups.to_vec()),
        impersonated_by: None,
        unlimited: false,
    };
    let ask = |caller: &Caller, method: Method, path: &str, body: Value| {
        let route = OwnRoute::of(&format!("/apis/madang.dev/v1alpha1/users{path}")).unwrap();
        world.access.answer(caller, &method, &route, &body).map(|(code, body)| (code.as_u16(), body))
    };
    let user =
        |name: &str, group: &str| json!({ "metadata": { "name": name }, "spec": { "groups": [group] } });
    let ben = caller("ben", &[]);
    let (code, created) = ask(&ben, Method::POST, "", user("ana", "dev")).unwrap();
    assert_eq!((code, &created["kind"], &created["spec"]["groups"]), (201, &json!("User"), &json!(["dev"])));
    let refused = ask(&ben, Method::POST, "", user("eve", MASTERS)).unwrap_err();
    assert_eq!(refused.code(), 403, "{refused}");
    let root = caller("root", &[MASTERS]);
    ask(&root, Method::POST, "", user("boss", MASTERS)).unwrap();
    let refused = ask(&ben, Method::POST, "/boss/token", Value::Null).unwrap_err();
    assert_eq!(refused.code(), 403, "a token is its user: {refused}");
    let (code, given) =
        ask(&ben, Method::POST, "/ana/token", json!({ "spec": { "expirationSeconds": 60 } })).unwrap();
    assert_eq!(
        (code, &given["kind"], &given["status"]["type"]),
        (201, &json!("UserCredential"), &json!("token"))
    );
    assert!(given["status"]["token"].as_str().unwrap().starts_with("madang_"));
    let refused = ask(&root, Method::POST, "/ana/certificate", Value::Null).unwrap_err();
    assert!(refused.message.contains("--listen"), "{refused}");
    for wrong in
        [json!({ "spec": { "expirationSeconds": 0 } }), json!({ "spec": { "expires": 1 } }), json!([])]
    {
        assert!(matches!(ask(&ben, Method::POST, "/ana/token", wrong).unwrap_err().code(), 400 | 422));
    }
    let (_, all) = ask(&ben, Method::GET, "", Value::Null).unwrap();
    let names: Vec<_> =
        all["items"].as_array().unwrap().iter().map(|user| &user["metadata"]["name"]).collect();
    assert_eq!(names, ["ana", "boss"]);
    assert!(!all.to_string().contains("madang_"));
    assert_eq!(ask(&ben, Method::DELETE, "/ana", Value::Null).unwrap().1["status"], "Success");
    assert_eq!(ask(&ben, Method::GET, "/ana", Value::Null).unwrap_err().code(), 404);
    assert_eq!(ask(&ben, Method::PUT, "/ana", Value::Null).unwrap_err().code(), 405);
    assert_eq!(
        ask(&ben, Method::POST, "", json!({ "kind": "Vpc", "metadata": { "name": "x" } }))
            .unwrap_err()
            .code(),
        400
    );
}

#[test]
fn the_defaults_are_made_once_and_completed() {
    let world = World::new();
    let kind = madang_model::Kind::ClusterRole;
    let before = world.registry.list(kind).unwrap();
    assert!(before.items.iter().any(|role| role.metadata().name == "view"));
    assert!(
        before.items.iter().all(|role| role.metadata().labels["madang.dev/bootstrapping"] == "rbac-defaults")
    );
    world.access.bootstrap().unwrap();
    assert_eq!(world.registry.list(kind).unwrap(), before, "the second time changes nothing");
    let mut view = before.items.iter().find(|role| role.metadata().name == "view").unwrap().clone();
    if let Resource::ClusterRole(role) = &mut view {
        role.spec.rules.clear();
    }
    world.registry.update(view).unwrap();
    world.access.bootstrap().unwrap();
    let after = world.registry.list(kind).unwrap();
    assert!(after.items.iter().zip(&before.items).all(|(after, before)| after.same_spec(before)));
}

#[test]
fn requests_have_names_of_their_own() {
    let world = World::new();
    let ids: Vec<_> = (0..3).map(|_| world.access.request_id()).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
}
