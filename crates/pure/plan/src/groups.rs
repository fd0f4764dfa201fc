//! What a group of instances needs next, and what is true of it.
//!
//! A group is brought to its number and its template in steps, each decided from what is there, so that a step may fail
//! or be the last one before the host dies. A step never leaves fewer Ready instances than are wanted if there were that
//! many, and never more than one instance above the number: a new one must be Ready before an old one goes.

use std::collections::BTreeMap;

use madang_addr::hash;
use madang_model::{
    InstanceGroupSpec, InstanceGroupStatus, InstanceStatus, InstanceTemplate, Kind, Metadata, Object,
    ObjectRef, OwnerReference, Readiness, Resource, readiness,
};

/// Label: the group that an instance is of.
pub const GROUP_LABEL: &str = "madang.dev/instance-group";
/// Label: the template that an instance was made from.
pub const TEMPLATE_LABEL: &str = "madang.dev/template-hash";

/// What can neither be misread nor spell a word, as Kubernetes has it.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// Characters of a name after the group's.
const SUFFIX: usize = 5;
/// A name is a DNS label.
const LONGEST_NAME: usize = 63;
/// How often a name is drawn again because there is one.
const DRAWS: usize = 100;

/// A group, as it is declared.
pub type Group = Object<InstanceGroupSpec, InstanceGroupStatus>;

/// What a group needs next, and how its instances are now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupStep {
    /// How many instances to make.
    pub create: usize,
    /// Which to delete.
    pub delete: Vec<ObjectRef>,
    /// How many there are. Those that are being deleted count for nothing.
    pub replicas: usize,
    /// How many of them are Ready.
    pub ready: usize,
    /// How many of them are as the template is now.
    pub updated: usize,
}

impl GroupStep {
    /// What the group needs next, given its instances ([`is_of`]).
    pub fn next(group: &Group, instances: &[&Resource]) -> Self {
        let hash = template_hash(&group.spec.template);
        let (mut new, mut old) = (Vec::new(), Vec::new());
        for resource in instances.iter().copied().filter(|r| r.metadata().deletion_timestamp.is_none()) {
            let is_new = resource.metadata().labels.get(TEMPLATE_LABEL) == Some(&hash);
            let of = if is_new { &mut new } else { &mut old };
            of.push(Member::of(resource));
        }
        let wanted = usize::try_from(group.spec.replicas).unwrap_or(usize::MAX);
        let ready = count_ready(&new) + count_ready(&old);
        let mut step = Self { replicas: new.len() + old.len(), ready, updated: new.len(), ..Self::default() };
        // While there are old ones, one more than the number may be there.
        let surge = usize::from(!old.is_empty() && wanted > 0);
        let room = wanted.saturating_add(surge).saturating_sub(step.replicas);
        step.create = room.min(wanted.saturating_sub(new.len()));
        step.delete = victims(wanted, new, old);
        step
    }

    /// Whether all is as it is declared.
    pub fn is_done(&self, group: &Group) -> bool {
        let wanted = usize::try_from(group.spec.replicas).unwrap_or(usize::MAX);
        self.replicas == wanted && self.ready == wanted && self.updated == wanted
    }
}

/// Whether this is an instance that the group made.
pub fn is_of(group: &Group, resource: &Resource) -> bool {
    let metadata = resource.metadata();
    let controls = |owner: &OwnerReference| {
        owner.controller == Some(true) && Some(owner.uid.as_str()) == group.metadata.uid.as_deref()
    };
    resource.kind() == Kind::Instance
        && metadata.namespace == group.metadata.namespace
        && metadata.owner_references.iter().any(controls)
}

/// The label selector that finds a group's instances.
pub fn selector(group: &Group) -> String {
    format!("{GROUP_LABEL}={}", group.metadata.name)
}

