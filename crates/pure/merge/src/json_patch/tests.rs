use serde_json::json;

use super::*;

/// The document as text after the patch: the order counts.
fn patched(document: &Value, patch: &Value) -> String {
    json_patch(document, patch).unwrap().to_string()
}

fn refused(document: &Value, patch: &Value) -> String {
    json_patch(document, patch).unwrap_err().to_string()
}

#[test]
fn the_examples_of_the_rfc() {
    // RFC 6902 appendix A.
    for (document, patch, result) in [
        (
            json!({ "foo": "bar" }),
            json!([{ "op": "add", "path": "/baz", "value": "qux" }]),
            json!({ "foo": "bar", "baz": "qux" }),
        ),
        (
            json!({ "foo": ["bar", "baz"] }),
            json!([{ "op": "add", "path": "/foo/1", "value": "qux" }]),
            json!({ "foo": ["bar", "qux", "baz"] }),
        ),
        (
            json!({ "baz": "qux", "foo": "bar" }),
            json!([{ "op": "remove", "path": "/baz" }]),
            json!({ "foo": "bar" }),
        ),
        (
            json!({ "foo": ["bar", "qux", "baz"] }),
            json!([{ "op": "remove", "path": "/foo/1" }]),
            json!({ "foo": ["bar", "baz"] }),
        ),
        (
            json!({ "baz": "qux", "foo": "bar" }),
            json!([{ "op": "replace", "path": "/baz", "value": "boo" }]),
            json!({ "baz": "boo", "foo": "bar" }),
        ),
        (
            json!({ "foo": { "bar": "baz", "waldo": "fred" }, "qux": { "corge": "grault" } }),
            json!([{ "op": "move", "from": "/foo/waldo", "path": "/qux/thud" }]),
            json!({ "foo": { "bar": "baz" }, "qux": { "corge": "grault", "thud": "fred" } }),
        ),
        (
            json!({ "foo": ["all", "grass", "cows", "eat"] }),
            json!([{ "op": "move", "from": "/foo/1", "path": "/foo/3" }]),
            json!({ "foo": ["all", "cows", "eat", "grass"] }),
        ),
        (
            json!({ "baz": "qux", "foo": ["a", 2, "c"] }),
            json!([
                { "op": "test", "path": "/baz", "value": "qux" },
                { "op": "test", "path": "/foo/1", "value": 2.0 },
            ]),
            json!({ "baz": "qux", "foo": ["a", 2, "c"] }),
        ),
        (
            json!({ "foo": "bar" }),
            json!([{ "op": "add", "path": "/child", "value": { "grandchild": {} } }]),
            json!({ "foo": "bar", "child": { "grandchild": {} } }),
        ),
        (
            json!({ "foo": "bar" }),
            json!([{ "op": "add", "path": "/baz", "value": "qux", "xyz": 123 }]),
            json!({ "foo": "bar", "baz": "qux" }),
        ),
        (
            json!({ "/": 9, "~1": 10 }),
            json!([{ "op": "test", "path": "/~01", "value": 10 }]),
            json!({ "/": 9, "~1": 10 }),
        ),
        (
            json!({ "foo": ["bar"] }),
            json!([{ "op": "add", "path": "/foo/-", "value": ["abc", "def"] }]),
            json!({ "foo": ["bar", ["abc", "def"]] }),
        ),
    ] {
        assert_eq!(patched(&document, &patch), result.to_string(), "{document} with {patch}");
    }
}

#[test]
fn the_failures_of_the_rfc_say_which_operation_and_why() {
    assert_eq!(
        refused(&json!({ "baz": "qux" }), &json!([{ "op": "test", "path": "/baz", "value": "bar" }])),
        "operation 0 (test \"/baz\"): the value is another"
    );
    let patch = json!([{ "op": "add", "path": "/foo", "value": 1 }, { "op": "add", "path": "/baz/bat", "value": "qux" }]);
    assert_eq!(refused(&json!({}), &patch), "operation 1 (add \"/baz/bat\"): there is nothing at \"/baz\"");
    assert_eq!(
        refused(&json!({ "/": 9, "~1": 10 }), &json!([{ "op": "test", "path": "/~01", "value": "10" }])),
        "operation 0 (test \"/~01\"): the value is another"
    );
}

