//! What a change does: to resources, and to who reaches whom.

use madang_plan::{Asserted, Change, ChangeAction as Action, FieldChange, Preview, Standing};
use serde_json::Value;

use super::style::{Role, Style};
use super::text::{cut, printable};
use super::yaml;

/// Longer values are cut short; `-o json` has them whole.
const VALUE: usize = 60;

/// So many assertions are shown each; of more, only those of which there is something to say.
const ASSERTIONS: usize = 8;

/// Every change of a resource and of reachability, and the assertions.
pub(crate) fn render(preview: &Preview, style: Style) -> String {
    if preview.changes.is_empty() && preview.reachability.is_empty() {
        return format!("nothing changes\n{}", assertions(preview, style));
    }
    changes(&preview.changes, style) + &reachability(preview, style) + &assertions(preview, style)
}

/// A line for each resource, and for each of its fields.
pub(crate) fn changes(changes: &[Change], style: Style) -> String {
    changes.iter().map(|change| self::change(change, style)).collect()
}

fn change(change: &Change, style: Style) -> String {
    let (mark, role) = match change.action {
        Action::Create => ("+", Role::Good),
        Action::Update => ("~", Role::Change),
        Action::Rename => (">", Role::Change),
        Action::Delete => ("-", Role::Bad),
    };
    let from = change.from.as_ref().map_or_else(String::new, |from| format!(" renamed from {}", from.name));
    let head = format!("{}{from}", style.paint(role, &format!("{mark} {}", change.object)));
    match change.fields.as_slice() {
        [field] if change.action == Action::Update => format!("{head} {}\n", self::field(field, style)),
        fields => {
            let fields = fields.iter().map(|field| format!("    {}\n", self::field(field, style)));
            let notes = change.notes.iter();
            let notes = notes.map(|note| format!("    {}\n", style.paint(Role::Faint, note)));
            format!("{head}\n{}", fields.chain(notes).collect::<String>())
        }
    }
}

/// Each assertion of which there is something to say, with the reason where it does not hold.
fn assertions(preview: &Preview, style: Style) -> String {
    let all = &preview.assertions;
    let changes = !preview.changes.is_empty();
    let matters = |a: &&Asserted| {
        let changed = a.was != Some(a.standing);
        a.standing != Standing::Holds || (changes && (changed || all.len() <= ASSERTIONS))
    };
    let shown: Vec<&Asserted> = all.iter().filter(matters).collect();
    if shown.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", style.paint(Role::Heading, "Assertions"));
    for asserted in &shown {
        let role = match asserted.standing {
            Standing::Holds => Role::Good,
            Standing::Waits => Role::Change,
            Standing::Broken => Role::Bad,
        };
        let word = style.paint(role, &format!("{:<6}", asserted.standing.to_string()));
        text += &format!("  {word} {} {}\n", asserted.object.qualified_name(), asserted.claim);
        if let Some(diagnostic) = &asserted.diagnostic {
            let why = diagnostic.cause.as_ref().unwrap_or(&diagnostic.message);
            text += &format!("         {}\n", style.paint(Role::Faint, &printable(why)));
        }
    }
    let rest = all.len() - shown.len();
    if rest > 0 {
        text += &format!("  and {rest} more {}\n", if rest == 1 { "holds" } else { "hold" });
    }
    text
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
    let words = match done {
        true => ["created", "changed", "renamed", "deleted"],
        false => ["to create", "to change", "to rename", "to delete"],
    };
    let actions = [Action::Create, Action::Update, Action::Rename, Action::Delete];
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
        let change = |action, kind, name: &str, fields| Change {
            action,
            object: ObjectRef::new(kind, name),
            from: None,
            fields,
            notes: Vec::new(),
        };
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
          opens db-1 -> outside all
          opens outside -> web-1 tcp/8080 via 203.0.113.10:80
        ");
    }

    #[test]
    fn renames() {
        let mut preview = changed();
        preview.changes.truncate(2);
        preview.changes[0].action = Action::Rename;
        preview.changes[0].from = Some(ObjectRef::new(Kind::Vpc, "store"));
        preview.changes[1].action = Action::Rename;
        preview.changes[1].from = Some(ObjectRef::new(Kind::SecurityGroup, "www"));
        preview.changes[1].notes.push("it stays what it is".to_owned());
        insta::assert_snapshot!(render(&preview, Style::PLAIN), @r"
        > Vpc/shop renamed from store
        > SecurityGroup/web renamed from www
            spec.ingress[0].ports: [80] -> [80, 443]
            it stays what it is
        ");
        insta::assert_snapshot!(summary(&preview, true), @"2 renamed");
    }

    #[test]
    fn assertions_and_whether_they_hold() {
        let asserted = |name: &str, was, standing, why: Option<&str>| Asserted {
            object: ObjectRef::new(Kind::Assertion, name),
            claim: format!("web-1 -> db-1 tcp/5432 {name}"),
            standing,
            was,
            expect: madang_model::Expectation::Reachable,
            diagnostic: why.map(|why| madang_model::Diagnostic::new("code", "message").cause(why)),
        };
        let mut preview = changed();
        preview.changes.truncate(1);
        preview.assertions = vec![
            asserted("new", None, Standing::Holds, None),
            asserted("cut", Some(Standing::Holds), Standing::Broken, Some("no rule allows it")),
            asserted("early", None, Standing::Waits, Some("there is no db-1")),
            asserted("old", Some(Standing::Holds), Standing::Holds, None),
        ];
        insta::assert_snapshot!(render(&preview, Style::PLAIN), @r"
        + Vpc/shop

        Assertions
          holds  new web-1 -> db-1 tcp/5432 new
          broken cut web-1 -> db-1 tcp/5432 cut
                 no rule allows it
          waits  early web-1 -> db-1 tcp/5432 early
                 there is no db-1
          holds  old web-1 -> db-1 tcp/5432 old
        ");
        for n in 0..20 {
            let name = format!("more-{n}");
            preview.assertions.push(asserted(&name, Some(Standing::Holds), Standing::Holds, None));
        }
        let text = render(&preview, Style::PLAIN);
        assert!(text.ends_with("there is no db-1\n  and 21 more hold\n"), "{text}");
        preview.changes.clear();
        preview.assertions.drain(1..3);
        assert_eq!(render(&preview, Style::PLAIN), "nothing changes\n");
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
