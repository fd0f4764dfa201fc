//! Questions about oneself: who am I, may I, what may I. Kubernetes' reviews, from JSON to JSON.

use madang_model::PolicyRule;
use serde_json::{Map, Value, json};

use crate::{Attributes, Policy, User};

/// A question that cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// It asks for nothing, or for two things.
    #[error("spec has either resourceAttributes or nonResourceAttributes: write one of them")]
    NotOne,
    /// A field is no text.
    #[error("spec.{field} must be text")]
    NoText {
        /// Which.
        field: &'static str,
    },
    /// The project is missing.
    #[error("spec.namespace is missing: write the project whose rules are asked for")]
    NoNamespace,
}

/// Answers a SelfSubjectReview (`kubectl auth whoami`).
pub fn self_review(user: &User) -> Value {
    let mut info = json!({ "username": user.name, "groups": user.all_groups() });
    if let Some(uid) = &user.uid {
        info["uid"] = uid.as_str().into();
    }
    json!({
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": { "creationTimestamp": null },
        "status": { "userInfo": info },
    })
}

/// Answers a SelfSubjectAccessReview (`kubectl auth can-i`).
///
/// # Errors
/// The question cannot be understood.
pub fn access_review(asked: &Value, user: &User, policy: &Policy) -> Result<Value, ReviewError> {
    let spec = &asked["spec"];
    let decision = policy.allows(user, &attributes(spec)?);
    let mut status = json!({ "allowed": decision.allowed });
    if !decision.reason.is_empty() {
        status["reason"] = decision.reason.into();
    }
    Ok(json!({
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": { "creationTimestamp": null },
        "spec": spec,
        "status": status,
    }))
}

/// Answers a SelfSubjectRulesReview (`kubectl auth can-i --list`).
///
/// # Errors
/// The question cannot be understood.
pub fn rules_review(asked: &Value, user: &User, policy: &Policy) -> Result<Value, ReviewError> {
    let spec = &asked["spec"];
    let namespace = text(spec, "namespace", "namespace")?;
    if namespace.is_empty() {
        return Err(ReviewError::NoNamespace);
    }
    let rules = policy.rules_for(user, &namespace);
    let of_resources = rules.iter().filter(|rule| !rule.resources.is_empty());
    let of_paths = rules.iter().filter(|rule| !rule.non_resource_urls.is_empty());
    Ok(json!({
        "kind": "SelfSubjectRulesReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": { "creationTimestamp": null },
        "spec": {},
        "status": {
            "resourceRules": of_resources.map(resource_rule).collect::<Vec<_>>(),
            "nonResourceRules": of_paths.map(path_rule).collect::<Vec<_>>(),
            "incomplete": false,
        },
    }))
}

fn attributes(spec: &Value) -> Result<Attributes, ReviewError> {
    let part = |name: &str| spec.get(name).filter(|value| value.is_object());
    match (part("resourceAttributes"), part("nonResourceAttributes")) {
        (Some(of), None) => {
            let text = |name, field| text(of, name, field);
            let asked = Attributes::resource(
                text("verb", "resourceAttributes.verb")?,
                text("group", "resourceAttributes.group")?,
                text("resource", "resourceAttributes.resource")?,
            );
            Ok(asked
                .part(text("subresource", "resourceAttributes.subresource")?)
                .in_namespace(text("namespace", "resourceAttributes.namespace")?)
                .named(text("name", "resourceAttributes.name")?))
        }
        (None, Some(of)) => Ok(Attributes::path(
            text(of, "verb", "nonResourceAttributes.verb")?,
            text(of, "path", "nonResourceAttributes.path")?,
        )),
        _ => Err(ReviewError::NotOne),
    }
}

fn text(of: &Value, name: &str, field: &'static str) -> Result<String, ReviewError> {
    match of.get(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(ReviewError::NoText { field }),
    }
}

