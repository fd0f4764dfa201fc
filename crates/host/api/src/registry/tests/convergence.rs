//! Single writes in any order end in the same.

use super::*;

/// A small cloud in which everything refers to something.
fn cloud() -> Vec<Value> {
    vec![
        value(
            "AddressPool",
            "out",
            &json!({ "interface": "eth0", "nextHop": "203.0.113.1", "addresses": ["203.0.113.8/29"] }),
        ),
        vpc("shop"),
        value("SecurityGroup", "a", &json!({ "vpc": "shop", "ingress": [{ "from": ["b"] }] })),
        value("SecurityGroup", "b", &json!({ "vpc": "shop", "ingress": [{ "from": ["a"] }] })),
        value("NatGateway", "nat", &json!({ "vpc": "shop", "pool": "out" })),
        value(
            "RouteTable",
            "rt",
            &json!({ "vpc": "shop", "routes": [{ "destination": "0.0.0.0/0", "target": "nat", "natGateway": "nat" }] }),
        ),
        value("Subnet", "web", &json!({ "vpc": "shop", "cidr": "10.0.1.0/24", "routeTable": "rt" })),
        in_groups("i", &["a"]),
        in_groups("j", &["b"]),
        value(
            "PublicAddress",
            "front",
            &json!({ "pool": "out", "forwards": [{ "port": 80, "instance": "i" }] }),
        ),
        value("Assertion", "says", &json!({ "from": "i", "to": "j", "port": 80, "expect": "reachable" })),
        value("Assertion", "denies", &json!({ "from": "internet", "to": "sg/b", "expect": "unreachable" })),
    ]
}

fn in_groups(name: &str, groups: &[&str]) -> Value {
    let mut value = instance(name, "web");
    value["spec"]["securityGroups"] = json!(groups);
    value
}

/// Different orders, the reverse among them.
fn orders() -> Vec<Vec<Value>> {
    let all = cloud();
    let rotated = (0..all.len()).map(|n| {
        let mut order = all.clone();
        order.rotate_left(n);
        order
    });
    let mut orders: Vec<_> = rotated.collect();
    orders.extend(orders.clone().into_iter().map(|mut order| {
        order.reverse();
        order
    }));
    orders
}

#[test]
fn created_in_any_order_everything_is_right_in_the_end() {
    for order in orders() {
        let registry = registry();
        let names: Vec<_> = order.iter().map(|value| value["metadata"]["name"].clone()).collect();
        for value in order {
            registry.create(typed(value)).unwrap_or_else(|error| panic!("{error} in {names:?}"));
        }
        let all = registry.all().unwrap().items;
        let (model, wrong) = madang_model::check(&all);
        assert_eq!(wrong, [], "{names:?}");
        assert!(all.iter().all(|resource| model.contains(&resource.object_ref())), "{names:?}");
        let asserted = madang_plan::assertions(&all);
        assert!(
            asserted.iter().all(|a| a.standing == madang_plan::Standing::Holds),
            "{names:?}: {asserted:?}"
        );
    }
}

#[test]
fn deleted_in_any_order_nothing_is_left() {
    for order in orders() {
        let registry = registry();
        registry.apply(bundle(&cloud())).unwrap();
        let objects: Vec<_> = order.into_iter().map(|value| typed(value).object_ref()).collect();
        // Who holds on to an assertion is asked again, as by anybody who deletes a file's resources one by one.
        let mut left = objects.clone();
        for _ in 0..2 {
            left.retain(|object| match registry.delete(object) {
                Ok(_) => false,
                Err(error) => {
                    assert!(error.is(Reason::Invalid), "{error}");
                    assert!(
                        error
                            .diagnostics
                            .iter()
                            .all(|d| d.object.as_ref().is_some_and(|o| o.kind == Kind::Assertion))
                    );
                    true
                }
            });
            for instance in registry.list(Kind::Instance).unwrap().items {
                registry.finalize(&instance, INSTANCE_FINALIZER).unwrap();
            }
        }
        assert_eq!(registry.all().unwrap().items, [], "{objects:?}");
    }
}

#[test]
fn deleted_in_any_order_without_assertions_nobody_is_asked_twice() {
    for order in orders() {
        let registry = registry();
        registry.apply(bundle(&cloud())).unwrap();
        for name in ["says", "denies"] {
            registry.delete(&object(Kind::Assertion, name)).unwrap();
        }
        let objects = order.into_iter().map(|value| typed(value).object_ref());
        for object in objects.filter(|object| object.kind != Kind::Assertion) {
            registry.delete(&object).unwrap();
        }
        for instance in registry.list(Kind::Instance).unwrap().items {
            registry.finalize(&instance, INSTANCE_FINALIZER).unwrap();
        }
        assert_eq!(registry.all().unwrap().items, []);
    }
}
