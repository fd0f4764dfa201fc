//! Compiles `bpf/datapath.bpf.c` for the kernel's virtual machine; the crate embeds the object.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const ADVICE: &str = "install clang, llvm and libbpf-dev (Debian: apt-get install clang llvm libbpf-dev), \
                      or name the compiler in the environment variable CLANG";

fn main() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../bpf");
    for directory in ["", "hooks", "stages"] {
        watch(&sources.join(directory));
    }
    println!("cargo::rerun-if-env-changed=CLANG");

    let object = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("datapath.o");
    if let Err(reason) = compile(&sources, &object) {
        println!("cargo::error=cannot compile bpf/datapath.bpf.c: {}", reason.replace('\n', " | "));
        std::process::exit(1);
    }
    strip(&object);
}

/// Rebuilds when a source changes, comes or goes.
fn watch(directory: &Path) {
    println!("cargo::rerun-if-changed={}", directory.display());
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "c" || extension == "h") {
            println!("cargo::rerun-if-changed={}", entry.path().display());
        }
    }
}

fn compile(sources: &Path, object: &Path) -> Result<(), String> {
    let clang = env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    let mut command = Command::new(&clang);
    command.args(["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Wextra", "-c"]);
    command.arg("-I").arg(sources);
    // Where Debian has <asm/types.h>; clang for the target bpf does not look there.
    let arch = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets the target's architecture");
    command.arg("-idirafter").arg(format!("/usr/include/{arch}-linux-gnu"));
    command.arg(sources.join("datapath.bpf.c")).arg("-o").arg(object);
    let output = command.output().map_err(|error| format!("cannot run {clang}: {error}: {ADVICE}"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        text.lines().for_each(|line| println!("cargo::warning={line}"));
        return Ok(());
    }
    let advice =
        if text.contains("file not found") || text.contains("No available targets") { ADVICE } else { "" };
    Err(format!("{text}{advice}"))
}

/// Leaves out what only debuggers read. BTF stays, since the loader needs it.
fn strip(object: &Path) {
    for tool in ["llvm-strip", "llvm-strip-14"] {
        if Command::new(tool).arg("-g").arg(object).status().is_ok_and(|status| status.success()) {
            return;
        }
    }
}
