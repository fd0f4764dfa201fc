//! What a change does: to resources, and to who reaches whom.

use madang_plan::{Change, ChangeAction as Action, FieldChange, Preview};
use serde_json::Value;

use super::style::{Role, Style};
use super::text::cut;
use super::yaml;

/// Longer values are cut short; `-o json` has them whole.
const VALUE: usize = 60;

/// Every change of a resource and of reachability.
pub(crate) fn render(preview: &Preview, style: Style) -> String {
    if preview.is_empty() {
        return "nothing changes\n".to_owned();
    }
    let mut text: String = preview.changes.iter().map(|change| self::change(change, style)).collect();
    text += &reachability(preview, style);
    text
}

fn change(change: &Change, style: Style) -> String {
    let (mark, role) = match change.action {
        Action::Create => ("+", Role::Good),
        Action::Update => ("~", Role::Change),
        Action::Delete => ("-", Role::Bad),
    };
    let head = style.paint(role, &format!("{mark} {}", change.object));
    match change.fields.as_slice() {
        [field] if change.action == Action::Update => format!("{head} {}\n", self::field(field, style)),
        fields if change.action == Action::Update => {
            let fields = fields.iter().map(|field| format!("    {}\n", self::field(field, style)));
            format!("{head}\n{}", fields.collect::<String>())
        }
        _ => format!("{head}\n"),
    }
}

/// `spec.ingress[0].ports: [80] -> [80, 443]`.
fn field(field: &FieldChange, style: Style) -> String {
    let show = |value: &Value| cut(&yaml::to_flow(value), VALUE, style);
    let path = &field.path;
    match (&field.before, &field.after) {
        (Some(before), Some(after)) => format!("{path}: {} -> {}", show(before), show(after)),
        (None, Some(after)) => format!("{path}: + {}", show(after)),
        (Some(before), None) => format!("{path}: - {}", show(before)),
        (None, None) => path.clone(),
    }
}

fn reachability(preview: &Preview, style: Style) -> String {
    let reachability = &preview.reachability;
    if reachability.opens.is_empty() && reachability.cuts.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", style.paint(Role::Heading, "Reachability"));
    for (word, role, paths) in
        [("opens", Role::Good, &reachability.opens), ("cuts", Role::Bad, &reachability.cuts)]
    {
        for path in paths {
            text += &format!("  {} {path}\n", style.paint(role, &format!("{word:<5}")));
        }
    }
    text
}

/// `2 to create, 1 to change, 1 to delete`, or `created` and so on.
pub(crate) fn summary(preview: &Preview, done: bool) -> String {
    let words =
        if done { ["created", "changed", "deleted"] } else { ["to create", "to change", "to delete"] };
    let actions = [Action::Create, Action::Update, Action::Delete];
    let part = |(action, word): (Action, &str)| {
        let n = preview.changes.iter().filter(|change| change.action == action).count();
        (n > 0).then(|| format!("{n} {word}"))
    };
    let parts: Vec<_> = actions.into_iter().zip(words).filter_map(part).collect();
    if parts.is_empty() { "nothing changes".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use madang_model::{Kind, ObjectRef};
    use serde_json::json;

    use super::*;
    use crate::samples;

    fn changed() -> Preview {
        let field = |path: &str, before: Value, after: Value| FieldChange {
            path: path.to_owned(),
            before: (!before.is_null()).then_some(before),
            after: (!after.is_null()).then_some(after),
        };
        let change =
            |action, kind, name: &str, fields| Change { action, object: ObjectRef::new(kind, name), fields };
        Preview {
            changes: vec![
                change(Action::Create, Kind::Vpc, "shop", vec![]),
                change(
                    Action::Update,
                    Kind::SecurityGroup,
                    "web",
                    vec![field("spec.ingress[0].ports", json!([80]), json!([80, 443]))],
                ),
                change(
                    Action::Update,
                    Kind::Instance,
                    "web-1",
                    vec![
                        field("metadata.labels", json!(null), json!({ "app": "web" })),
                        field("spec.process.command[2]", json!("a script\n".repeat(20)), json!("true")),
                        field("spec.resources", json!({ "cpu": "500m" }), json!(null)),
                    ],
                ),
                change(Action::Delete, Kind::Instance, "old", vec![]),
            ],
            ..Preview::default()
        }
    }

    #[test]
    fn changes_of_resources() {
        insta::assert_snapshot!(render(&changed(), Style::PLAIN), @r#"
        + Vpc/shop
        ~ SecurityGroup/web spec.ingress[0].ports: [80] -> [80, 443]
        ~ Instance/web-1
            metadata.labels: + { app: web }
            spec.process.command[2]: "a script\na script\na script\na script\na script\na script… -> true
            spec.resources: - { cpu: 500m }
        - Instance/old
        "#);
        insta::assert_snapshot!(summary(&changed(), false), @"1 to create, 2 to change, 1 to delete");
        insta::assert_snapshot!(summary(&changed(), true), @"1 created, 2 changed, 1 deleted");
    }

    #[test]
    fn what_opens_and_what_is_cut() {
        let mut before = samples::shop();
        let after = samples::shop();
        before.retain(|resource| resource.metadata().name != "db-1");
        for resource in &mut before {
            if let madang_model::Resource::SecurityGroup(group) = resource {
                group.spec.ingress[0].ports = vec!["22".parse().unwrap()];
            }
        }
        insta::assert_snapshot!(render(&madang_plan::preview(&before, &after), Style::PLAIN), @r"
        ~ SecurityGroup/web spec.ingress[0].ports: [22] -> [80, 8000-8100]
        + Instance/db-1

        Reachability
          opens db-1 -> web-1 tcp/80, tcp/8000-8100
          opens db-1 -> outside tcp, udp, icmp
          opens outside -> web-1 tcp/8080 via 203.0.113.10:80
        ");
    }

    #[test]
    fn the_same_again_changes_nothing() {
        let shop = samples::shop();
        let preview = madang_plan::preview(&shop, &shop);
        assert_eq!(render(&preview, Style::PLAIN), "nothing changes\n");
        assert_eq!(summary(&preview, true), "nothing changes");
    }

    #[test]
    fn colours_say_what_the_marks_say() {
        let text = render(&changed(), Style { color: true, ..Style::PLAIN });
        assert!(text.contains("\x1b[32m+ Vpc/shop\x1b[0m"), "{text:?}");
        assert!(text.contains("\x1b[31m- Instance/old\x1b[0m"), "{text:?}");
        assert!(!render(&changed(), Style::PLAIN).contains('\x1b'));
    }
}
