//! Default drop in nftables below our ports: were the eBPF programs missing, nothing would pass.
//!
//! What the programs redirect never comes here, so it costs nothing. The table names our ports alone, and no other
//! traffic is touched by it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::Layout;
use crate::error::{Error, Result};
use crate::link::checked;

/// Where `nft` is, if not in `PATH`: users often lack the sbin directories there.
const NFT: [&str; 4] = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft"];
/// Before defragmentation, connection tracking and everything that a host usually has.
const PRIORITY: i32 = -450;
/// The hooks, and the field that is looked up in the set of ports there. All that comes in passes the first, be it for
/// the host or to be forwarded, and all that goes out passes the second.
const CHAINS: [(&str, &str); 2] = [("prerouting", "iifname"), ("postrouting", "oifname")];

/// One Madang's table in nftables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    table: String,
}

impl Guard {
    /// The table of this Madang.
    pub fn new(layout: &Layout) -> Self {
        Self { table: layout.name().replace(|c: char| !c.is_ascii_alphanumeric(), "_") }
    }

    /// The table's name, in the family inet.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Makes the table be there, whole, for exactly these interfaces. One transaction: there is no moment without it.
    pub fn ensure(&self, names: &BTreeSet<String>) -> Result<()> {
        let script = self.script(names)?;
        self.run("replace", &["-f", "-"], &script).map(drop)
    }

    /// The interfaces that the table holds; none if it is not there, or not whole.
    pub fn observe(&self) -> Result<Option<BTreeSet<String>>> {
        match self.run("list", &["-j", "list", "table", "inet", &self.table], "") {
            Ok(listing) => Ok(serde_json::from_str(&listing).ok().and_then(|listing| held(&listing))),
            Err(Error::Nft { said, .. }) if said.contains("No such file or directory") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many packets the table dropped since it was last replaced.
    pub fn dropped(&self) -> Result<u64> {
        let listing = self.run("list", &["-j", "list", "table", "inet", &self.table], "")?;
        let listing: Value = serde_json::from_str(&listing).unwrap_or_default();
        Ok(rules(&listing).filter_map(|rule| expression(rule, "counter")?["packets"].as_u64()).sum())
    }

    /// Removes the table, if it is there.
    pub fn remove(&self) -> Result<()> {
        // Adding first makes the deletion succeed either way, also with an nft that has no `destroy`.
        let script = format!("add table inet {0}\ndelete table inet {0}\n", self.table);
        self.run("remove", &["-f", "-"], &script).map(drop)
    }

    fn script(&self, names: &BTreeSet<String>) -> Result<String> {
        let names: Vec<String> =
            names.iter().map(|name| Ok(format!("\"{}\"", checked(name)?))).collect::<Result<_>>()?;
        let table = &self.table;
        let mut script =
            format!("add table inet {table}\ndelete table inet {table}\ntable inet {table} {{\n");
        script.push_str("  set ports {\n    type ifname\n");
        if !names.is_empty() {
            let _ = writeln!(script, "    elements = {{ {} }}", names.join(", "));
        }
        script.push_str("  }\n");
        for (hook, field) in CHAINS {
            let _ = writeln!(script, "  chain {hook} {{");
            let _ = writeln!(script, "    type filter hook {hook} priority {PRIORITY}; policy accept;");
            let _ = writeln!(script, "    {field} @ports counter drop\n  }}");
        }
        script.push_str("}\n");
        Ok(script)
    }

    fn run(&self, operation: &'static str, arguments: &[&str], input: &str) -> Result<String> {
        let output = nft(arguments, input)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Nft { operation, table: self.table.clone(), said })
    }
}

/// The program, if it is installed.
pub(crate) fn nft_program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join("nft"));
    in_path.chain(NFT.map(|path| Path::new(path).to_owned())).find(|path| path.is_file())
}

pub(crate) fn nft(arguments: &[&str], input: &str) -> Result<Output> {
    let path = nft_program().ok_or(Error::NoNft)?;
    let run = || {
        let mut child = Command::new(&path)
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // If it ends before it has read everything, its own words matter, not the broken pipe.
        let written = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output()?;
        match written {
            Some(Err(error)) if output.status.success() => Err(error),
            _ => Ok(output),
        }
    };
    run().map_err(|source| Error::NftRun { path: path.clone(), source })
}

/// The interfaces in a table's listing, if every rule is where it must be.
fn held(listing: &Value) -> Option<BTreeSet<String>> {
    let whole = CHAINS.iter().all(|&(hook, field)| {
        let hooked = objects(listing, "chain")
            .any(|chain| chain["name"] == hook && chain["hook"] == hook && chain["prio"] == PRIORITY);
        let drops = rules(listing).any(|rule| {
            let matched = expression(rule, "match").unwrap_or(&Value::Null);
            rule["chain"] == hook
                && expression(rule, "drop").is_some()
                && matched["left"]["meta"]["key"] == field
                && matched["right"] == "@ports"
        });
        hooked && drops
    });
    let set = objects(listing, "set").find(|set| set["name"] == "ports").filter(|_| whole)?;
    let names = set["elem"].as_array().map(Vec::as_slice).unwrap_or_default();
    Some(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn objects<'a>(listing: &'a Value, kind: &'static str) -> impl Iterator<Item = &'a Value> {
    listing["nftables"].as_array().into_iter().flatten().filter_map(move |object| object.get(kind))
}

fn rules(listing: &Value) -> impl Iterator<Item = &Value> {
    objects(listing, "rule")
}

fn expression<'a>(rule: &'a Value, kind: &str) -> Option<&'a Value> {
    rule["expr"].as_array()?.iter().find_map(|expression| expression.get(kind))
}
