use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A field with bytes in it.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        field.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    field.push(u8::try_from(length).unwrap());
    field.extend(content);
    field
}

fn text(number: u8, content: &str) -> Vec<u8> {
    bytes(number, content.as_bytes())
}

fn body(api_version: &str, kind: &str, object: &[u8]) -> Vec<u8> {
    let type_meta = [text(1, api_version), text(2, kind)].concat();
    [MAGIC, &bytes(1, &type_meta), &bytes(2, object), &text(3, ""), &text(4, "")].concat()
}

#[test]
fn a_question_is_read() {
    let attributes =
        [text(1, "shop"), text(2, "list"), text(3, "madang.dev"), text(5, "vpcs"), text(6, "")].concat();
    let object = [bytes(1, &[]), bytes(2, &bytes(1, &attributes)), bytes(3, &[8, 0])].concat();
    let read = decode(&body("authorization.k8s.io/v1", "SelfSubjectAccessReview", &object)).unwrap();
    assert_eq!(
        read,
        json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "metadata": {},
            "spec": { "resourceAttributes": {
                "namespace": "shop", "verb": "list", "group": "madang.dev", "resource": "vpcs",
            } },
        })
    );
}

#[test]
fn a_secret_is_read_and_is_one() {
    let entry = |key: &str, value: &[u8]| [text(1, key), bytes(2, value)].concat();
    let metadata = [
        text(1, "key"),
        text(3, "shop"),
        vec![7 << 3, 0],
        bytes(8, &[]),
        bytes(11, &entry("app", b"web")),
        bytes(11, &entry("tier", b"")),
        text(14, "example.com/a"),
    ]
    .concat();
    let object = [
        bytes(1, &metadata),
        bytes(2, &entry("tls.key", &[0, 255, 7])),
        bytes(2, &entry("tls.crt", &[])),
        text(3, "kubernetes.io/tls"),
        vec![5 << 3, 1],
    ]
    .concat();
    let read = decode(&body("v1", "Secret", &object)).unwrap();
    assert_eq!(
        read,
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "key", "namespace": "shop", "labels": { "app": "web", "tier": "" },
                "finalizers": ["example.com/a"],
            },
            "data": { "tls.key": "AP8H", "tls.crt": "" },
            "type": "kubernetes.io/tls",
            "immutable": true,
        })
    );
    madang_model::from_json(read).unwrap();
}

#[test]
fn a_role_keeps_what_is_empty_in_a_list() {
    let rule = [text(1, "get"), text(2, ""), text(3, "secrets")].concat();
    let metadata = [text(1, "look"), bytes(8, &[8, 0x80, 0xa5, 0xc7, 0xca, 0x06])].concat();
    let object = [bytes(1, &metadata), bytes(2, &rule)].concat();
    let read = decode(&body("rbac.authorization.k8s.io/v1", "ClusterRole", &object)).unwrap();
    assert_eq!(read["rules"], json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["secrets"] }]));
    assert_eq!(read["metadata"], json!({ "name": "look", "creationTimestamp": "2025-12-29T00:59:44Z" }));
    madang_model::from_json(read).unwrap();
}

#[test]
fn what_another_kind_means_is_not_guessed() {
    let refused = decode(&body("apps/v1", "Deployment", &[])).unwrap_err();
    let error = ApiError::from(refused);
    assert!(error.is(Reason::UnsupportedMediaType), "{error}");
    assert_eq!(error.message, "Deployment of apps/v1 is not read as protobuf: send JSON as application/json");
    assert_eq!(decode(b"{}").unwrap_err(), ProtobufError::Magic);
    for damaged in [
        // A length beyond the end; a varint without one; a group; a text that is none; a type that is another.
        [MAGIC, &[0x12, 0x7f, 0x00]].concat(),
        [MAGIC, &[0x80]].concat(),
        [MAGIC, &[0xff; 11]].concat(),
        [MAGIC, &[0x0b]].concat(),
        body("v1", "Secret", &bytes(3, &[0xff])),
        body("v1", "Secret", &[3 << 3, 1]),
    ] {
        let refused = ApiError::from(decode(&damaged).unwrap_err());
        assert!(refused.is(Reason::BadRequest), "{refused}");
    }
}

