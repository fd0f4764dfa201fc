use serde_json::{Value, json};

use super::*;

/// Instances by name, each with the names of its owners and whether it blocks them. A name is a uid too.
fn family(members: &[(&str, &[(&str, bool)])]) -> Vec<Resource> {
    members.iter().map(|(name, owners)| member(name, owners)).collect()
}

fn member(name: &str, owners: &[(&str, bool)]) -> Resource {
    let owner = |(name, blocks): &(&str, bool)| json!({ "apiVersion": madang_model::API_VERSION, "kind": "Instance", "name": name, "uid": name, "blockOwnerDeletion": blocks });
    let owners: Vec<Value> = owners.iter().map(owner).collect();
    let metadata = json!({ "name": name, "namespace": "lab", "uid": name, "ownerReferences": owners });
    let spec = json!({ "subnet": "web", "process": { "command": ["a"] } });
    Resource::decode(json!({ "kind": "Instance", "metadata": metadata, "spec": spec })).unwrap()
}

fn going(mut resource: Resource, finalizers: &[&str]) -> Resource {
    resource.metadata_mut().deletion_timestamp = Some("2026-01-01T00:00:00Z".into());
    resource.metadata_mut().finalizers = finalizers.iter().map(|f| (*f).to_owned()).collect();
    resource
}

fn chores(resources: &[Resource]) -> Vec<(String, ChoreKind)> {
    garbage(resources).into_iter().map(|chore| (chore.resource.metadata().name.clone(), chore.what)).collect()
}

fn of(name: &str, what: ChoreKind) -> (String, ChoreKind) {
    (name.to_owned(), what)
}

fn set(uids: &[&str]) -> BTreeSet<String> {
    uids.iter().map(|uid| (*uid).to_owned()).collect()
}

const DELETE: ChoreKind = ChoreKind::Delete(Propagation::Background);

#[test]
fn who_has_an_owner_stays_and_who_has_lost_all_goes() {
    let resources = family(&[("free", &[]), ("owned", &[("free", true)]), ("lost", &[("gone", true)])]);
    assert_eq!(chores(&resources), [of("lost", DELETE)]);
    let both = family(&[("free", &[]), ("half", &[("free", true), ("gone", true)])]);
    assert_eq!(chores(&both), [of("half", ChoreKind::Disown(set(&["gone"])))], "one owner is enough");
}

#[test]
fn an_owner_of_the_name_and_another_uid_is_another_one() {
    let mut resources = family(&[("a", &[]), ("b", &[("a", true)])]);
    resources[0].metadata_mut().uid = Some("later".into());
    assert_eq!(chores(&resources), [of("b", DELETE)]);
    let mut elsewhere = family(&[("a", &[]), ("b", &[("a", true)])]);
    elsewhere[0].metadata_mut().namespace = Some("other".into());
    assert_eq!(chores(&elsewhere), [of("b", DELETE)], "nobody is owned from another project");
}

#[test]
fn who_cannot_be_known_is_taken_to_be_there() {
    let mut resources = family(&[("a", &[("deployment", true)])]);
    resources[0].metadata_mut().owner_references[0].api_version = "apps/v1".into();
    assert_eq!(chores(&resources), []);
}

#[test]
fn what_is_going_already_is_left_to_go() {
    let resources = [going(member("a", &[("gone", true)]), &["madang.dev/instance"])];
    assert_eq!(chores(&resources), []);
}

#[test]
fn in_the_foreground_dependants_go_first() {
    let foreground = &[FOREGROUND_FINALIZER][..];
    let finalized = ChoreKind::Finalize(FOREGROUND_FINALIZER);
    let owner = || going(member("owner", &[]), foreground);
    let (blocks, does_not) = (member("b", &[("owner", true)]), member("c", &[("owner", false)]));
    let resources = [owner(), blocks.clone(), does_not.clone()];
    assert_eq!(chores(&resources), [of("b", DELETE), of("c", DELETE)], "it waits for b");
    let resources = [owner(), going(blocks, &["x"]), going(does_not.clone(), &["x"])];
    assert_eq!(chores(&resources), [], "still");
    let resources = [owner(), going(does_not, &["x"])];
    assert_eq!(chores(&resources), [of("owner", finalized.clone())], "c does not keep it");
    let shared = [owner(), member("other", &[]), member("d", &[("owner", true), ("other", true)])];
    assert_eq!(chores(&shared), [of("d", ChoreKind::Disown(set(&["owner"])))]);
    let deep = [owner(), member("b", &[("owner", true)]), member("e", &[("b", true)])];
    assert_eq!(chores(&deep), [of("b", ChoreKind::Delete(Propagation::Foreground))]);
    assert_eq!(chores(&[owner()]), [of("owner", finalized)]);
}

#[test]
fn a_circle_goes_too() {
    let foreground = &[FOREGROUND_FINALIZER][..];
    let circle = [
        going(member("a", &[("b", true)]), foreground),
        going(member("b", &[("c", true)]), foreground),
        going(member("c", &[("a", true)]), foreground),
    ];
    let finalized = ChoreKind::Finalize(FOREGROUND_FINALIZER);
    assert_eq!(chores(&circle), ["a", "b", "c"].map(|name| of(name, finalized.clone())));
}

#[test]
fn orphans_stay_and_belong_to_nobody() {
    let owner = || going(member("owner", &[]), &[ORPHAN_FINALIZER]);
    let resources = [owner(), member("b", &[("owner", true)])];
    assert_eq!(chores(&resources), [of("b", ChoreKind::Disown(set(&["owner"])))]);
    let resources = [owner(), member("b", &[])];
    assert_eq!(chores(&resources), [of("owner", ChoreKind::Finalize(ORPHAN_FINALIZER))]);
}

#[test]
fn who_could_not_do_without() {
    let resources = family(&[
        ("a", &[]),
        ("b", &[("a", true)]),
        ("c", &[("b", true)]),
        ("d", &[("a", true), ("x", true)]),
        ("x", &[]),
    ]);
    let names = |of: &[&str]| {
        let found = dependants(&resources, &set(of)).into_iter();
        found.map(|resource| resource.metadata().name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["a"]), ["b", "c"]);
    assert_eq!(names(&["a", "x"]), ["b", "d", "c"]);
    assert_eq!(names(&["c"]), Vec::<String>::new());
}

#[test]
fn a_long_chain_is_followed_to_its_end() {
    const LENGTH: usize = 100_000;
    let link = |n: usize| match n {
        0 => member("m0", &[]),
        n => member(&format!("m{n}"), &[(&format!("m{}", n - 1), true)]),
    };
    let chain: Vec<_> = (0..LENGTH).map(link).collect();
    assert_eq!(dependants(&chain, &set(&["m0"])).len(), LENGTH - 1);
    let mut waiting: Vec<_> = chain.into_iter().map(|r| going(r, &[FOREGROUND_FINALIZER])).collect();
    let last = format!("m{}", LENGTH - 1);
    assert_eq!(
        chores(&waiting),
        [of(&last, ChoreKind::Finalize(FOREGROUND_FINALIZER))],
        "nobody waits for the last"
    );
    let first = waiting[LENGTH - 1].metadata().uid.clone().unwrap();
    let closed = going(member("m0", &[(&first, true)]), &[FOREGROUND_FINALIZER]);
    waiting[0] = closed;
    assert_eq!(chores(&waiting).len(), LENGTH, "in a circle nobody waits");
}