/// So many new instances of the group, named `GROUP-xxxxx` by these random bits, none of a name that is taken. Fewer, if
/// no name is found that is free.
pub fn new_instances(
    group: &Group,
    count: usize,
    mut random: impl FnMut() -> u64,
    is_taken: impl Fn(&str) -> bool,
) -> Vec<Resource> {
    let mut made: Vec<Resource> = Vec::new();
    let hash = template_hash(&group.spec.template);
    for _ in 0..count {
        let mut names = std::iter::repeat_with(|| name(&group.metadata.name, random())).take(DRAWS);
        let free = |name: &String| !is_taken(name) && made.iter().all(|made| made.metadata().name != *name);
        let Some(name) = names.find(free) else { break };
        made.push(instance(group, name, &hash));
    }
    made
}

/// What tells a template from another one: the same for the same labels, annotations and spec.
pub fn template_hash(template: &InstanceTemplate) -> String {
    let text = serde_json::to_vec(template).expect("a template has a JSON text");
    letters(hash::fnv1a(hash::START, &text), 10)
}

fn instance(group: &Group, name: String, hash: &str) -> Resource {
    let template = &group.spec.template;
    let own = [(GROUP_LABEL, group.metadata.name.as_str()), (TEMPLATE_LABEL, hash)];
    let own = own.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let labels: BTreeMap<_, _> = template.metadata.labels.clone().into_iter().chain(own).collect();
    let owner = OwnerReference {
        api_version: Kind::InstanceGroup.api_version().to_owned(),
        kind: Kind::InstanceGroup.name().to_owned(),
        name: group.metadata.name.clone(),
        uid: group.metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    };
    Resource::Instance(Object {
        metadata: Metadata {
            name,
            namespace: group.metadata.namespace.clone(),
            labels,
            annotations: template.metadata.annotations.clone(),
            owner_references: vec![owner],
            ..Metadata::default()
        },
        spec: template.spec.clone(),
        status: InstanceStatus::default(),
    })
}

fn name(group: &str, random: u64) -> String {
    let room = LONGEST_NAME - SUFFIX - 1;
    // Names are ASCII, and a label has no dash at its end.
    let group = group.get(..room).unwrap_or(group).trim_end_matches('-');
    format!("{group}-{}", letters(random, SUFFIX))
}

fn letters(mut bits: u64, count: usize) -> String {
    let base = ALPHABET.len() as u64;
    let mut letter = || {
        let place = usize::try_from(bits % base).unwrap_or_default();
        bits /= base;
        char::from(ALPHABET[place])
    };
    (0..count).map(|_| letter()).collect()
}

/// An instance of the group that is to stay so far.
struct Member<'a> {
    resource: &'a Resource,
    ready: bool,
}

impl<'a> Member<'a> {
    fn of(resource: &'a Resource) -> Self {
        Self { resource, ready: readiness(resource) == Readiness::Ready }
    }

    /// Who goes first goes to the front: who is not Ready, then the youngest.
    fn order(&self) -> (bool, std::cmp::Reverse<(&Option<String>, &str)>) {
        let metadata = self.resource.metadata();
        (self.ready, std::cmp::Reverse((&metadata.creation_timestamp, &metadata.name)))
    }
}

fn count_ready(members: &[Member<'_>]) -> usize {
    members.iter().filter(|member| member.ready).count()
}

/// Who is to go. Of those that are not Ready, new ones that may still become so are spared before old ones.
fn victims(wanted: usize, mut new: Vec<Member<'_>>, mut old: Vec<Member<'_>>) -> Vec<ObjectRef> {
    new.sort_by(|a, b| a.order().cmp(&b.order()));
    old.sort_by(|a, b| a.order().cmp(&b.order()));
    // Each new one that is not Ready yet holds the place of an old one until it is.
    let pending = (new.len() - count_ready(&new)).min(wanted);
    let mut spare = (new.len() + old.len()).saturating_sub(wanted);
    let mut ready = (count_ready(&new) + count_ready(&old)).saturating_sub(wanted);
    let mut going = Vec::new();
    let mut take = |members: &[Member<'_>], held: usize| {
        for member in members {
            let may_go = spare > held && (!member.ready || ready > 0);
            if !may_go {
                break;
            }
            spare -= 1;
            ready -= usize::from(member.ready);
            going.push(member.resource.object_ref());
        }
    };
    let surplus = new.len().saturating_sub(wanted);
    take(&new[..surplus], 0);
    take(&old, pending.min(new.len() - surplus));
    going
}

#[cfg(test)]
mod tests;