#[test]
fn fields_that_are_not_known_are_passed_over() {
    let strange =
        [vec![0x79, 1, 2, 3, 4, 5, 6, 7, 8], vec![0x7d, 1, 2, 3, 4], vec![0x78, 5], bytes(15, b"x")].concat();
    let object = [strange, bytes(1, &text(1, "shop"))].concat();
    let read = decode(&body("v1", "Namespace", &object)).unwrap();
    assert_eq!(read, json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }));
}

/// Bodies that kubectl 1.32 sent, and what was typed.
#[test]
fn what_kubectl_sends_is_what_was_meant() {
    let metadata = |name: &str| json!({ "name": name });
    let in_shop = |name: &str| json!({ "name": name, "namespace": "shop" });
    let rbac = "rbac.authorization.k8s.io";
    let view = json!({ "apiGroup": rbac, "kind": "ClusterRole", "name": "view" });
    for (typed, sent, meant) in [
        (
            "auth can-i list vpcs.madang.dev -n shop",
            concat!(
                "6b3873000a320a17617574686f72697a6174696f6e2e6b38732e696f2f7631121753656c665375626a65",
                "637441636365737352657669657712450a100a0012001a0022002a0032003800420012270a250a047368",
                "6f7012046c6973741a0022002a0f767063732e6d6164616e672e64657632003a001a08080012001a0020",
                "001a002200"
            ),
            json!({ "spec": { "resourceAttributes": {
 "namespace": "shop", "verb": "list", "resource": "vpcs.madang.dev",
 } }, "metadata": {} }),
        ),
        (
            "auth can-i get /version",
            concat!(
                "6b3873000a320a17617574686f72697a6174696f6e2e6b38732e696f2f7631121753656c665375626a65",
                "6374416363657373526576696577122f0a100a0012001a0022002a003200380042001211120f0a082f76",
                "657273696f6e12036765741a08080012001a0020001a002200"
            ),
            json!({ "spec": { "nonResourceAttributes": { "path": "/version", "verb": "get" } }, "metadata": {} }),
        ),
        (
            "auth can-i --list -n shop",
            concat!(
                "6b3873000a310a17617574686f72697a6174696f6e2e6b38732e696f2f7631121653656c665375626a65",
                "637452756c657352657669657712200a100a0012001a0022002a0032003800420012060a0473686f701a",
                "04180022001a002200"
            ),
            json!({ "spec": { "namespace": "shop" }, "metadata": {} }),
        ),
        (
            "auth whoami",
            concat!(
                "6b3873000a2d0a1861757468656e7469636174696f6e2e6b38732e696f2f7631121153656c665375626a",
                "656374526576696577121a0a100a0012001a0022002a0032003800420012060a040a0012001a002200"
            ),
            json!({ "metadata": {} }),
        ),
        (
            "create namespace shop",
            concat!(
                "6b3873000a0f0a02763112094e616d657370616365121c0a140a0473686f7012001a0022002a00320038",
                "00420012001a020a001a002200"
            ),
            json!({ "metadata": metadata("shop"), "spec": {} }),
        ),
        (
            "create secret generic key --from-literal=a=b -n shop",
            concat!(
                "6b3873000a0c0a027631120653656372657412230a170a036b657912001a0473686f7022002a00320038",
                "00420012060a01611201621a001a002200"
            ),
            json!({ "metadata": in_shop("key"), "data": { "a": "Yg==" } }),
        ),
        (
            "create role look --verb=get,list --resource=secrets -n shop",
            concat!(
                "6b3873000a240a1c726261632e617574686f72697a6174696f6e2e6b38732e696f2f76311204526f6c65",
                "12320a180a046c6f6f6b12001a0473686f7022002a0032003800420012160a036765740a046c69737412",
                "001a07736563726574731a002200"
            ),
            json!({ "metadata": in_shop("look"), "rules": [
 { "verbs": ["get", "list"], "apiGroups": [""], "resources": ["secrets"] },
 ] }),
        ),
        (
            "create clusterrole look --verb=get --non-resource-url=/healthz",
            concat!(
                "6b3873000a2b0a1c726261632e617574686f72697a6174696f6e2e6b38732e696f2f7631120b436c7573",
                "746572526f6c6512270a140a046c6f6f6b12001a0022002a00320038004200120f0a036765742a082f68",
                "65616c74687a1a002200"
            ),
            json!({ "metadata": metadata("look"), "rules": [{ "verbs": ["get"], "nonResourceURLs": ["/healthz"] }] }),
        ),
        (
            "create rolebinding b --clusterrole=view --user=ana --group=dev -n shop",
            concat!(
                "6b3873000a2b0a1c726261632e617574686f72697a6174696f6e2e6b38732e696f2f7631120b526f6c65",
                "42696e64696e67129c010a150a016212001a0473686f7022002a0032003800420012280a045573657212",
                "19726261632e617574686f72697a6174696f6e2e6b38732e696f1a03616e61220012290a0547726f7570",
                "1219726261632e617574686f72697a6174696f6e2e6b38732e696f1a0364657622001a2e0a1972626163",
                "2e617574686f72697a6174696f6e2e6b38732e696f120b436c7573746572526f6c651a04766965771a00",
                "2200"
            ),
            json!({ "metadata": in_shop("b"), "roleRef": view, "subjects": [
 { "kind": "User", "apiGroup": rbac, "name": "ana" },
 { "kind": "Group", "apiGroup": rbac, "name": "dev" },
 ] }),
        ),
        (
            "create clusterrolebinding b --clusterrole=view --serviceaccount=a:b",
            concat!(
                "6b3873000a320a1c726261632e617574686f72697a6174696f6e2e6b38732e696f2f76311212436c7573",
                "746572526f6c6542696e64696e67125d0a110a016212001a0022002a0032003800420012180a0e536572",
                "766963654163636f756e7412001a01622201611a2e0a19726261632e617574686f72697a6174696f6e2e",
                "6b38732e696f120b436c7573746572526f6c651a04766965771a002200"
            ),
            json!({ "metadata": metadata("b"), "roleRef": view, "subjects": [
 { "kind": "ServiceAccount", "name": "b", "namespace": "a" },
 ] }),
        ),
    ] {
        let bytes: Vec<u8> =
            (0..sent.len()).step_by(2).map(|at| u8::from_str_radix(&sent[at..at + 2], 16).unwrap()).collect();
        let mut read = decode(&bytes).unwrap();
        let object = read.as_object_mut().unwrap();
        assert!(object.remove("apiVersion").is_some() && object.remove("kind").is_some(), "{typed}");
        assert_eq!(read, meant, "{typed}");
    }
}

