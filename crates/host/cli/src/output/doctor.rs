//! What the host can do, as a checklist.

use madang_kernel::features::{Finding, Status};

use super::style::{Role, Style};
use super::text::{count, pad, width, wrap};

/// Below this many columns what was found stands below its name.
const BESIDE: usize = 60;

/// Every finding, and what they come to.
pub(crate) fn render(findings: &[Finding], is_root: bool, style: Style, columns: usize) -> String {
    let names = findings.iter().map(|finding| width(finding.name)).max().unwrap_or(0);
    let mut text: String =
        findings.iter().map(|finding| self::finding(finding, names, style, columns)).collect();
    let of = |status: Status| findings.iter().filter(|finding| finding.status == status).count();
    let (missing, warnings) = (of(Status::Missing), of(Status::Warning));
    text += "\n";
    text += &match (missing, warnings) {
        (0, 0) => style.paint(Role::Good, "This host has everything that Madang needs."),
        (0, n) => {
            let line =
                format!("This host has everything that Madang needs; {} to know of.", count(n, "thing"));
            style.paint(Role::Good, &line)
        }
        (n, _) => style.paint(Role::Bad, &format!("{} missing that Madang needs.", is(n))),
    };
    text += "\n";
    if !is_root {
        text += "Some of it can only be seen by root: sudo madang doctor\n";
    }
    text
}

fn is(n: usize) -> String {
    if n == 1 { "1 thing is".to_owned() } else { format!("{n} things are") }
}

fn finding(finding: &Finding, names: usize, style: Style, columns: usize) -> String {
    let (mark, role) = match finding.status {
        Status::Ok => (style.tick(), Role::Good),
        Status::Warning => ("!", Role::Change),
        Status::Missing => (style.cross(), Role::Bad),
    };
    let beside = columns >= BESIDE;
    let indent = if beside { names + 4 } else { 4 };
    let margin = " ".repeat(indent);
    let room = columns.saturating_sub(indent);
    let mut lines = wrap(&finding.detail, room, "");
    if let Some(hint) = &finding.hint {
        lines.extend(wrap(&format!("hint: {hint}"), room, "  "));
    }
    let mark = style.paint(role, mark);
    let (first, rest) = if beside && !lines.is_empty() {
        (format!("{mark} {}  {}", pad(finding.name, names), lines.remove(0)), lines)
    } else {
        (format!("{mark} {}", finding.name), lines)
    };
    let rest = rest.iter().filter(|line| !line.is_empty()).map(|line| format!("{margin}{line}\n"));
    format!("{}\n{}", first.trim_end(), rest.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        let finding = |name, status, detail: &str, hint: Option<&str>| Finding {
            name,
            status,
            detail: detail.to_owned(),
            hint: hint.map(str::to_owned),
        };
        vec![
            finding("kernel", Status::Ok, "6.12.0", None),
            finding("tcx", Status::Warning, "not there, clsact is used", Some("a kernel from 6.6 on has it")),
            finding(
                "bpffs",
                Status::Missing,
                "/sys/fs/bpf is no BPF file system, so that nothing can be pinned",
                Some("mount it: mount -t bpf bpf /sys/fs/bpf"),
            ),
        ]
    }

    #[test]
    fn something_is_missing() {
        insta::assert_snapshot!(render(&findings(), true, Style::PLAIN, 80), @r"
        ✓ kernel  6.12.0
        ! tcx     not there, clsact is used
                  hint: a kernel from 6.6 on has it
        ✗ bpffs   /sys/fs/bpf is no BPF file system, so that nothing can be pinned
                  hint: mount it: mount -t bpf bpf /sys/fs/bpf

        1 thing is missing that Madang needs.
        ");
    }

    #[test]
    fn in_forty_columns() {
        insta::assert_snapshot!(render(&findings(), false, Style::PLAIN, 40), @r"
        ✓ kernel
            6.12.0
        ! tcx
            not there, clsact is used
            hint: a kernel from 6.6 on has it
        ✗ bpffs
            /sys/fs/bpf is no BPF file system,
            so that nothing can be pinned
            hint: mount it: mount -t bpf bpf
              /sys/fs/bpf

        1 thing is missing that Madang needs.
        Some of it can only be seen by root: sudo madang doctor
        ");
    }

    #[test]
    fn all_is_there() {
        insta::assert_snapshot!(render(&findings()[..1], true, Style::PLAIN, 80), @r"
        ✓ kernel  6.12.0

        This host has everything that Madang needs.
        ");
        insta::assert_snapshot!(render(&findings()[..2], true, Style::PLAIN, 80), @r"
        ✓ kernel  6.12.0
        ! tcx     not there, clsact is used
                  hint: a kernel from 6.6 on has it

        This host has everything that Madang needs; 1 thing to know of.
        ");
    }
}
