//! Why a packet goes where it goes: each stage, what decided it, and where that was written.

use std::path::Path;

use madang_api::{Because, Explanation, StageLine};

use super::style::{Role, Style};
use super::text::{pad, width, wrap};

/// Below this many columns a stage's name stands on a line of its own.
const BESIDE: usize = 60;

/// The packet, every stage, the verdict. Files below `here` are told from there.
pub(crate) fn render(explanation: &Explanation, here: &Path, style: Style, columns: usize) -> String {
    let names = explanation.stages.iter().map(|stage| width(&stage.stage)).max().unwrap_or(0);
    let page = Page { style, columns, here, names };
    let mut lines: Vec<String> = wrap(&explanation.packet, columns, "  ")
        .iter()
        .map(|line| style.paint(Role::Heading, line))
        .collect();
    lines.push(String::new());
    let last = explanation.stages.len().saturating_sub(1);
    for (i, stage) in explanation.stages.iter().enumerate() {
        page.stage(stage, explanation.allowed || i < last, &mut lines);
    }
    lines.push(String::new());
    page.verdict(explanation, &mut lines);
    lines.join("\n") + "\n"
}

struct Page<'a> {
    style: Style,
    columns: usize,
    here: &'a Path,
    names: usize,
}

impl Page<'_> {
    fn stage(&self, stage: &StageLine, passed: bool, lines: &mut Vec<String>) {
        let (mark, role) = self.mark(passed);
        let name = self.style.paint(Role::Heading, &pad(&stage.stage, self.names));
        let mark = self.style.paint(role, mark);
        let beside = self.columns >= BESIDE;
        let indent = if beside { self.names + 4 } else { 4 };
        let mut body = wrap(&stage.decision, self.columns.saturating_sub(indent), "").into_iter();
        if beside {
            lines.push(format!("{mark} {name}  {}", body.next().unwrap_or_default()).trim_end().to_owned());
        } else {
            lines.push(format!("{mark} {}", self.style.paint(Role::Heading, &stage.stage)));
        }
        let margin = " ".repeat(indent);
        lines.extend(body.map(|line| format!("{margin}{line}")));
        for (i, because) in stage.because.iter().enumerate() {
            let text = format!("{} {}", if i == 0 { "because" } else { "and" }, self.because(because));
            let wrapped = wrap(&text, self.columns.saturating_sub(indent), "  ");
            lines.extend(
                wrapped.iter().map(|line| format!("{margin}{}", self.style.paint(Role::Faint, line))),
            );
        }
    }

    /// `SecurityGroup/web spec.ingress[0] (shop.yaml:31)`.
    fn because(&self, because: &Because) -> String {
        let mut text = because.object.to_string();
        if !because.path.is_empty() {
            text += " ";
            text += &because.path;
        }
        match (&because.file, because.line) {
            (Some(file), Some(line)) => format!("{text} ({}:{line})", shown(file, self.here)),
            (Some(file), None) => format!("{text} ({})", shown(file, self.here)),
            _ => text,
        }
    }

    fn verdict(&self, explanation: &Explanation, lines: &mut Vec<String>) {
        let (mark, role) = self.mark(explanation.allowed);
        let mut verdict = explanation.verdict.clone();
        if let Some(reason) = explanation.reason.as_ref().filter(|reason| !verdict.contains(reason.as_str()))
        {
            verdict = format!("{} ({reason})", verdict.trim_end_matches('.'));
        }
        let verdict = format!("{mark} {verdict}");
        lines.extend(wrap(&verdict, self.columns, "  ").iter().map(|line| self.style.paint(role, line)));
        if let Some(hint) = &explanation.hint {
            lines.push(String::new());
            lines.extend(wrap(&format!("hint: {hint}"), self.columns, "  "));
        }
        if let Some(live) = &explanation.live {
            let (says, role) = if live.agrees {
                ("the kernel agrees", Role::Good)
            } else {
                ("the kernel does not agree: please report this as a bug", Role::Bad)
            };
            lines.push(String::new());
            let text = format!("live: {}; {says}", live.outcome);
            lines.extend(wrap(&text, self.columns, "  ").iter().map(|line| self.style.paint(role, line)));
        }
    }

    fn mark(&self, good: bool) -> (&'static str, Role) {
        if good { (self.style.tick(), Role::Good) } else { (self.style.cross(), Role::Bad) }
    }
}

/// A file as it would be typed here.
pub(crate) fn shown(file: &str, here: &Path) -> String {
    if file == "-" {
        return "standard input".to_owned();
    }
    Path::new(file).strip_prefix(here).map_or_else(|_| file.to_owned(), |below| below.display().to_string())
}

#[cfg(test)]
mod tests {
    use madang_api::LiveProbe;
    use madang_model::{Kind, ObjectRef};

    use super::*;