fn resource_rule(rule: &PolicyRule) -> Value {
    let mut shown = Map::new();
    shown.insert("verbs".to_owned(), json!(rule.verbs));
    shown.insert("apiGroups".to_owned(), json!(rule.api_groups));
    shown.insert("resources".to_owned(), json!(rule.resources));
    if !rule.resource_names.is_empty() {
        shown.insert("resourceNames".to_owned(), json!(rule.resource_names));
    }
    Value::Object(shown)
}

fn path_rule(rule: &PolicyRule) -> Value {
    json!({ "verbs": rule.verbs, "nonResourceURLs": rule.non_resource_urls })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::binding;

    fn policy() -> Policy {
        let mut resources = crate::defaults();
        resources.push(binding("p", "ana", "ClusterRole:view", &["User:ana"]));
        Policy::new(&resources)
    }

    fn may(attributes: &Value) -> Result<Value, ReviewError> {
        let ana = User::new("ana", ["dev"]);
        access_review(&json!({ "spec": attributes }), &ana, &policy()).map(|answer| answer["status"].clone())
    }

    #[test]
    fn who_am_i() {
        let ana = User { uid: Some("1".to_owned()), ..User::new("ana", ["dev"]) };
        let answer = self_review(&ana);
        assert_eq!(answer["kind"], "SelfSubjectReview");
        let info = json!({ "username": "ana", "groups": ["dev", "system:authenticated"], "uid": "1" });
        assert_eq!(answer["status"]["userInfo"], info);
    }

    #[test]
    fn may_i() {
        let list = |namespace: &str| {
            may(&json!({ "resourceAttributes": {
                "verb": "list", "group": "madang.dev", "version": "v1alpha1", "resource": "vpcs", "namespace": namespace,
            } }))
            .unwrap()
        };
        let reason = "allowed by RoleBinding \"p/ana\" of ClusterRole \"view\" to User \"ana\"";
        assert_eq!(list("p"), json!({ "allowed": true, "reason": reason }));
        assert_eq!(list("q"), json!({ "allowed": false }));
        let path = may(&json!({ "nonResourceAttributes": { "verb": "get", "path": "/version" } })).unwrap();
        assert_eq!(path["allowed"], true);
        assert_eq!(may(&json!({})), Err(ReviewError::NotOne));
        assert_eq!(
            may(&json!({ "resourceAttributes": {}, "nonResourceAttributes": {} })),
            Err(ReviewError::NotOne)
        );
        assert_eq!(
            may(&json!({ "resourceAttributes": { "verb": 1 } })),
            Err(ReviewError::NoText { field: "resourceAttributes.verb" })
        );
        assert_eq!(may(&json!({ "resourceAttributes": {} })).unwrap()["allowed"], false);
    }

    #[test]
    fn what_may_i() {
        let ask = |namespace: &Value| {
            let asked = json!({ "spec": { "namespace": namespace } });
            rules_review(&asked, &User::new("ana", [] as [&str; 0]), &policy())
        };
        let status = ask(&"p".into()).unwrap()["status"].clone();
        assert_eq!(status["incomplete"], false);
        let rules = status["resourceRules"].as_array().unwrap();
        assert!(
            rules.iter().any(|rule| rule["resources"][0] == "namespaces"
                && rule["verbs"] == json!(["get", "list", "watch"]))
        );
        assert!(
            status["nonResourceRules"]
                .as_array()
                .unwrap()
                .iter()
                .any(|rule| rule["nonResourceURLs"][0] == "/api")
        );
        let elsewhere = ask(&"q".into()).unwrap()["status"]["resourceRules"].clone();
        assert_eq!(elsewhere.as_array().unwrap().len(), 2, "only the questions themselves: {elsewhere}");
        assert_eq!(ask(&"".into()), Err(ReviewError::NoNamespace));
        assert_eq!(ask(&1.into()), Err(ReviewError::NoText { field: "namespace" }));
    }
}
