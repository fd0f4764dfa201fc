//! What waits to be confirmed, and how a change ended that had to be.

use madang_api::{Confirmation, Ended, Ending};
use madang_model::ObjectRef;

use super::plan;
use super::style::{Role, Style};

/// What waits, and how the last one ended.
pub(crate) fn state(state: &Confirmation, style: Style) -> String {
    let mut text = match &state.waiting {
        Some(waiting) => {
            let head = format!(
                "The change of {} is taken back in {} s, at {}:",
                waiting.since, waiting.remaining_seconds, waiting.until
            );
            format!("{}\n{}", style.paint(Role::Change, &head), plan::changes(&waiting.changes, style))
        }
        None => "No change waits to be confirmed.\n".to_owned(),
    };
    for object in &state.returning {
        text += &format!("{object} comes back when what it was before is gone.\n");
    }
    if let Some(last) = &state.last {
        text += &format!("\n{}\n{}", style.paint(Role::Heading, "The last one"), ended(last, style));
    }
    text
}

/// How one ended, and what became of each resource.
pub(crate) fn ended(ended: &Ended, style: Style) -> String {
    let Ended { how, since, at, because, restored, deleted, returning, kept } = ended;
    if *how == Ending::Confirmed {
        return style.paint(Role::Good, &format!("The change of {since} is confirmed.")) + "\n";
    }
    let head = format!("The change of {since} was taken back at {at}: {because}.");
    let mut text = style.paint(Role::Change, &head) + "\n";
    let mut lines = |word: &str, role: Role, objects: &[ObjectRef]| {
        for object in objects {
            text += &format!("  {} {object}\n", style.paint(role, &format!("{word:<10}")));
        }
    };
    lines("restored", Role::Good, restored);
    lines("deleted", Role::Bad, deleted);
    lines("comes back", Role::Change, returning);
    for kept in kept {
        let word = style.paint(Role::Bad, "left alone");
        text += &format!("  {word} {}: {}\n", kept.object, kept.why);
    }
    text
}

#[cfg(test)]
mod tests {
    use madang_api::{Kept, Waiting};
    use madang_model::Kind;

    use super::*;

    fn rolled_back() -> Ended {
        let object = |kind, name: &str| ObjectRef::new(kind, name);
        Ended {
            how: Ending::RolledBack,
            since: "2026-01-10T12:00:00Z".to_owned(),
            at: "2026-01-10T12:01:00Z".to_owned(),
            because: "nobody confirmed it within 60 s".to_owned(),
            restored: vec![object(Kind::SecurityGroup, "web")],
            deleted: vec![object(Kind::Instance, "web-2")],
            returning: vec![object(Kind::Instance, "web-1")],
            kept: vec![Kept {
                object: object(Kind::SecurityGroup, "db"),
                why: "somebody has changed it meanwhile".to_owned(),
            }],
        }
    }

    #[test]
    fn a_change_that_was_taken_back() {
        insta::assert_snapshot!(ended(&rolled_back(), Style::PLAIN), @r"
        The change of 2026-01-10T12:00:00Z was taken back at 2026-01-10T12:01:00Z: nobody confirmed it within 60 s.
          restored   SecurityGroup/web
          deleted    Instance/web-2
          comes back Instance/web-1
          left alone SecurityGroup/db: somebody has changed it meanwhile
        ");
        let confirmed = Ended { how: Ending::Confirmed, ..rolled_back() };
        insta::assert_snapshot!(ended(&confirmed, Style::PLAIN), @"The change of 2026-01-10T12:00:00Z is confirmed.");
    }

    #[test]
    fn what_waits() {
        insta::assert_snapshot!(state(&Confirmation::default(), Style::PLAIN), @"No change waits to be confirmed.");
        let shop = crate::samples::shop();
        let waiting = Waiting {
            since: "2026-01-10T12:00:00Z".to_owned(),
            until: "2026-01-10T12:01:00Z".to_owned(),
            seconds: 60,
            remaining_seconds: 42,
            changes: madang_plan::changes(&[], &shop[1..3]),
        };
        let waits = Confirmation {
            waiting: Some(waiting),
            returning: vec![ObjectRef::new(Kind::Instance, "web-1")],
            last: Some(Ended { how: Ending::Confirmed, ..rolled_back() }),
        };
        insta::assert_snapshot!(state(&waits, Style::PLAIN), @r"
        The change of 2026-01-10T12:00:00Z is taken back in 42 s, at 2026-01-10T12:01:00Z:
        + Vpc/shop
        + SecurityGroup/web
        Instance/web-1 comes back when what it was before is gone.

        The last one
        The change of 2026-01-10T12:00:00Z is confirmed.
        ");
    }
}
