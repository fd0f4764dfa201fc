//! Everything about one resource.

use std::path::Path;

use jiff::Timestamp;
use madang_api::Dropped;
use madang_model::{ConditionStatus, Layout, ObjectRef, Resource, SOURCE_FILE, SOURCE_LINES, refers_to};
use serde_json::Value;

use super::events;
use super::explain::shown;
use super::style::{Role, Style};
use madang_model::columns::age;

use super::text::{pad, width, wrap};
use super::yaml::to_yaml;

/// The resource among all that there are. Files below `here` are told from there.
pub(crate) fn render(
    resource: &Resource,
    all: &[Resource],
    drops: &[Dropped],
    now: Timestamp,
    here: &Path,
    style: Style,
    columns: usize,
) -> String {
    let mut sections = vec![head(resource, now, here, style)];
    let mut json = resource.to_json();
    let mut part = |name: &str| json.get_mut(name).map(Value::take).unwrap_or_default();
    sections.push(section("Spec", &part("spec"), style));
    let mut status = part("status");
    if let Some(status) = status.as_object_mut() {
        status.remove("conditions");
        status.remove("observedGeneration");
    }
    sections.push(section("Status", &status, style));
    sections.push(conditions(resource, now, style, columns));
    sections.push(events::section(resource, all, now, style));
    sections.push(dropped(resource, drops, style, columns));
    sections.push(used_by(resource, all, style));
    sections.retain(|section| !section.is_empty());
    sections.join("\n")
}

fn head(resource: &Resource, now: Timestamp, here: &Path, style: Style) -> String {
    let metadata = resource.metadata();
    let mut lines = Vec::new();
    let mut line = |label: &'static str, text: String| lines.push((label, text));
    let pairs = |map: &mut dyn Iterator<Item = (&String, &String)>| {
        map.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
    };
    if !metadata.labels.is_empty() {
        line("Labels", pairs(&mut metadata.labels.iter()));
    }
    let own = |(key, _): &(&String, &String)| *key != SOURCE_FILE && *key != SOURCE_LINES;
    let annotations = pairs(&mut metadata.annotations.iter().filter(own));
    if !annotations.is_empty() {
        line("Annotations", annotations);
    }
    if let Some((file, number)) = madang_model::origin(resource, "") {
        line("Written in", format!("{}:{number}", shown(&file, here)));
    }
    if let Some(created) = &metadata.creation_timestamp {
        line("Created", format!("{} ago ({created})", age(Some(created), now)));
    }
    if let Some(asked) = &metadata.deletion_timestamp {
        let waits = metadata.finalizers.join(", ");
        line("Deleting", format!("since {}, waits for {waits}", age(Some(asked), now)));
    }
    if !metadata.owner_references.is_empty() {
        let owners = metadata.owner_references.iter().map(|owner| format!("{}/{}", owner.kind, owner.name));
        line("Belongs to", owners.collect::<Vec<_>>().join(", "));
    }
    line("Generation", metadata.generation.to_string());
    if let Some(uid) = &metadata.uid {
        line("UID", uid.clone());
    }
    let labels = lines.iter().map(|(label, _)| width(label)).max().unwrap_or(0);
    let title = style.paint(Role::Object, &resource.object_ref().to_string());
    let lines = lines.iter().map(|(label, text)| format!("  {}  {text}\n", pad(label, labels)));
    format!("{title}\n{}", lines.collect::<String>())
}

fn section(title: &str, value: &Value, style: Style) -> String {
    if value.as_object().is_none_or(serde_json::Map::is_empty) {
        return String::new();
    }
    let yaml = to_yaml(value);
    let lines =
        yaml.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") });
    format!("{}\n{}", style.paint(Role::Heading, title), lines.collect::<String>())
}

fn conditions(resource: &Resource, now: Timestamp, style: Style, columns: usize) -> String {
    if resource.kind().layout() == Layout::Flat {
        return String::new();
    }
    let title = style.paint(Role::Heading, "Conditions");
    if resource.conditions().is_empty() {
        return format!("{title}\n  none yet: the agent has not looked at it\n");
    }
    let mut text = format!("{title}\n");
    for condition in resource.conditions() {
        let (status, role) = match condition.status {
            ConditionStatus::True => ("true", Role::Good),
            ConditionStatus::False => ("false", Role::Bad),
            ConditionStatus::Unknown => ("unknown", Role::Change),
        };
        let stale = condition.observed_generation < resource.metadata().generation;
        let stale = if stale { ", of an earlier generation" } else { "" };
        let since = age(Some(&condition.last_transition_time), now);
        let name = &condition.r#type;
        text +=
            &format!("  {name}: {} ({}, for {since}{stale})\n", style.paint(role, status), condition.reason);
        for line in wrap(&condition.message, columns.saturating_sub(4), "") {
            if !line.is_empty() {
                text += &format!("    {line}\n");
            }
        }
    }
    text
}