fn any_object() -> impl Strategy<Value = Vec<u8>> {
    let leaf = proptest::collection::vec(any::<u8>(), 0..20);
    leaf.prop_recursive(4, 64, 6, |inner| {
        let field = (1_u8..18, inner).prop_map(|(number, content)| {
            // Numbers from 16 on take two bytes of a tag, which these do not write.
            bytes(number.min(15), &content)
        });
        proptest::collection::vec(field, 0..6).prop_map(|fields| fields.concat())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_are_decoded_or_refused(content in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&content);
        let _ = decode(&[MAGIC, &content].concat());
    }

    #[test]
    fn any_object_is_decoded_or_refused_and_never_larger_than_it_was(
        object in any_object(),
        of in proptest::sample::select(vec![
            ("v1", "Namespace"), ("v1", "Secret"), ("v1", "DeleteOptions"),
            ("authorization.k8s.io/v1", "SelfSubjectAccessReview"),
            ("authorization.k8s.io/v1", "SelfSubjectRulesReview"),
            ("authentication.k8s.io/v1", "SelfSubjectReview"),
            ("rbac.authorization.k8s.io/v1", "Role"), ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        ]),
    ) {
        let body = body(of.0, of.1, &object);
        if let Ok(value) = decode(&body) {
            // A field of two bytes becomes a name, quotes and an escape of six characters a byte.
            prop_assert!(value.to_string().len() < 200 + 40 * body.len());
        }
    }

    #[test]
    fn what_is_cut_off_is_refused_or_shorter(cut in 0_usize..60) {
        let object = bytes(1, &[text(1, "shop"), text(3, "default")].concat());
        let mut body = body("v1", "Namespace", &object);
        body.truncate(cut);
        let _ = decode(&body);
    }
}
