//! What was dropped, and why.

use madang_api::Dropped;

use super::style::Role;
use super::table::{Cell, Table};

/// A row for each origin and reason.
pub(crate) fn table(dropped: &[Dropped]) -> Table {
    let mut table = Table::new(["FROM", "REASON", "PACKETS", "WHY"]);
    for one in dropped {
        let from = match &one.instance {
            Some(instance) => Cell::new(instance.name.as_str(), Role::Object),
            None => Cell::from(format!("outside ({})", one.interface)),
        };
        let (reason, packets) = (one.reason.as_str(), one.packets.to_string());
        table.row([from, reason.into(), packets.into(), one.message.as_str().into()]);
    }
    table
}

#[cfg(test)]
mod tests {
    use madang_model::{Kind, ObjectRef};

    use super::*;
    use crate::output::style::Style;

    #[test]
    fn who_sent_it_and_why_it_went_nowhere() {
        let dropped = |instance: Option<&str>, reason: &str, message: &str, packets| Dropped {
            instance: instance.map(|name| ObjectRef::new(Kind::Instance, name)),
            interface: "eth0".to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            hint: String::new(),
            packets,
        };
        let all = [
            dropped(None, "noForward", "Nothing is forwarded from this public address.", 12),
            dropped(Some("web-1"), "egressDenied", "No egress rule allows it.", 3),
        ];
        insta::assert_snapshot!(table(&all).render(Style::PLAIN, 80), @"
        FROM             REASON         PACKETS   WHY
        outside (eth0)   noForward      12        Nothing is forwarded from this public address.
        web-1            egressDenied   3         No egress rule allows it.
        ");
    }
}
