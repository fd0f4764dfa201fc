//! What is read, what is refused, and that nothing ends in a panic.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn loaded(text: &str) -> (Vec<YamlDocument>, Vec<Diagnostic>) {
    load(&SourceFile { name: "a.yaml".to_owned(), text: text.to_owned() })
}

fn value(text: &str) -> Value {
    let (mut documents, problems) = loaded(text);
    assert_eq!(problems, []);
    documents.remove(0).value
}

fn refused(text: &str) -> String {
    loaded(text).1.remove(0).code
}

#[test]
fn scalars_are_those_of_the_core_schema() {
    let value = value(
        "[a, 1, -1, +1, 0, 0x1f, 0o17, 1.5, .5, 1e3, true, null, ~, '', \"1\", !!str 1, 007, 10.0.0.0/8, 1.2.3, yes, .inf, 1-2, 99999999999999999999]",
    );
    let expected = json!([
        "a",
        1,
        -1,
        1,
        0,
        31,
        15,
        1.5,
        0.5,
        1000.0,
        true,
        null,
        null,
        "",
        "1",
        "1",
        "007",
        "10.0.0.0/8",
        "1.2.3",
        "yes",
        ".inf",
        "1-2",
        "99999999999999999999"
    ]);
    assert_eq!(value, expected);
}

#[test]
fn places_are_those_of_values_and_of_names_where_the_value_is_large() {
    let (documents, _) = loaded("a: 1\nb:\n  - x\n  - c: yes\n    d: {e: [f]}\n");
    let marks = &documents[0].marks;
    let place = |path: &str| (marks.values[path].line, marks.values[path].column, marks.values[path].length);
    assert_eq!(place(""), (1, 1, 0));
    assert_eq!(place("a"), (1, 4, 1));
    assert_eq!(place("b"), (2, 1, 1));
    assert_eq!(place("b[0]"), (3, 5, 1));
    assert_eq!(place("b[1]"), (4, 5, 0));
    assert_eq!(place("b[1].c"), (4, 8, 3));
    assert_eq!(place("b[1].d.e[0]"), (5, 13, 1));
    assert_eq!(marks.keys["b[1].d.e"].column, 9);
}

#[test]
fn columns_count_characters() {
    let (documents, _) = loaded("\u{feff}{ \"가나다\": 라 }");
    assert_eq!(documents[0].marks.values["가나다"], Mark { line: 1, column: 10, length: 1 });
}

#[test]
fn aliases_are_bounded() {
    assert_eq!(value("a: &x [1, 2]\nb: *x\n"), json!({ "a": [1, 2], "b": [1, 2] }));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let before = format!("*a{}", n - 1);
        bomb += &format!("a{n}: &a{n} [{}]\n", [before.as_str(); 9].join(", "));
    }
    assert_eq!(refused(&bomb), "tooLarge");
    // Each anchor keeps what is in it once more.
    let zeros = "0,".repeat(100_000);
    let nested = (0..60).map(|n| format!("&n{n} {{\"\": ")).collect::<String>();
    assert_eq!(refused(&format!("{nested}[{zeros}]{}", "}".repeat(60))), "tooLarge");
    let long = "x".repeat(1 << 20);
    let aliases = "*a, ".repeat(1000);
    assert_eq!(refused(&format!("a: &a {long}\nb: [{aliases}]\n")), "tooLarge");
    assert_eq!(refused("a: &a [*a]\n"), "unknownAlias");
}

#[test]
fn depth_is_bounded_and_aliases_do_not_get_around_it() {
    let nested = |deep: usize| format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    assert!(loaded(&nested(64)).1.is_empty());
    assert_eq!(refused(&nested(65)), "tooDeep");
    assert_eq!(refused(&nested(100_000)), "tooDeep");
    let mut chain = format!("a0: &a0 {}\n", nested(40));
    for n in 1..4 {
        chain += &format!("a{n}: &a{n} {}*a{}{}\n", "[".repeat(12), n - 1, "]".repeat(12));
    }
    assert_eq!(refused(&chain), "tooDeep");
}

#[test]
fn long_names_do_not_make_long_paths_of_many_fields() {
    let name = "n".repeat(60_000);
    let items = "x, ".repeat(10_000);
    assert_eq!(refused(&format!("? {name}\n: [{items}]")), "tooLarge");
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    assert_eq!(refused(&"x".repeat(LARGEST_FILE + 1)), "tooLarge");
}

/// Repeated pieces that parsers of YAML are slow with.
#[test]
fn no_short_text_takes_long() {
    let pieces = [
        "[",
        "{",
        "- ",
        "? ",
        "a: ",
        "&a ",
        "*a ",
        "!a ",
        "\"",
        "'",
        "|\n",
        "# \n",
        "---\n",
        "...\n",
        "%a\n",
        "\t",
        "a\n",
        ", ",
        "[a, ",
        "{a: b, ",
        "\n",
        " \n",
        "a: b\n",
        "a: &a b\n",
        "? a\n: b\n",
        "- a\n",
        "[]\n",
        "---\n&a b\n",
        "\\",
        "a b ",
        "\"a\": b, ",
        "{}",
        "[{",
        "é",
        "- - \n",
        ">\n  ",
    ];
    for (prefix, piece) in ["", "a: ", "[", "{", "- "].iter().flat_map(|a| pieces.map(|b| (a, b))) {
        let text = format!("{prefix}{}", piece.repeat((64 << 10) / piece.len()));
        let start = std::time::Instant::now();
        let _ = crate::parse(&[SourceFile { name: "a".to_owned(), text }]);
        let took = start.elapsed();
        assert!(took < std::time::Duration::from_secs(5), "{prefix:?} and {piece:?} many times: {took:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let _ = crate::parse(&[SourceFile { name: "a".to_owned(), text }]);
    }

    #[test]
    fn anything_that_looks_like_yaml_is_taken(text in "([-?:,\\[\\]{}#&*!|>'\"%@` \t\n~a0.]|<<|---\n|\\.\\.\\.\n|: |- |&a |\\*a |!!str |kind: Vpc\n|spec:\n|é){0,60}") {
        let _ = crate::parse(&[SourceFile { name: "a".to_owned(), text }]);
    }

    #[test]
    fn json_is_read_as_it_was_written(value in json_value()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        let (documents, problems) = loaded(&text);
        prop_assert_eq!(problems, Vec::new());
        let read = documents.first().map_or(&Value::Null, |document| &document.value);
        prop_assert_eq!(read, &value, "{}", text);
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let text = "[ -~]{0,8}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,5}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
