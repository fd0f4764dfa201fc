//! Whether what must be reachable is, and what must not be is not.
//!
//! An assertion speaks of everybody at both of its ends: each member of a group, each address of a CIDR. `reachable`
//! holds if each of the one end reaches each of the other; `unreachable` holds if none reaches any. Of `internet` as a
//! whole, `reachable` is asked of the addresses that no narrower rule or route singles out, so that a blackhole for one
//! network does not make the internet unreachable.
//!
//! The network that is looked at is the compiled one, and what is asked of it is what the preview asks: alike instances
//! are asked about once.

#![expect(
    clippy::result_large_err,
    reason = "what is wrong is said once for each assertion, not in a hot path"
)]

mod ground;
mod place;
mod regions;
mod seek;
mod service;
mod why;

use std::fmt;

use madang_compile::Network;
use madang_model::{
    AssertionSpec, Diagnostic, Expectation, Kind, Model, Object, ObjectRef, PlainStatus, Resource, check,
};
use serde::{Deserialize, Serialize};

use ground::Ground;
use place::Trouble;
use seek::Found;
use service::Service;

/// An assertion, and whether it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asserted {
    /// Which assertion.
    pub object: ObjectRef,
    /// What it says, as `web-1 -> db-1 tcp/5432 reachable`.
    pub claim: String,
    /// Whether it holds.
    pub standing: Standing,
    /// Whether it held before, in a preview.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Standing>,
    /// What is expected of whom.
    pub expect: Expectation,
    /// Why it does not hold: what is the case, and what decides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostic: Option<Diagnostic>,
}

/// Whether an assertion holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// It does.
    Holds,
    /// Nobody can say yet: somebody that it speaks of is not there, or not in force.
    Waits,
    /// It does not.
    Broken,
}

/// The code of a diagnostic that says that an assertion is broken.
pub const BROKEN: &str = "assertionBroken";
/// The code of one that says that an end is not there.
pub(crate) const REFERENCE_NOT_FOUND: &str = "referenceNotFound";

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::Waits => "waits",
            Self::Broken => "broken",
        })
    }
}

/// Every assertion among the resources that is not being deleted, in their order.
pub fn assertions(resources: &[Resource]) -> Vec<Asserted> {
    if !resources.iter().any(|resource| resource.kind() == Kind::Assertion) {
        return Vec::new();
    }
    let (model, _) = check(resources);
    assess(resources, &model, &madang_compile::compile(&model))
}

/// The same for who has the resources compiled already.
pub fn assess(resources: &[Resource], model: &Model, network: &Network) -> Vec<Asserted> {
    let standing = |resource: &&Resource| resource.metadata().deletion_timestamp.is_none();
    let all = resources.iter().filter(standing).filter_map(|resource| match resource {
        Resource::Assertion(assertion) => Some((resource.object_ref(), assertion)),
        _ => None,
    });
    let mut all = all.peekable();
    if all.peek().is_none() {
        return Vec::new();
    }
    let ground = Ground::new(resources, model, network);
    all.map(|(object, assertion)| judge(&ground, object, assertion)).collect()
}

/// Of the assertions after a change, those for which it is refused, and why: those that it breaks, and those that it
/// writes (`written`) and that are broken. A change of a whole (`whole`) may not write ones that speak of nobody either.
pub fn refused(after: &[Asserted], written: impl Fn(&ObjectRef) -> bool, whole: bool) -> Vec<Diagnostic> {
    let refused = |asserted: &&Asserted| {
        let dangles = asserted.code() == Some(REFERENCE_NOT_FOUND);
        let held = asserted.was == Some(Standing::Holds);
        match asserted.standing {
            Standing::Holds => false,
            Standing::Broken if written(&asserted.object) => true,
            // What must not be reached is never to be, also when it is new; what must be is put together bit by bit.
            Standing::Broken if asserted.expect == Expectation::Unreachable => {
                asserted.was != Some(Standing::Broken)
            }
            Standing::Broken => held,
            Standing::Waits if written(&asserted.object) => whole && dangles,
            // Whoever is deleted is not reached, and that is meant. Whoever is there and is cut off is another thing.
            Standing::Waits => held && !dangles && asserted.code() != Some(NOBODY_THERE),
        }
    };
    after.iter().filter(refused).filter_map(|asserted| asserted.diagnostic.clone()).collect()
}

/// The code of a diagnostic that says that an end is a group without members, or a range that nobody is in.
const NOBODY_THERE: &str = "nobodyThere";

impl Asserted {
    fn code(&self) -> Option<&str> {
        self.diagnostic.as_ref().map(|diagnostic| diagnostic.code.as_str())
    }
}

fn judge(
    ground: &Ground<'_>,
    object: ObjectRef,
    Object { metadata, spec, .. }: &Object<AssertionSpec, PlainStatus>,
) -> Asserted {
    let AssertionSpec { from, to, expect, .. } = spec;
    let service = Service::of(spec);
    let word = if *expect == Expectation::Reachable { "reachable" } else { "unreachable" };
    let claim = format!("{from} -> {to} {service} {word}");
    let project = metadata.namespace.as_deref();
    let ends = ground
        .place(project, "spec.from", from)
        .and_then(|from| Ok((from, ground.place(project, "spec.to", to)?)));
    let (standing, diagnostic) = match ends {
        Err(trouble) => of_trouble(trouble, *expect),
        Ok((from, to)) => match seek::seek(ground, &from, &to, service, *expect) {
            Err(trouble) => of_trouble(trouble, *expect),
            Ok(Found::Nothing { .. }) if *expect == Expectation::Unreachable => (Standing::Holds, None),
            Ok(Found::Nothing { anybody: true }) => (Standing::Holds, None),
            Ok(Found::Nothing { anybody: false }) => of_trouble(Trouble::nobody(&from, &to), *expect),
            Ok(Found::Strand(strand)) => {
                (Standing::Broken, Some(why::broken(ground, (&from, &to), strand, service, *expect)))
            }
        },
    };
    let place = |diagnostic: Diagnostic| {
        let path =
            if diagnostic.path.is_empty() { "spec.expect".to_owned() } else { diagnostic.path.clone() };
        ground.located(diagnostic.at(object.clone(), path))
    };
    Asserted { claim, standing, was: None, expect: *expect, diagnostic: diagnostic.map(place), object }
}

/// What is not in force reaches nobody, and nobody reaches it: that is all right with `unreachable`.
fn of_trouble(trouble: Trouble, expect: Expectation) -> (Standing, Option<Diagnostic>) {
    match trouble {
        Trouble::Wrong(diagnostic) => (Standing::Broken, Some(diagnostic)),
        Trouble::Missing(diagnostic) => (Standing::Waits, Some(diagnostic)),
        Trouble::Idle(_) if expect == Expectation::Unreachable => (Standing::Holds, None),
        Trouble::Idle(diagnostic) => (Standing::Waits, Some(diagnostic)),
    }
}