    fn because(kind: Kind, name: &str, path: &str, line: usize) -> Because {
        Because {
            object: ObjectRef::new(kind, name),
            path: path.to_owned(),
            file: Some("/home/ana/cloud/shop.yaml".to_owned()),
            line: Some(line),
        }
    }

    fn stage(stage: &str, decision: &str, because: Vec<Because>) -> StageLine {
        StageLine { stage: stage.to_owned(), decision: decision.to_owned(), because }
    }

    fn allowed() -> Explanation {
        Explanation {
            packet: "tcp 10.0.1.10:40000 -> 10.0.2.10:5432".to_owned(),
            allowed: true,
            verdict: "delivered to instance db-1 (10.0.2.10)".to_owned(),
            reason: None,
            hint: None,
            stages: vec![
                stage(
                    "guard",
                    "the source address is the port's own",
                    vec![because(Kind::Instance, "web-1", "", 61)],
                ),
                stage("conntrack", "no connection yet", vec![]),
                stage(
                    "ingress",
                    "allowed: tcp/5432 from members of group web to members of group db, which the receiver is one of",
                    vec![
                        because(Kind::SecurityGroup, "db", "spec.ingress[0]", 57),
                        because(Kind::Instance, "web-1", "spec.securityGroups[0]", 64),
                    ],
                ),
                stage("deliver", "to the port of db-1", vec![]),
            ],
            live: Some(LiveProbe { outcome: "connected in 0.2 ms".to_owned(), agrees: true }),
        }
    }

    fn dropped() -> Explanation {
        let mut explanation = allowed();
        explanation.stages.truncate(3);
        explanation.stages[2] = stage("ingress", "denied: no rule of db lets tcp/5433 in", vec![]);
        Explanation {
            allowed: false,
            verdict: "dropped at ingress: no rule lets it in".to_owned(),
            reason: Some("ingressDenied".to_owned()),
            hint: Some(
                "add { protocol: tcp, ports: [5433], from: [web] } to SecurityGroup/db spec.ingress"
                    .to_owned(),
            ),
            live: Some(LiveProbe { outcome: "no answer within 2 s".to_owned(), agrees: false }),
            ..explanation
        }
    }

    const HERE: &str = "/home/ana/cloud";

    #[test]
    fn allowed_in_eighty_columns() {
        insta::assert_snapshot!(render(&allowed(), Path::new(HERE), Style::PLAIN, 80), @r"
        tcp 10.0.1.10:40000 -> 10.0.2.10:5432

        ✓ guard      the source address is the port's own
                     because Instance/web-1 (shop.yaml:61)
        ✓ conntrack  no connection yet
        ✓ ingress    allowed: tcp/5432 from members of group web to members of group db,
                     which the receiver is one of
                     because SecurityGroup/db spec.ingress[0] (shop.yaml:57)
                     and Instance/web-1 spec.securityGroups[0] (shop.yaml:64)
        ✓ deliver    to the port of db-1

        ✓ delivered to instance db-1 (10.0.2.10)

        live: connected in 0.2 ms; the kernel agrees
        ");
    }

    #[test]
    fn allowed_in_forty_columns() {
        insta::assert_snapshot!(render(&allowed(), Path::new(HERE), Style::PLAIN, 40), @r"
        tcp 10.0.1.10:40000 -> 10.0.2.10:5432

        ✓ guard
            the source address is the port's own
            because Instance/web-1
              (shop.yaml:61)
        ✓ conntrack
            no connection yet
        ✓ ingress
            allowed: tcp/5432 from members of
            group web to members of group db,
            which the receiver is one of
            because SecurityGroup/db
              spec.ingress[0] (shop.yaml:57)
            and Instance/web-1
              spec.securityGroups[0]
              (shop.yaml:64)
        ✓ deliver
            to the port of db-1

        ✓ delivered to instance db-1 (10.0.2.10)

        live: connected in 0.2 ms; the kernel
          agrees
        ");
    }

    #[test]
    fn dropped_with_a_hint() {
        insta::assert_snapshot!(render(&dropped(), Path::new("/srv"), Style::PLAIN, 80), @r"
        tcp 10.0.1.10:40000 -> 10.0.2.10:5432

        ✓ guard      the source address is the port's own
                     because Instance/web-1 (/home/ana/cloud/shop.yaml:61)
        ✓ conntrack  no connection yet
        ✗ ingress    denied: no rule of db lets tcp/5433 in

        ✗ dropped at ingress: no rule lets it in (ingressDenied)

        hint: add { protocol: tcp, ports: [5433], from: [web] } to SecurityGroup/db
          spec.ingress

        live: no answer within 2 s; the kernel does not agree: please report this as a
          bug
        ");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for columns in [40, 59, 60, 80, 100] {
            for explanation in [allowed(), dropped()] {
                let text = render(&explanation, Path::new("/srv"), Style::PLAIN, columns);
                assert!(text.lines().all(|line| width(line) <= columns), "{columns}:\n{text}");
            }
        }
    }
}
