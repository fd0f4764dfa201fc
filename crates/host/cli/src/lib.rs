//! The commands; the only crate that prints.
//!
//! [`main`] takes what was typed apart ([`args`]), does it ([`commands`]), and says why it failed if it did ([`error`]).
//! Data goes to standard output, words to standard error; how either looks is settled in [`output`].
#![forbid(unsafe_code)]

mod args;
mod bundle;
mod commands;
mod context;
mod daemon;
mod ephemeral;
mod error;
mod kinds;
mod log;
mod mirror;
mod output;
mod raw;
#[cfg(test)]
mod samples;
mod wait;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use args::{Cli, ColorChoice};
use context::Context;
use error::Failure;

/// What `madang` does: reads the arguments of the process, and returns its exit status.
pub fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_else(|| "madang".into());
    let rest: Vec<OsString> = args.collect();
    // All must come before there is a second thread.
    match rest.first().and_then(|word| word.to_str()) {
        Some("shim") => return madang_compute::shim::main(rest.into_iter().skip(1)),
        Some("worker") => return madang_workers::main(rest.into_iter().skip(1)),
        Some("sandbox-exec") => return madang_compute::exec::main(rest.into_iter().skip(1)),
        _ => {}
    }
    let command = command().color(help_color(&rest));
    let parsed = command.try_get_matches_from(std::iter::once(program).chain(rest));
    match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => run(&cli),
        Err(error) => error.exit(),
    }
}

/// All that can be typed, with its help: what the reference in the book is made from.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Help and mistakes in what was typed are printed before it is known what was typed.
fn help_color(args: &[OsString]) -> clap::ColorChoice {
    let words: Vec<_> =
        args.iter().filter_map(|word| word.to_str()).take_while(|word| *word != "--").collect();
    let after = |pair: &[&str]| (pair[0] == "--color").then(|| pair[1].to_owned());
    let joined = words.iter().find_map(|word| word.strip_prefix("--color=")).map(str::to_owned);
    match words.windows(2).find_map(after).or(joined).as_deref() {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    }
}

fn run(cli: &Cli) -> ExitCode {
    let context = match Context::new(&cli.global) {
        Ok(context) => context,
        Err(failure) => {
            let plain = args::Global { root: None, namespace: None, verbose: 0, color: ColorChoice::Auto };
            if let Ok(context) = Context::new(&plain) {
                context.report(&failure);
            }
            return ExitCode::from(failure.code());
        }
    };
    // Its server gives up what it does not need, which a process of several threads cannot.
    if let args::Command::Dhcp(args) = &cli.command {
        return finish(&context, &cli.command, commands::dhcp::run(&context, args));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => {
            let failure = Failure::Host { doing: "start threads".to_owned(), source };
            context.report(&failure);
            return ExitCode::from(failure.code());
        }
    };
    let done = runtime.block_on(commands::run(&context, &cli.command));
    // A thread that waits for standard input would wait for ever.
    runtime.shutdown_background();
    finish(&context, &cli.command, done)
}

fn finish(context: &Context, command: &args::Command, done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(context, &failure, commands::is_for_programs(command)),
    }
}

fn fail(context: &Context, failure: &Failure, for_programs: bool) -> ExitCode {
    if failure.is_broken_pipe() {
        return ExitCode::SUCCESS;
    }
    match failure {
        Failure::Invalid { diagnostics, .. } if for_programs => {
            let json = serde_json::json!({ "diagnostics": diagnostics });
            // Nobody reads it: then nobody needs to know.
            let _ = context.print(&format!("{json:#}\n"));
        }
        _ => context.report(failure),
    }
    ExitCode::from(failure.code())
}
