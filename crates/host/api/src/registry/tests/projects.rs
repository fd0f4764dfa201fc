use madang_plan::NAMESPACE_FINALIZER;

use super::*;

fn lab(kind: Kind, name: &str) -> ObjectRef {
    ObjectRef::in_namespace(kind, Some("lab"), name)
}

fn secret(project: &str, name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": project } })
}

fn phase(resource: &Resource) -> Option<&str> {
    match resource {
        Resource::Namespace(project) => project.status.phase.as_deref(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_made_in_a_project_that_is_not_there() {
    let registry = registry();
    for made in [inside("lab", vpc("shop")), secret("lab", "key"), inside("lab", instance("a", "web"))] {
        let error = registry.create(typed(made)).unwrap_err();
        assert_eq!(
            (error.reason, error.message.as_str()),
            (Reason::NotFound, "namespaces \"lab\" not found")
        );
    }
    let error = registry.apply(bundle(&[inside("lab", vpc("shop")), vpc("other")])).unwrap_err();
    assert_eq!((error.reason, error.message.as_str()), (Reason::NotFound, "namespaces \"lab\" not found"));
    let said = &error.diagnostics[0];
    assert_eq!(
        (said.path.as_str(), said.object.as_ref()),
        ("metadata.namespace", Some(&lab(Kind::Vpc, "shop")))
    );
    assert!(said.hint.as_ref().unwrap().contains("kind: Namespace"), "{said:?}");
    assert_eq!(registry.all().unwrap().items, []);
    registry.create(typed(vpc("shop"))).unwrap();
}

#[test]
fn a_bundle_may_make_the_project_too() {
    let registry = registry();
    // In any order: what counts is how it is in the end.
    let all =
        [inside("lab", vpc("shop")), inside("lab", subnet("web", "shop", 1)), project("lab"), vpc("shop")];
    registry.apply(bundle(&all)).unwrap();
    let created = registry.get(&object(Kind::Namespace, "lab")).unwrap();
    assert_eq!(
        (phase(&created), created.metadata().finalizers.as_slice()),
        (Some("Active"), &[NAMESPACE_FINALIZER.to_owned()][..])
    );
    registry.create(typed(inside("lab", instance("a", "web")))).unwrap();
    registry.create(typed(secret("lab", "key"))).unwrap();
    let again = registry.create(typed(secret("lab", "key")));
    assert_eq!(reason(again), Reason::AlreadyExists);
}

#[test]
fn the_default_project_is_always_there() {
    let registry = registry();
    registry.ensure_default_project().unwrap();
    registry.ensure_default_project().unwrap();
    let default = object(Kind::Namespace, "default");
    assert_eq!(registry.list(Kind::Namespace).unwrap().items.len(), 1);
    let error = registry.delete(&default).unwrap_err();
    assert_eq!(error.reason, Reason::Forbidden);
    assert!(error.message.contains("\"default\" cannot be deleted"), "{error}");
    let bundled = Bundle { delete: vec![default.clone()], ..Bundle::default() };
    assert_eq!(reason(registry.apply(bundled)), Reason::Forbidden);
    assert!(registry.get(&default).is_ok());
}

#[test]
fn nothing_is_made_in_a_project_that_is_going() {
    let registry = registry();
    registry.apply(bundle(&[project("lab"), inside("lab", vpc("shop"))])).unwrap();
    let name = object(Kind::Namespace, "lab");
    let Deletion::Pending(going) = registry.delete(&name).unwrap() else { panic!("it has a finalizer") };
    assert_eq!(phase(&going), Some("Terminating"));
    for made in [inside("lab", vpc("other")), secret("lab", "key")] {
        let error = registry.create(typed(made.clone())).unwrap_err();
        assert_eq!(error.reason, Reason::Forbidden);
        assert!(error.message.contains("because it is being terminated"), "{error}");
        assert_eq!(reason(registry.apply(bundle(&[made]))), Reason::Forbidden);
    }
    let wider = value("Vpc", "shop", &json!({ "cidrs": ["10.0.0.0/16", "10.1.0.0/16"] }));
    registry.update(typed(inside("lab", wider))).unwrap();
    let mut reported = registry.get(&name).unwrap();
    if let Resource::Namespace(project) = &mut reported {
        project.status.phase = Some("Active".into());
    }
    assert_eq!(
        phase(&registry.update_status(reported).unwrap()),
        Some("Terminating"),
        "that is nobody's to say"
    );
    registry.delete(&lab(Kind::Vpc, "shop")).unwrap();
    registry.finalize(&going, NAMESPACE_FINALIZER).unwrap();
    assert_eq!(reason(registry.create(typed(secret("lab", "key")))), Reason::NotFound);
}

#[test]
fn a_bundle_does_not_fill_the_project_that_it_deletes() {
    let registry = registry();
    registry.apply(bundle(&[project("lab")])).unwrap();
    let delete = vec![object(Kind::Namespace, "lab")];
    let both = Bundle { delete, ..bundle(&[inside("lab", vpc("shop"))]) };
    assert_eq!(reason(registry.apply(both)), Reason::Forbidden);
}

#[test]
fn two_projects_use_the_same_names() {
    let registry = registry();
    let shop = |project: &str| shop().into_iter().map(|value| inside(project, value)).collect::<Vec<_>>();
    registry.apply(bundle(&[vec![project("a"), project("b")], shop("a"), shop("b")].concat())).unwrap();
    let of = |project: &str| {
        registry.get(&ObjectRef::in_namespace(Kind::Instance, Some(project), "web-1")).unwrap()
    };
    assert_eq!(address(&of("a")).as_deref(), Some("10.0.1.4"));
    assert_eq!(address(&of("b")), address(&of("a")));
    assert_ne!(of("b").metadata().uid, of("a").metadata().uid);
}