fn dropped(resource: &Resource, drops: &[Dropped], style: Style, columns: usize) -> String {
    let own = resource.object_ref();
    let mut text = String::new();
    for one in drops.iter().filter(|one| one.instance.as_ref() == Some(&own)) {
        let packets = if one.packets == 1 { "packet" } else { "packets" };
        text += &format!("  {}: {} {packets}\n", one.reason, one.packets);
        text.extend(
            wrap(&one.message, columns.saturating_sub(4), "").iter().map(|line| format!("    {line}\n")),
        );
    }
    if text.is_empty() {
        text
    } else {
        format!("{}\n{text}", style.paint(Role::Heading, "Dropped of what it sent"))
    }
}

fn used_by(resource: &Resource, all: &[Resource], style: Style) -> String {
    let own = resource.object_ref();
    let mut users: Vec<_> =
        all.iter().filter(|other| refers_to(other).contains(&own)).map(Resource::object_ref).collect();
    users.retain(|user| *user != own);
    users.sort();
    if users.is_empty() {
        return String::new();
    }
    let line = |user: &ObjectRef| format!("  {}\n", style.paint(Role::Object, &user.to_string()));
    format!("{}\n{}", style.paint(Role::Heading, "Used by"), users.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use madang_model::Kind;

    use super::*;
    use crate::samples;

    fn described(kind: Kind, name: &str) -> String {
        let mut shop = samples::shop();
        shop.extend(samples::events());
        let own = ObjectRef::new(kind, name);
        let dropped = Dropped {
            instance: Some(ObjectRef::new(Kind::Instance, "web-1")),
            interface: "mdab12cd34".to_owned(),
            reason: "ingressDenied".to_owned(),
            message: "No ingress rule of the receiver's security groups allows it.".to_owned(),
            hint: String::new(),
            packets: 12,
        };
        let resource = shop.iter().find(|resource| resource.object_ref() == own).unwrap();
        render(resource, &shop, &[dropped], samples::now(), Path::new("/home/ana"), Style::PLAIN, 60)
    }

    #[test]
    fn an_instance() {
        insta::assert_snapshot!(described(Kind::Instance, "web-1"), @r#"
        Instance/web-1
          Labels      app=web
          Written in  shop.yaml:41
          Created     150m ago (2026-01-10T09:30:00Z)
          Generation  1
          UID         00000000-0000-4000-8000-000000000007

        Spec
          subnet: web
          securityGroups:
            - web
          process:
            command:
              - python3
              - "-m"
              - http.server
              - "8080"
            restartPolicy: Always

        Status
          interface: mdab12cd34
          process:
            pid: 4242
            startedAt: "2026-01-10T09:30:01Z"
            restarts: 0
          address: 10.0.1.4
          mac: "02:00:00:00:00:01"
          node: host-1

        Conditions
          Ready: true (Programmed, for 5m)

        Events
          LAST SEEN   TYPE     REASON    COUNT   MESSAGE
          5m2s        Normal   Started   1       its process was started
          5m          Normal   Running   1       its process runs and its port carries packets

        Dropped of what it sent
          ingressDenied: 12 packets
            No ingress rule of the receiver's security groups allows
            it.

        Used by
          PublicAddress/front
        "#);
    }

    #[test]
    fn a_security_group() {
        insta::assert_snapshot!(described(Kind::SecurityGroup, "web"), @r#"
        SecurityGroup/web
          Written in  shop.yaml:11
          Created     150m ago (2026-01-10T09:30:00Z)
          Generation  1
          UID         00000000-0000-4000-8000-000000000002

        Spec
          vpc: shop
          ingress:
            - protocol: tcp
              ports:
                - "80"
                - "8000-8100"
              from:
                - 0.0.0.0/0
            - protocol: icmp
              from:
                - web
          egress: []

        Conditions
          Ready: true (Programmed, for 5m)

        Used by
          Instance/web-1
        "#);
    }

    #[test]
    fn what_is_not_ready() {
        insta::assert_snapshot!(described(Kind::Instance, "db-1"), @r#"
        Instance/db-1
          Written in  shop.yaml:49
          Created     150m ago (2026-01-10T09:30:00Z)
          Generation  1
          UID         00000000-0000-4000-8000-000000000008

        Spec
          subnet: data
          process:
            command:
              - /usr/bin/db
            restartPolicy: Always

        Status
          interface: mdab12cd34
          process:
            startedAt: "2026-01-10T09:30:01Z"
            restarts: 4
            lastExitCode: 127
          address: 10.0.2.4
          mac: "02:00:00:00:00:01"
          node: host-1

        Conditions
          Ready: false (ProcessExited, for 5m)
            the process ended with exit status 127: /usr/bin/db was
            not found; it is started again in 8 s

        Events
          LAST SEEN   TYPE      REASON    COUNT   MESSAGE
          12s         Warning   BackOff   5       the process ended with exit status 127
        "#);
    }
}
