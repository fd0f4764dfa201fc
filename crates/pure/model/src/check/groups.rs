//! Security groups, and who names them.

use super::world::{Findings, Need, World};
use crate::words::named;
use crate::{Diagnostic, Kind, Peer, Resource, bare};

/// The group that each VPC has without anybody declaring it.
pub(super) const DEFAULT_GROUP: &str = "default";

pub(super) fn security_groups(world: &World<'_>, findings: &mut Findings) {
    for (n, group) in world.groups() {
        world.follow(findings, (n, "spec.vpc"), Kind::Vpc, &group.spec.vpc, Need::Whole);
        let ingress = group
            .spec
            .ingress
            .iter()
            .enumerate()
            .map(|(at, rule)| (format!("spec.ingress[{at}].from"), &rule.from));
        let egress = group.spec.egress.iter().flatten().enumerate();
        let egress = egress.map(|(at, rule)| (format!("spec.egress[{at}].to"), &rule.to));
        for (path, peers) in ingress.chain(egress) {
            for (at, peer) in peers.iter().enumerate() {
                let path = format!("{path}[{at}]");
                match peer {
                    Peer::Group(name) => {
                        if let Some(diagnostic) = unfit(world, name, &group.spec.vpc, "the rule") {
                            findings.note(n, path, diagnostic);
                        }
                    }
                    Peer::List(name) => {
                        world.follow(findings, (n, &path), Kind::PrefixList, name, Need::Part);
                    }
                    Peer::Cidr(_) => {}
                }
            }
        }
    }
}

/// Why the name is not that of a group of this VPC. Its `default` group always is.
pub(super) fn unfit(world: &World<'_>, name: &str, vpc: &str, whose: &str) -> Option<Diagnostic> {
    let group = world.group(name);
    if bare(name) == DEFAULT_GROUP || group.is_some_and(|group| group.spec.vpc == vpc) {
        return None;
    }
    let of_vpc =
        |resource: &Resource| matches!(resource, Resource::SecurityGroup(group) if group.spec.vpc == vpc);
    let diagnostic = match group {
        Some(group) => {
            let message =
                format!("security group {name} is of VPC {}, and {whose} of VPC {vpc}", group.spec.vpc);
            Diagnostic::new("otherVpc", message)
        }
        None => Diagnostic::new("referenceNotFound", format!("there is no security group {}", named(name))),
    };
    let what = format!("security group of VPC {vpc}");
    Some(world.hint(diagnostic, name, &what, Kind::SecurityGroup, of_vpc))
}
