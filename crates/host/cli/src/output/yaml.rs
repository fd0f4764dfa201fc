//! JSON values as YAML, so that what is printed can be applied again.

use serde_json::Value;

/// The value as a YAML document.
pub(crate) fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, &mut out),
        Value::Array(list) if !list.is_empty() => block(value, 0, &mut out),
        _ => out = scalar(value) + "\n",
    }
    out
}

/// The value in one line, as `[80, 443]` or `{ from: [web] }`: for people, so without quotes where it can be read.
pub(crate) fn to_flow(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(to_flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| format!("{}: {}", text(key), to_flow(value));
            format!("{{ {} }}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::String(string) => {
            let odd = |c: char| c.is_control() || "\"[]{},".contains(c);
            let plain = !string.is_empty() && string.trim() == string && !string.contains(odd);
            if plain { string.clone() } else { value.to_string() }
        }
        _ => scalar(value),
    }
}

/// A mapping or a sequence that is not empty, each entry on a line of its own behind the indent.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                *out += &" ".repeat(indent);
                *out += &text(key);
                *out += ":";
                entry(value, indent + 2, false, out);
            }
        }
        Value::Array(list) => {
            for value in list {
                *out += &" ".repeat(indent);
                *out += "-";
                entry(value, indent + 2, true, out);
            }
        }
        _ => {}
    }
}

/// What follows a key or a dash.
fn entry(value: &Value, indent: usize, listed: bool, out: &mut String) {
    let full = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    };
    if let Some(literal) = value.as_str().and_then(|string| literal(string, indent)) {
        *out += " ";
        *out += &literal;
    } else if !full {
        *out += " ";
        *out += &scalar(value);
        *out += "\n";
    } else if listed {
        // The first entry stands on the dash's line.
        let mut inner = String::new();
        block(value, indent, &mut inner);
        *out += " ";
        *out += inner.trim_start();
    } else {
        *out += "\n";
        block(value, indent, out);
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(string) => text(string),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// Several lines as they are, behind `|`, where that keeps every character.
fn literal(string: &str, indent: usize) -> Option<String> {
    let (head, body) = match string.strip_suffix('\n') {
        Some(body) => ("|\n", body),
        None => ("|-\n", string),
    };
    let odd = |c: char| {
        c != '\n' && (c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}'))
    };
    if !body.contains('\n') || body.starts_with([' ', '\n']) || body.ends_with('\n') || body.contains(odd) {
        return None;
    }
    let line = |line: &str| {
        if line.is_empty() { "\n".to_owned() } else { format!("{}{line}\n", " ".repeat(indent)) }
    };
    Some(body.split('\n').map(line).fold(head.to_owned(), |text, line| text + &line))
}

/// Plain where no YAML reader could take it for anything else, quoted elsewhere. JSON's quoting is YAML's too.
fn text(string: &str) -> String {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_./@%+ ()".contains(c);
    let starts = |c: char| c.is_ascii_alphabetic() || c == '/' || c == '_';
    let plain = string.starts_with(starts)
        && string.chars().all(inside)
        && !string.ends_with(' ')
        && !is_word_of_yaml(string);
    if plain || is_address(string) { string.to_owned() } else { Value::from(string).to_string() }
}

/// What some reader takes for a boolean or for nothing, in YAML 1.1 or 1.2.
fn is_word_of_yaml(string: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    WORDS.contains(&string.to_lowercase().as_str())
}

/// An address or a prefix of IPv4: three dots make it no number.
fn is_address(string: &str) -> bool {
    string.matches('.').count() == 3
        && string.starts_with(|c: char| c.is_ascii_digit())
        && string.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'/')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resource() {
        let value = json!({
            "apiVersion": "madang.dev/v1alpha1",
            "kind": "Instance",
            "metadata": { "name": "web-1", "labels": {}, "annotations": { "a/b": "{\"x\":1}" } },
            "spec": {
                "subnet": "web",
                "address": "10.0.1.7",
                "process": { "command": ["python3", "-m", "http.server", "8080"], "env": { "Y": "yes", "N": "1.5" } },
                "rules": [{ "ports": ["80", "8000-8100"], "from": ["0.0.0.0/0"] }, {}, [], [["a"]]],
                "text": "two\nlines: \"quoted\" # no comment",
                "script": "import os\n\n  def f():\n",
                "unended": "a\nb",
                "indented": " a\nb",
                "none": null,
                "on": true,
                "mtu": 1500,
            },
        });
        insta::assert_snapshot!(to_yaml(&value), @r#"
        apiVersion: madang.dev/v1alpha1
        kind: Instance
        metadata:
          name: web-1
          labels: {}
          annotations:
            a/b: "{\"x\":1}"
        spec:
          subnet: web
          address: 10.0.1.7
          process:
            command:
              - python3
              - "-m"
              - http.server
              - "8080"
            env:
              "Y": "yes"
              "N": "1.5"
          rules:
            - ports:
                - "80"
                - "8000-8100"
              from:
                - 0.0.0.0/0
            - {}
            - []
            - - - a
          text: |-
            two
            lines: "quoted" # no comment
          script: |
            import os

              def f():
          unended: |-
            a
            b
          indented: " a\nb"
          none: null
          "on": true
          mtu: 1500
        "#);
    }

    #[test]
    fn what_would_change_its_type_is_quoted() {
        for string in [
            "",
            "true",
            "No",
            "null",
            "1",
            "1.5",
            "0x1",
            "-",
            "- a",
            "a: b",
            "#",
            "a ",
            " a",
            "~",
            "1e3",
            "::1",
            "12:30",
            "*a",
            "&a",
            "!a",
            "한국어",
            "y",
            "=",
            "2026-01-01",
        ] {
            let yaml = text(string);
            assert!(yaml.starts_with('"'), "{string} became {yaml}");
        }
        for string in ["web-1", "10.0.0.0/16", "/bin/sh", "http.server", "madang.dev/v1alpha1"] {
            assert_eq!(text(string), string);
        }
    }
}
