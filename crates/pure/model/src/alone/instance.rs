//! Instances and what they run.

use super::Found;
use crate::words::quote;
use crate::{Diagnostic, InstanceGroupSpec, InstanceSpec, Resources};

pub(super) fn instance(found: &mut Found, spec: &InstanceSpec) {
    const LEAST_MEMORY: u64 = 1 << 20;
    const LEAST_CPU: u32 = 10;
    const MOST_USER_DATA: usize = 16 << 10;
    found.address("spec.address", spec.address);
    found.no_repeats("spec.securityGroups", &spec.security_groups);
    match (&spec.process, &spec.host) {
        (Some(own), None) => process(found, own),
        (None, Some(_)) => host(found, spec),
        (None, None) => {
            let diagnostic = Diagnostic::new("missingField", "it says nothing of what runs on the subnet");
            let hint = "write process: and its command, as { command: [sleep, infinity] }; or host: {} for the host itself";
            found.add("spec", diagnostic.hint(hint));
        }
        (Some(_), Some(_)) => {
            let diagnostic = Diagnostic::new("invalidValue", "it cannot be a process and the host at once");
            found.add("spec.host", diagnostic.hint("leave out one of them, or make two instances"));
        }
    }
    if let Some(data) = spec.user_data.as_ref().filter(|data| data.len() > MOST_USER_DATA) {
        let message = format!("{} bytes are too many", data.len());
        let hint = format!("write at most {MOST_USER_DATA} bytes, or where to get the rest");
        found.add("spec.userData", Diagnostic::new("outOfRange", message).hint(hint));
    }
    if let Some(memory) = spec.resources.memory.filter(|memory| memory.0 < LEAST_MEMORY) {
        let message = format!("{memory} is too little memory: {} bytes", memory.0);
        let hint = format!("write an amount of at least 1Mi; did you mean {}Mi?", memory.0.min(1024));
        found.add("spec.resources.memory", Diagnostic::new("outOfRange", message).hint(hint));
    }
    if let Some(cpu) = spec.resources.cpu.filter(|cpu| cpu.0 < LEAST_CPU) {
        let cause = "the kernel gives CPU time in parts of at least 1 ms in 100 ms";
        let diagnostic = Diagnostic::new("outOfRange", format!("{cpu} is too little CPU")).cause(cause);
        found.add("spec.resources.cpu", diagnostic.hint("write an amount of at least 10m"));
    }
}

/// The host lets nobody in whom its rules do not name: a VPC's own group would let in all of its members, to every port.
fn host(found: &mut Found, spec: &InstanceSpec) {
    if spec.security_groups.is_empty() {
        let cause = "the VPC's default group would let its members reach every port of the host";
        let diagnostic = Diagnostic::new("missingField", "the host names no security group").cause(cause);
        found.add("spec.securityGroups", diagnostic.hint("name the groups whose rules hold for it"));
    }
    if spec.unmanaged {
        let diagnostic = Diagnostic::new("invalidValue", "the host's interface is always set up");
        found.add("spec.unmanaged", diagnostic.hint("leave it out"));
    }
    if spec.resources != Resources::default() {
        let diagnostic = Diagnostic::new("invalidValue", "the host cannot be given a part of itself");
        found.add("spec.resources", diagnostic.hint("leave it out"));
    }
}

/// A group's template, its paths below `spec.template`.
pub(super) fn group(found: &mut Found, spec: &InstanceGroupSpec) {
    const MOST: u32 = 1000;
    if spec.replicas > MOST {
        let message = format!("{} is out of range", spec.replicas);
        found.add(
            "spec.replicas",
            Diagnostic::new("outOfRange", message).hint(format!("write a number of 0 to {MOST}")),
        );
    }
    if let Some(address) = spec.template.spec.address {
        let diagnostic =
            Diagnostic::new("invalidValue", format!("{address} cannot be the address of all of them"));
        found.add("spec.template.spec.address", diagnostic.hint("leave it out: each gets a free one"));
    }
    if spec.template.spec.host.is_some() {
        let diagnostic = Diagnostic::new("invalidValue", "there cannot be several of the host");
        found.add("spec.template.spec.host", diagnostic.hint("write an Instance with host: {} by itself"));
    }
    let mut inner = Found(Vec::new());
    instance(&mut inner, &InstanceSpec { address: None, ..spec.template.spec.clone() });
    for problem in inner.0 {
        let path = format!("spec.template.{}", problem.diagnostic.path);
        found.add(path, problem.diagnostic);
    }
}

fn process(found: &mut Found, process: &crate::ProcessSpec) {
    let example = "write a program and its arguments, as [python3, -m, http.server, \"8080\"]";
    found.not_empty("spec.process.command", &process.command, example);
    if process.command.first().is_some_and(String::is_empty) {
        let diagnostic = Diagnostic::new("invalidValue", "the program's name is empty").hint(example);
        found.add("spec.process.command[0]", diagnostic);
    }
    for (n, word) in process.command.iter().enumerate() {
        no_nul(found, &format!("spec.process.command[{n}]"), word);
    }
    for (name, value) in &process.env {
        let path = format!("spec.process.env.{name}");
        if name.is_empty() || name.contains('=') {
            let diagnostic =
                Diagnostic::new("invalidName", format!("{} cannot be a variable's name", quote(name)));
            found.add(&path, diagnostic.hint("write a name without =, as PORT"));
        }
        no_nul(found, &path, name);
        no_nul(found, &path, value);
    }
    for (name, id) in [("runAsUser", process.run_as_user), ("runAsGroup", process.run_as_group)] {
        if id == Some(u32::MAX) {
            let cause = "to the kernel that number means: leave it as it is";
            let diagnostic =
                Diagnostic::new("outOfRange", format!("{} is out of range", u32::MAX)).cause(cause);
            let hint = format!("write a number of 1 to {}", u32::MAX - 1);
            found.add(format!("spec.process.{name}"), diagnostic.hint(hint));
        }
    }
    for (name, id) in [("runAsUser", process.run_as_user), ("runAsGroup", process.run_as_group)] {
        if id == Some(0) {
            let cause = "the sandbox has the host's files, of which root may read all: its number is not given away yet";
            let diagnostic = Diagnostic::new("invalidValue", "a process cannot run as root (0)").cause(cause);
            found.add(
                format!("spec.process.{name}"),
                diagnostic.hint("leave it out, or write another number"),
            );
        }
    }
    if let Some(dir) = process.working_dir.as_deref() {
        no_nul(found, "spec.process.workingDir", dir);
        if !dir.starts_with('/') {
            let diagnostic = Diagnostic::new("invalidValue", format!("{} is no absolute path", quote(dir)));
            found.add("spec.process.workingDir", diagnostic.hint("write a path that begins with /, as /srv"));
        }
    }
}

fn no_nul(found: &mut Found, path: &str, text: &str) {
    if text.contains('\0') {
        let diagnostic =
            Diagnostic::new("invalidValue", format!("there is a NUL character in {}", quote(text)));
        found.add(
            path,
            diagnostic.cause("the kernel takes none in arguments, variables and paths").hint("leave it out"),
        );
    }
}
