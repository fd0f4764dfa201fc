//! `madang store check`.

use std::collections::BTreeMap;

use madang_store::{Condition, FileState, Inspection, Store, inspect};
use serde_json::{Value, json};

use super::{Found, failed, is_there, look};
use crate::args::StoreCheckArgs;
use crate::commands::report;
use crate::context::Context;
use crate::error::Failure;
use crate::output::style::{Role, Style};
use crate::output::table::{Cell, Table};
use crate::output::text::{count, wrap};
use madang_model::columns::bytes;

const DOING: &str = "check the store";

/// Checks every file and every object.
pub(super) fn run(context: &Context, args: &StoreCheckArgs) -> Result<(), Failure> {
    let directory = context.layout.state_dir();
    is_there(&directory)?;
    let inspection = inspect(&directory).map_err(|error| failed(DOING, error))?;
    let checked = Checked::of(inspection)?;
    report(context, args.output, &checked.value(), || checked.text(context.data, context.columns()))?;
    if checked.problems.is_empty() { Ok(()) } else { Err(Failure::Exit(1)) }
}

/// What was found.
pub(super) struct Checked {
    inspection: Inspection,
    revision: u64,
    /// How many objects there are of each kind.
    kinds: BTreeMap<&'static str, usize>,
    others: usize,
    problems: Vec<String>,
}

impl Checked {
    /// Looks at every object, too.
    pub(super) fn of(inspection: Inspection) -> Result<Self, Failure> {
        let page = inspection.state.range("", usize::MAX, None).map_err(|error| failed(DOING, error))?;
        let mut checked = Self {
            revision: page.revision.0,
            kinds: BTreeMap::new(),
            others: 0,
            problems: inspection.problems.clone(),
            inspection,
        };
        for item in &page.items {
            match look(item) {
                Found::Resource(kind) => *checked.kinds.entry(kind.plural()).or_default() += 1,
                Found::Other => checked.others += 1,
                Found::Unknown(why) => checked.problems.push(why),
            }
        }
        Ok(checked)
    }

    /// For programs.
    pub(super) fn value(&self) -> Value {
        let events = self.inspection.events.map(|(count, after)| json!({ "count": count, "after": after.0 }));
        let files = self.inspection.files.iter().map(|file| {
            let (condition, detail) = condition(file);
            json!({ "path": file.path, "bytes": file.bytes, "condition": condition, "detail": detail })
        });
        json!({
            "inUse": self.inspection.is_in_use,
            "revision": self.revision,
            "objects": self.kinds,
            "otherObjects": self.others,
            "events": events,
            "files": files.collect::<Vec<_>>(),
            "problems": self.problems,
        })
    }

    /// For people.
    pub(super) fn text(&self, style: Style, columns: usize) -> String {
        let mut text = format!("revision  {}\n", self.revision);
        let total = self.kinds.values().sum::<usize>();
        let kinds: Vec<_> = self.kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let kinds = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
        let objects = format!("objects   {total}: {kinds}; {} of the registry's own", self.others);
        text.extend(wrap(&objects, columns, "          ").iter().map(|line| format!("{line}\n")));
        text += &match self.inspection.events {
            Some((count, after)) => format!("events    {count}, after revision {after}\n"),
            None => "events    not seen while the daemon runs\n".to_owned(),
        };
        text += "\n";
        text += &self.files(style, columns);
        text += "\n";
        for problem in &self.problems {
            let lines = wrap(&format!("{} {problem}", style.cross()), columns, "  ");
            text.extend(lines.iter().map(|line| style.paint(Role::Bad, line) + "\n"));
        }
        text += &match self.problems.len() {
            0 => style.paint(Role::Good, "Everything is whole."),
            n => style.paint(Role::Bad, &format!("{} found.", count(n, "problem"))),
        };
        text + "\n"
    }

    fn files(&self, style: Style, columns: usize) -> String {
        let mut table = Table::new(["FILE", "SIZE", "STATE"]);
        for file in &self.inspection.files {
            let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (what, role) = match file.condition {
                Condition::Whole => ("whole", Role::Good),
                Condition::InUse => ("open in the daemon, which has checked it", Role::Good),
                Condition::Unfinished => ("being written, or was when a daemon died", Role::Change),
                Condition::Damaged(_) => ("damaged", Role::Bad),
                Condition::Kept => ("kept from before; not used", Role::Faint),
            };
            table.row([name.into(), bytes(file.bytes).into(), Cell::new(what, role)]);
        }
        table.render(style, columns)
    }
}

fn condition(file: &FileState) -> (&'static str, Option<&str>) {
    match &file.condition {
        Condition::Whole => ("whole", None),
        Condition::InUse => ("inUse", None),
        Condition::Unfinished => ("unfinished", None),
        Condition::Damaged(detail) => ("damaged", Some(detail)),
        Condition::Kept => ("kept", None),
    }
}
