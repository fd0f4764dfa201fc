//! The commands, a file each.

mod apply;
mod cidr;
mod completion;
mod confirm;
mod delete;
mod describe;
pub(crate) mod dhcp;
mod doctor;
mod down;
mod drops;
mod events;
mod exec;
mod explain;
mod get;
mod kubeconfig;
mod logs;
mod plan;
mod schema;
mod serve;
mod store;
mod up;
mod user;
mod version;

use crate::args::{Command, Format, ReportFormat};
use crate::context::Context;
use crate::error::Failure;

/// Does what was typed.
pub(crate) async fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Up(args) => up::run(context, args).await,
        Command::Down(args) => down::run(context, args).await,
        Command::Serve(args) => serve::run(context, args).await,
        Command::Apply(args) => apply::run(context, args).await,
        Command::Plan(args) => plan::run(context, args).await,
        Command::Confirm(args) => confirm::run(context, args).await,
        Command::Rollback(args) => confirm::roll_back(context, args).await,
        Command::Get(args) => get::run(context, args).await,
        Command::Describe(args) => describe::run(context, args).await,
        Command::Events(args) => events::run(context, args).await,
        Command::Delete(args) => delete::run(context, args).await,
        Command::Exec(args) => exec::run(context, args).await,
        Command::Logs(args) => logs::run(context, args).await,
        Command::Explain(args) => explain::run(context, args).await,
        Command::User(args) => user::run(context, args).await,
        Command::Kubeconfig(args) => kubeconfig::run(context, args).await,
        Command::Drops(args) => drops::run(context, args).await,
        Command::Doctor(args) => doctor::run(context, args),
        Command::Schema(args) => schema::run(context, args),
        Command::Cidr(args) => cidr::run(context, args),
        Command::Dhcp(args) => dhcp::run(context, args),
        Command::Store(args) => store::run(context, args),
        Command::Completion(args) => completion::run(context, args),
        Command::Version(args) => version::run(context, args).await,
    }
}

/// Whether a program reads what the command prints, and so wants mistakes as data too.
pub(crate) fn is_for_programs(command: &Command) -> bool {
    match command {
        Command::Apply(args) => args.output == ReportFormat::Json,
        Command::Plan(args) => args.output == ReportFormat::Json,
        Command::Confirm(args) => args.output == ReportFormat::Json,
        Command::Rollback(args) => args.output == ReportFormat::Json,
        Command::Explain(args) => args.output == ReportFormat::Json,
        Command::Get(args) => args.output == Format::Json,
        Command::Events(args) => args.output == Format::Json,
        _ => false,
    }
}

/// Prints a report's value as JSON or YAML, or its text for people.
fn report<T: serde::Serialize>(
    context: &Context,
    format: ReportFormat,
    value: &T,
    text: impl FnOnce() -> String,
) -> Result<(), Failure> {
    if format == ReportFormat::Table {
        return context.print(&text());
    }
    let value = serde_json::to_value(value).expect("reports have no keys but text");
    match format {
        ReportFormat::Json => context.print(&format!("{value:#}\n")),
        _ => context.print(&crate::output::yaml::to_yaml(&value)),
    }
}
