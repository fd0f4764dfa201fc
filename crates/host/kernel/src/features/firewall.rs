//! The host's own packet filters. Programs at an interface run before them, so what Madang takes there they never see.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::Finding;
use crate::guard;

/// What every Madang's table begins with.
const OURS: &str = "madang";

pub(super) fn finding() -> Finding {
    let name = "hostFirewall";
    let Some(nftables) = nftables() else {
        return Finding::warning(
            name,
            "the host's own rules could not be listed",
            "run as root, with nft installed",
        );
    };
    let mut tables: Vec<String> =
        nftables.into_iter().map(|(table, rules)| format!("{table} ({rules} rules)")).collect();
    for family in ["ip", "ip6"] {
        let names = fs::read_to_string(format!("/proc/net/{family}_tables_names")).unwrap_or_default();
        tables.extend(names.lines().map(|table| format!("{family}tables {table}")));
    }
    if tables.is_empty() {
        return Finding::ok(name, "no rules of the host's own that could be by-passed");
    }
    Finding::warning(
        name,
        format!("the host has rules of its own: {}", tables.join(", ")),
        "packets to and from instances pass an uplink before these rules and are not seen by them: what must hold for \
         instances belongs in their security groups",
    )
}

/// The tables of others that have rules, and how many; none if they cannot be listed.
fn nftables() -> Option<BTreeMap<String, usize>> {
    let output = guard::nft(&["-j", "list", "ruleset"], "").ok().filter(|output| output.status.success())?;
    serde_json::from_slice(&output.stdout).ok().map(|ruleset| count(&ruleset))
}

fn count(ruleset: &Value) -> BTreeMap<String, usize> {
    let mut tables = BTreeMap::new();
    for rule in ruleset["nftables"].as_array().into_iter().flatten().filter_map(|object| object.get("rule")) {
        let (family, table) = (rule["family"].as_str().unwrap_or("?"), rule["table"].as_str().unwrap_or("?"));
        if table != OURS && !table.starts_with("madang_") {
            *tables.entry(format!("{family} {table}")).or_default() += 1;
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tables_of_others_with_rules_count() {
        let ruleset = serde_json::json!({ "nftables": [
            { "table": { "family": "inet", "name": "empty" } },
            { "rule": { "family": "inet", "table": "filter" } },
            { "rule": { "family": "inet", "table": "filter" } },
            { "rule": { "family": "inet", "table": "madang" } },
            { "rule": { "family": "inet", "table": "madang_0a1b2c" } },
        ] });
        assert_eq!(count(&ruleset), BTreeMap::from([("inet filter".to_owned(), 2)]));
    }
}