#[test]
fn an_empty_pointer_is_the_whole_document() {
    let document = json!({ "a": 1 });
    assert_eq!(patched(&document, &json!([{ "op": "add", "path": "", "value": [1] }])), "[1]");
    assert_eq!(patched(&document, &json!([{ "op": "replace", "path": "", "value": null }])), "null");
    assert_eq!(
        patched(&document, &json!([{ "op": "copy", "from": "", "path": "/b" }])),
        r#"{"a":1,"b":{"a":1}}"#
    );
    assert_eq!(patched(&document, &json!([{ "op": "move", "from": "/a", "path": "" }])), "1");
    assert_eq!(
        refused(&document, &json!([{ "op": "remove", "path": "" }])),
        "operation 0 (remove \"\"): the whole document cannot be removed"
    );
}

#[test]
fn fields_keep_their_order() {
    let document = json!({ "a": 1, "b": 2, "c": 3 });
    let patch = json!([{ "op": "remove", "path": "/a" }, { "op": "add", "path": "/b", "value": 4 }]);
    assert_eq!(patched(&document, &patch), r#"{"b":4,"c":3}"#);
}

#[test]
fn a_place_in_a_list_is_a_plain_number_within_it() {
    let document = json!({ "a": [1, 2] });
    let of = |op: &str, path: &str| refused(&document, &json!([{ "op": op, "path": path, "value": 0 }]));
    for (op, step) in [
        ("add", "3"),
        ("add", "01"),
        ("add", "-1"),
        ("add", "x"),
        ("add", ""),
        ("add", "+1"),
        ("replace", "2"),
        ("replace", "-"),
        ("test", "2"),
        ("remove", "2"),
        ("remove", "-"),
        ("add", "99999999999999999999999"),
    ] {
        assert_eq!(
            of(op, &format!("/a/{step}")),
            format!("operation 0 ({op} \"/a/{step}\"): \"{step}\" is no place in a list of 2")
        );
    }
    assert_eq!(patched(&document, &json!([{ "op": "add", "path": "/a/2", "value": 0 }])), r#"{"a":[1,2,0]}"#);
    assert_eq!(of("add", "/a/0/b"), "operation 0 (add \"/a/0/b\"): there is nothing at \"/a/0\"");
}

#[test]
fn nothing_is_moved_into_itself_and_all_may_be_moved_to_where_it_is() {
    let document = json!({ "a": { "b": 1 }, "ab": 2 });
    assert_eq!(
        refused(&document, &json!([{ "op": "move", "from": "/a", "path": "/a/b" }])),
        "operation 0 (move \"/a/b\"): \"/a\" cannot be moved into itself"
    );
    assert_eq!(
        patched(&document, &json!([{ "op": "move", "from": "/a", "path": "/a" }])),
        document.to_string()
    );
    assert_eq!(
        patched(&document, &json!([{ "op": "move", "from": "/a", "path": "/ab" }])),
        r#"{"ab":{"b":1}}"#
    );
    assert_eq!(
        refused(&document, &json!([{ "op": "move", "from": "/c", "path": "/c" }])),
        "operation 0 (move \"/c\"): there is nothing at \"/c\""
    );
}

#[test]
fn what_is_no_patch_is_told_from_one_that_does_not_fit() {
    for (patch, message) in [
        (json!({}), "the patch is no list of operations"),
        (json!([1]), "operation 0 ( \"\"): it is no object"),
        (
            json!([{ "path": "/a" }]),
            "operation 0 ( \"/a\"): op is none of add, remove, replace, move, copy, test",
        ),
        (
            json!([{ "op": "Add", "path": "/a" }]),
            "operation 0 (Add \"/a\"): op is none of add, remove, replace, move, copy, test",
        ),
        (
            json!([{ "op": "add", "path": "/a" }]),
            "operation 0 (add \"/a\"): \"value\" is missing or of the wrong type",
        ),
        (
            json!([{ "op": "add", "path": 1, "value": 1 }]),
            "operation 0 (add \"\"): \"path\" is missing or of the wrong type",
        ),
        (
            json!([{ "op": "copy", "path": "/a" }]),
            "operation 0 (copy \"/a\"): \"from\" is missing or of the wrong type",
        ),
        (json!([{ "op": "remove", "path": "a" }]), "operation 0 (remove \"a\"): \"a\" is no JSON pointer"),
        (
            json!([{ "op": "remove", "path": "/a~2" }]),
            "operation 0 (remove \"/a~2\"): \"/a~2\" is no JSON pointer",
        ),
        (
            json!([{ "op": "remove", "path": "/a~" }]),
            "operation 0 (remove \"/a~\"): \"/a~\" is no JSON pointer",
        ),
    ] {
        let error = json_patch(&json!({}), &patch).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(error.is_malformed(), "{error}");
    }
    let error = json_patch(&json!({}), &json!([{ "op": "remove", "path": "/a~1b" }])).unwrap_err();
    assert_eq!(error.to_string(), "operation 0 (remove \"/a~1b\"): there is nothing at \"/a~1b\"");
    assert!(!error.is_malformed());
}

#[test]
fn null_is_a_value() {
    let patch =
        json!([{ "op": "add", "path": "/a", "value": null }, { "op": "test", "path": "/a", "value": null }]);
    assert_eq!(patched(&json!({}), &patch), r#"{"a":null}"#);
}

#[test]
fn copies_of_copies_end_before_they_fill_the_memory() {
    let document = json!({ "a": ["x".repeat(1000)] });
    let double: Value = (0..40).map(|_| json!({ "op": "copy", "from": "/a", "path": "/a/-" })).collect();
    assert!(
        refused(&document, &double).ends_with("what the patch copies and moves is more than 3145728 bytes")
    );
    let many: Value = (0..10_001).map(|_| json!({ "op": "test", "path": "", "value": {} })).collect();
    assert_eq!(refused(&json!({}), &many), "the patch has 10001 operations, more than 10000");
}

#[test]
fn a_patch_does_not_make_a_document_deeper_than_it_may_be() {
    let nest: Value = (0..100)
        .flat_map(|_| {
            [
                json!({ "op": "copy", "from": "", "path": "/b" }),
                json!({ "op": "move", "from": "/b", "path": "/a" }),
            ]
        })
        .collect();
    let document = json!({ "a": {} });
    assert!(refused(&document, &nest).ends_with("the document would be more than 64 levels deep"));
    let deep = |levels| (0..levels).fold(json!(1), |below, _| json!([below]));
    assert!(json_patch(&document, &json!([{ "op": "add", "path": "/a/x", "value": deep(62) }])).is_ok());
    for op in ["add", "replace"] {
        let patch = json!([{ "op": op, "path": "/a", "value": deep(64) }]);
        assert!(refused(&document, &patch).ends_with("the document would be more than 64 levels deep"));
    }
}

#[test]
fn moves_and_changes_of_long_lists_end_before_they_take_long() {
    let long = json!({ "x": vec![0; 300_000] });
    let there = json!({ "op": "move", "from": "/x", "path": "/y" });
    let back = json!({ "op": "move", "from": "/y", "path": "/x" });
    let moves: Vec<_> = (0..5000).flat_map(|_| [there.clone(), back.clone()]).collect();
    assert!(refused(&long, &moves.into()).ends_with("copies and moves is more than 3145728 bytes"));
    let first = vec![json!({ "op": "add", "path": "/x/0", "value": 1 }); 10_000];
    assert!(refused(&long, &first.into()).contains("in too many places"));
    let wide: serde_json::Map<_, _> = (0..100_000).map(|n| (format!("f{n}"), json!(n))).collect();
    let gone: Vec<_> = (0..10_000).map(|n| json!({ "op": "remove", "path": format!("/f{n}") })).collect();
    assert!(refused(&wide.into(), &gone.into()).contains("in too many places"));
}
