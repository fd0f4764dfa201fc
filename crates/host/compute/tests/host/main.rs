//! The driver, the shim and the sandbox on the real kernel. Needs root.
//!
//! This program is also what the driver starts: with the name of a hidden subcommand as its first argument it is that.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod common;
mod exec;
mod lifecycle;
mod limits;
mod recovery;
mod sandbox;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use madang_compute::{Driver, Workload};
use madang_kernel::Layout;

macro_rules! trials {
    ($($module:ident { $($name:ident,)* })*) => {
        vec![$($(trial(concat!(stringify!($module), "::", stringify!($name)), || Box::pin($module::$name())),)*)*]
    };
}

fn trials() -> Vec<Trial> {
    trials! {
        exec {
            streams_and_exit_status,
            the_same_cage_and_the_same_sandbox,
            who_leaves_ends_the_command,
            a_terminal,
            what_cannot_run_is_said,
            nothing_to_enter,
        }
        lifecycle {
            a_process_runs_and_is_told_of,
            the_exit_status_outlives_the_shim,
            a_program_that_is_not_there_is_said,
            starts_again_with_growing_waits,
            restart_policies,
            what_the_process_left_behind_ends_with_it,
            stop_asks_first_and_then_insists,
            a_new_driver_finds_what_the_last_one_started,
            instances_outlive_the_daemons_sudden_death,
            new_names_start_nothing,
            what_cannot_start_says_why_and_leaves_nothing,
            the_log_is_bounded,
        }
        limits {
            memory_beyond_the_limit_ends_the_process_and_not_the_shim,
            files_in_memory_count,
            cpu_time_is_rationed,
            a_fork_bomb_is_bounded_and_stopped,
        }
        recovery {
            the_shims_death_is_everybodys,
            whose_shim_was_killed_is_lost_and_starts_again,
            a_process_id_that_was_used_again_is_not_ours,
            what_was_begun_and_not_finished_is_told_and_tidied,
            the_directory_is_removed_last,
            a_control_group_without_an_instance_is_tidied,
        }
        sandbox {
            every_namespace_is_another_one,
            nothing_to_do_with_privileges,
            files_of_the_host_are_to_read_and_secrets_are_not,
            madangs_own_files_are_not_there,
            mounts_of_the_host_that_come_later_do_not_appear_and_namespaces_are_not_held,
            what_leads_to_the_kernel_is_refused,
            no_descriptor_of_the_host_leaks,
            the_supervisor_cannot_be_seen_or_reached,
            the_binary_cannot_be_written_through_proc,
            everyday_programs_run,
        }
    }
}

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    match args.next().as_ref().and_then(|name| name.to_str()) {
        Some("shim") => madang_compute::shim::main(args),
        Some("sandbox-exec") => madang_compute::exec::main(args),
        Some("daemon") => {
            let args: Vec<_> = args.filter_map(|arg| arg.into_string().ok()).collect();
            daemon(Path::new(&args[0]), &serde_json::from_str(&args[1]).unwrap())
        }
        Some("hold") => hold(),
        _ => libtest_mimic::run(&Arguments::from_args(), trials()).exit_code(),
    }
}

type Test = std::pin::Pin<Box<dyn Future<Output = ()>>>;

fn trial(name: &str, test: fn() -> Test) -> Trial {
    let is_root = rustix::process::geteuid().is_root();
    let run = move || {
        if !is_root {
            return Err(Failed::from("this test needs root, and CI must have it"));
        }
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(test());
        Ok(())
    };
    // On a person's machine it is listed as not run; with CI set it fails.
    Trial::test(name, run).with_ignored_flag(!is_root && env::var_os("CI").is_none())
}

/// Says who it is, and stays until its input ends.
fn hold() -> ExitCode {
    println!("{}", std::process::id());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
    ExitCode::SUCCESS
}

/// Starts a workload, says so, and does nothing more.
fn daemon(root: &Path, workload: &Workload) -> ExitCode {
    let driver = Driver::new(Layout::new(Some(root)), common::program());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match runtime.block_on(driver.start(workload)) {
        Ok(()) => println!("started"),
        Err(error) => println!("{}", error.chain()),
    }
    runtime.block_on(std::future::pending())
}
