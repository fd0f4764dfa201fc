//! Whether resources are right beside each other.
//!
//! A resource with something wrong is not in the [`Model`], and neither is one that needs it: it is left out without a word
//! of its own. Where something less can be done that lets nobody through, that is done instead: a rule's peer or a forward
//! that leads nowhere stands for nobody, a route that leads nowhere becomes a blackhole, a subnet whose route table is
//! gone reaches its VPC alone.

mod assemble;
mod groups;
mod instances;
mod network;
mod outside;
mod qualify;
mod world;

use crate::{Diagnostic, Model, Resource, Span, alone, origin};
use world::{Findings, World};

/// The resources that are right, and everything that is wrong with the others, in the order of the resources.
///
/// A diagnostic's span is the line that the resource's annotations name, if it has them ([`Document::annotate`]);
/// [`locate`](crate::locate) finds the exact place. What has not been allocated yet is not in the model, and not wrong.
///
/// [`Document::annotate`]: crate::Document::annotate
///
/// In the model, names of projects other than `default` have their project before them ([`qualified`](crate::qualified)).
pub fn check(resources: &[Resource]) -> (Model, Vec<Diagnostic>) {
    let mut findings = Findings::new(resources.len());
    let qualified = qualify::qualify(resources);
    let world = World::new(&qualified, &mut findings);
    for (n, resource) in resources.iter().enumerate() {
        for problem in alone::problems(resource) {
            findings.wrong(n, problem.diagnostic.path.clone(), problem.diagnostic);
        }
    }
    network::vpcs_and_subnets(&world, &mut findings);
    network::route_tables(&world, &mut findings);
    groups::security_groups(&world, &mut findings);
    outside::pools(&world, &mut findings);
    outside::dhcp_servers(&world, &mut findings);
    outside::addresses(&world, &mut findings);
    outside::forwards(&world, &mut findings);
    instances::instances(&world, &mut findings);
    let model = assemble::model(&world, &findings);
    (model, diagnostics(resources, findings))
}

/// With object and line; without those of resources that are being deleted, since nobody can mend them.
fn diagnostics(resources: &[Resource], findings: Findings) -> Vec<Diagnostic> {
    let mut found = findings.diagnostics;
    found.retain(|(n, _)| resources[*n].metadata().deletion_timestamp.is_none());
    found.sort_by_key(|(n, _)| *n);
    let place = |(n, diagnostic): (usize, Diagnostic)| {
        let resource = &resources[n];
        let span =
            origin(resource, &diagnostic.path).map(|(file, line)| Span { file, line, column: 1, length: 0 });
        Diagnostic { object: Some(resource.object_ref()), span, ..diagnostic }
    };
    found.into_iter().map(place).collect()
}
