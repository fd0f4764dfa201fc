//! The project's own checks, run by `make verify`.
//!
//! `arch` holds the plan of the house (ARCHITECTURE.md): what is under `crates/pure` does no I/O and knows no host, and
//! a stage of the packet's way is two files of one name.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command")]

mod arch;

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args != ["arch"] {
        eprintln!(
            "usage: cargo xtask arch\n\narch  fails when a pure crate reaches I/O, or a packet stage lacks its twin"
        );
        return ExitCode::from(2);
    }
    match metadata().and_then(|metadata| arch::check(&metadata)) {
        Ok(report) if report.violations.is_empty() => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Ok(report) => {
            eprintln!("{report}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("the architecture could not be checked: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What cargo knows of the workspace.
fn metadata() -> Result<serde_json::Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .output()
        .map_err(|error| format!("cargo metadata did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata gave no JSON: {error}"))
}
