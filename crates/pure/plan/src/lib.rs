//! What a change does: to resources, to reachability, to the host.
//!
//! [`preview()`] tells people, before anything is done, what a change of resources means: field by field, and who can
//! open connections to whom afterwards that could not before, and whether the assertions hold. [`plan()`] tells the executor on a host what to do, in
//! order, and people what was left undone and why. Both only compare; neither does anything.
//!
//! What follows from the resources by themselves is decided here too: what a group of instances needs next ([`GroupStep`]),
//! what goes because its owner went ([`garbage()`]), how a project is emptied ([`emptying`]).

mod action;
mod assertions;
mod changes;
mod fields;
mod garbage;
pub mod groups;
mod host;
mod observed;
mod order;
mod preview;
mod projects;
mod reach;

pub use action::Action;
pub use assertions::{Asserted, BROKEN, Standing, assertions, assess, refused};
pub use changes::{Change, ChangeAction, changes};
pub use fields::FieldChange;
pub use garbage::{
    Chore, ChoreKind, FOREGROUND_FINALIZER, ORPHAN_FINALIZER, Propagation, dependants, garbage,
};
pub use groups::GroupStep;
pub use host::{HostDesired, NotDone, Plan, plan};
pub use observed::{HostObserved, ObservedPort, ObservedUplink, ObservedWorkload, WorkloadState};
pub use order::{order_for_create, order_for_delete};
pub use preview::{Preview, preview};
pub use projects::{Emptying, NAMESPACE_FINALIZER, contents, emptying};
pub use reach::{Outside, Party, Path, Ports, Protocol, Reachability, reachability};
