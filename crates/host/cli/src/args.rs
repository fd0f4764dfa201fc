//! What can be typed: the commands, their options, and the help that each gives.
//!
//! Every command's help has a summary, examples, and a line that says what needs root.

mod changes;
pub(crate) mod cidr;
pub(crate) mod dhcp;
mod packets;
mod store;
pub(crate) mod user;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::kinds::KindName;
pub(crate) use changes::{ApplyArgs, ConfirmArgs, PlanArgs, RollbackArgs};
use cidr::CidrArgs;
use dhcp::DhcpArgs;
use madang_model::Selector;
pub(crate) use packets::{DropsArgs, ExplainArgs, Protocol};
pub(crate) use store::{StoreArgs, StoreCheckArgs, StoreCommand, StoreExportArgs, StoreRestoreArgs};
use user::{AuditPath, KubeconfigArgs, ListenAddress, UserArgs};

/// The help's colours; clap leaves them out where none are wanted.
const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Your own private cloud network: one binary, one file.
#[derive(Debug, Parser)]
#[command(
    name = "madang",
    version,
    styles = STYLES,
    max_term_width = 100,
    propagate_version = false,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Start with:\n  madang doctor            what this host can do\n  madang plan -f FILE      what a file would change\n  sudo madang up -f FILE   do it\n\nExit status: 0 done, 1 failed, 2 wrong usage."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Keep everything of this Madang below DIR: several can run side by side
    #[arg(long, global = true, value_name = "DIR", display_order = 900)]
    pub(crate) root: Option<PathBuf>,
    /// The project: a namespace; `default` if left out
    #[arg(short = 'n', long, global = true, value_name = "PROJECT", value_parser = project, display_order = 899)]
    pub(crate) namespace: Option<String>,
    /// Say more; twice: still more
    #[arg(short, long, global = true, action = ArgAction::Count, display_order = 901)]
    pub(crate) verbose: u8,
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        display_order = 902,
        hide_possible_values = true,
        help = "When to use colours: auto, always or never"
    )]
    pub(crate) color: ColorChoice,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(UpArgs),
    Down(DownArgs),
    Serve(ServeArgs),
    Apply(ApplyArgs),
    Plan(PlanArgs),
    Confirm(ConfirmArgs),
    Rollback(RollbackArgs),
    Get(GetArgs),
    Describe(DescribeArgs),
    Events(EventsArgs),
    Delete(DeleteArgs),
    Exec(ExecArgs),
    Logs(LogsArgs),
    Explain(ExplainArgs),
    User(UserArgs),
    Kubeconfig(KubeconfigArgs),
    Drops(DropsArgs),
    Doctor(DoctorArgs),
    Schema(SchemaArgs),
    Cidr(CidrArgs),
    Dhcp(DhcpArgs),
    Store(StoreArgs),
    Completion(CompletionArgs),
    Version(VersionArgs),
}

/// The resources' text.
#[derive(Args, Clone, Debug)]
pub(crate) struct Files {
    /// A file of YAML or JSON, a folder of them, or - for standard input; can be given several times
    #[arg(short = 'f', long = "file", value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Take the folders in folders too
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
}

impl Files {
    /// As they were typed.
    pub(crate) fn typed(&self) -> String {
        let files = self.files.iter().map(|path| format!("-f {}", path.display()));
        let files = files.collect::<Vec<_>>().join(" ");
        if self.recursive { format!("{files} -R") } else { files }
    }
}

/// Bring up what a file declares, and wait until it is ready
///
/// Starts the daemon if none answers, applies the file in one transaction, and shows each resource's progress until all
/// are ready, or says which is not and why. The daemon goes on when this command ends, also when Ctrl-C ends it.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang up -f shop.yaml             bring it up and wait until it is ready\n  sudo madang up -f shop.yaml --detach    do not wait\n  sudo madang up -f shop.yaml --confirm 5m    take it back if unconfirmed\n  sudo madang down -f shop.yaml           take it down again\n\nNeeds root: yes, to start the daemon and to speak to it."
)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Roll the change back unless `madang confirm` comes within TIME, as 60s or 5m
    #[arg(long, value_name = "TIME", value_parser = confirmation)]
    pub(crate) confirm: Option<Duration>,
    /// Do not wait until everything is ready
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// How long to wait, as 90s or 2m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) timeout: Duration,
}

/// Take down what a file declares, and wait until it is gone
///
/// Deletes the file's resources, dependants first. When nothing is left, a daemon that `up` started ends too, and
/// removes what it made on the host. Doing it twice does no harm.
#[derive(Args, Debug)]
#[command(
    group = clap::ArgGroup::new("what").required(true).args(["files", "all"]),
    after_help = "Examples:\n  sudo madang down -f shop.yaml    what the file declares\n  sudo madang down --all           everything there is\n  sudo madang down --all -n lab    everything in the project lab\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct DownArgs {
    /// A file of YAML or JSON, a folder of them, or - for standard input; can be given several times
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Take the folders in folders too
    #[arg(short = 'R', long, requires = "files")]
    pub(crate) recursive: bool,
    /// Everything there is; with -n, everything in that project
    #[arg(long)]
    pub(crate) all: bool,
    /// How long to wait, as 90s or 2m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) timeout: Duration,
}

/// Run the daemon in the foreground
///
/// It makes the kernel what the resources say, and answers the API on a Unix socket and over TLS. Its log goes to standard
/// error. SIGTERM or Ctrl-C ends it; instances and packets go on without it, and the next one takes them over.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang serve                          as the system's one\n  sudo madang serve --listen 0.0.0.0:7443 --tls-san api.example.com\n  sudo madang serve --root /tmp/other        another one beside it\n\nNeeds root: yes."
)]
pub(crate) struct ServeArgs {
    /// Started by `up`, to be ended by `down` when nothing is left
    #[arg(long, hide = true)]
    pub(crate) ephemeral: bool,
    /// Where to serve the API over TLS, or none; if left out 127.0.0.1:7443, if that is free, and nowhere with --root
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<ListenAddress>,
    /// Another name or address that clients use for this host; can be given several times
    #[arg(long = "tls-san", value_name = "NAME")]
    pub(crate) tls_names: Vec<String>,
    /// Whom the name service asks what is not of a VPC; can be given several times; if left out, whom the host asks
    #[arg(long = "resolver", value_name = "ADDRESS[:PORT]", value_parser = resolver)]
    pub(crate) resolvers: Vec<SocketAddr>,
    /// Where to write who did what, or none; if left out audit.log beside the store
    #[arg(long, value_name = "PATH")]
    pub(crate) audit_log: Option<AuditPath>,
}

/// List resources
///
/// Kinds can be written in the plural, the singular and short (`instances`, `instance`, `i`), several with commas
/// between, or `all`: every kind but those that only say who may do what, what happened, and what is secret. A resource can
/// be written as `kind/name`, one of another project as `kind/project/name`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang get instances                 every instance\n  madang get vpcs,subnets -o wide      two kinds, more columns\n  madang get i web-1 -o yaml           one of them, all of it\n  madang get instance/web-1 -o json    the same, for programs\n  madang get all -l app=web            by label\n  madang get instances -w              and go on as they change\n  madang get instances -A              those of all projects\n  madang get all -n lab                all of the project lab\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct GetArgs {
    /// KIND, KIND NAME.., KIND/NAME.. or all
    #[arg(value_name = "KIND", required = true)]
    pub(crate) targets: Vec<String>,
    /// Those of all projects
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Go on printing what changes
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Only what has these labels: a=b, a!=b, a, !a, with commas between
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub(crate) selector: Option<Selector>,
    /// How to print them
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Format,
}

/// Say everything about resources
///
/// What was declared and where, what is true now, each condition with its reason, what happened to it, and which resources
/// refer to it.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang describe instance web-1    one instance\n  madang describe sg/web sg/db      two security groups\n  madang describe subnets           every subnet\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct DescribeArgs {
    /// KIND, KIND NAME.., KIND/NAME.. or all
    #[arg(value_name = "KIND", required = true)]
    pub(crate) targets: Vec<String>,
    /// Only what has these labels: a=b, a!=b, a, !a, with commas between
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub(crate) selector: Option<Selector>,
}

/// Tell what happened to resources
///
/// By the time at which it last happened; what happened again and again is one line. Kept for an hour.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang events                        all of the project, the latest last\n  madang events instance/web-1 -w      of one instance, and go on\n  madang events -A --types Warning     what went wrong, in all projects\n  madang events -o json                for programs\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct EventsArgs {
    /// Only of these: KIND/NAME.., KIND NAME.. or KIND
    #[arg(value_name = "KIND/NAME")]
    pub(crate) targets: Vec<String>,
    /// Of all projects
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Go on as more happens
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Only of these types: Normal or Warning
    #[arg(
        long,
        value_name = "TYPES",
        value_delimiter = ',',
        ignore_case = true,
        hide_possible_values = true
    )]
    pub(crate) types: Vec<EventType>,
    /// How to print them
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Format,
}

/// How bad what happened is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventType {
    /// All goes as it should
    Normal,
    /// Somebody should know
    Warning,
}

impl EventType {
    /// As an event has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Delete resources
///
/// By kind and name, or what a file declares. Unlike `down`, it leaves the daemon running.
#[derive(Args, Debug)]
#[command(
    group = clap::ArgGroup::new("what").required(true).multiple(true).args(["targets", "files"]),
    after_help = "Examples:\n  sudo madang delete instance web-1 web-2    two instances\n  sudo madang delete sg/web --wait           and wait until it is gone\n  sudo madang delete -f shop.yaml            what the file declares\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct DeleteArgs {
    /// KIND NAME.. or KIND/NAME..
    #[arg(value_name = "KIND", conflicts_with = "files")]
    pub(crate) targets: Vec<String>,
    /// A file of YAML or JSON, a folder of them, or - for standard input; can be given several times
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Take the folders in folders too
    #[arg(short = 'R', long, requires = "files")]
    pub(crate) recursive: bool,
    /// Wait until they are gone
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait, as 90s or 2m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) timeout: Duration,
}

/// Run a command in an instance's sandbox
///
/// Exits with the command's own exit status.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang exec web-1 -- ip address       one command\n  sudo madang exec -it web-1 -- bash         a shell on a terminal\n  echo hi | sudo madang exec -i web-1 -- cat\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct ExecArgs {
    /// The instance: NAME or instance/NAME
    #[arg(value_name = "NAME")]
    pub(crate) instance: String,
    /// Pass standard input on
    #[arg(short = 'i', long)]
    pub(crate) stdin: bool,
    /// Give the command a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// The command and its arguments, after --
    #[arg(value_name = "COMMAND", required = true, last = true)]
    pub(crate) command: Vec<String>,
}

/// Print what an instance's process wrote
///
/// Both its standard output and its standard error.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang logs web-1              all of it\n  madang logs web-1 --tail 20    the last lines\n  madang logs web-1 -f           and go on as more is written\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct LogsArgs {
    /// The instance: NAME or instance/NAME
    #[arg(value_name = "NAME")]
    pub(crate) instance: String,
    /// Go on as more is written
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last LINES lines
    #[arg(long, value_name = "LINES")]
    pub(crate) tail: Option<usize>,
}

/// Check what this host can do, what is missing, and how to get it
///
/// Exit status 1 if something that Madang needs is missing.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang doctor    everything\n  madang doctor         what can be seen without root\n\nNeeds root: for some of the checks; it says for which."
)]
pub(crate) struct DoctorArgs {
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Print the JSON Schema of a kind, or of all
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang schema > madang.schema.json    for an editor that knows YAML\n  madang schema instance                of one kind\n  madang schema --crd | kubectl apply -f -    as definitions, for Kubernetes\n\nNeeds root: no."
)]
pub(crate) struct SchemaArgs {
    /// Print CustomResourceDefinitions for Kubernetes instead
    #[arg(long)]
    pub(crate) crd: bool,

    /// The kind; all if left out
    #[arg(value_name = "KIND")]
    pub(crate) kind: Option<KindName>,
}

/// Print a shell's completion script
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang completion bash > /etc/bash_completion.d/madang\n  madang completion zsh > \"${fpath[1]}/_madang\"\n  madang completion fish > ~/.config/fish/completions/madang.fish\n\nNeeds root: no."
)]
pub(crate) struct CompletionArgs {
    /// Which shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// Print the version of this binary and of the daemon
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang version\n  madang version -o json\n\nNeeds root: no; the daemon's version only shows with it."
)]
pub(crate) struct VersionArgs {
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// How resources are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One line each
    Table,
    /// One line each, with more columns
    Wide,
    /// All of it, as it can be applied again
    Yaml,
    /// All of it, for programs
    Json,
    /// kind/name
    Name,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people
    #[value(alias = "wide")]
    Table,
    /// For people and programs
    Yaml,
    /// For programs
    Json,
}

/// A project's name.
fn project(text: &str) -> Result<String, String> {
    if madang_model::is_dns_label(text) {
        return Ok(text.to_owned());
    }
    Err("a project's name is made of lower-case letters, digits and dashes, as lab".to_owned())
}

/// A time as `90`, `90s`, `1.5m`, `500ms` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("\"{unit}\" is no unit of time: write ms, s, m or h")),
    };
    let number: f64 = digits.parse().map_err(|_| "write a time as 90s, 2m or 1h".to_owned())?;
    Duration::try_from_secs_f64(number * scale).map_err(|_| "write a time as 90s, 2m or 1h".to_owned())
}

/// How long a change waits to be confirmed: whole seconds, up to a day.
fn confirmation(text: &str) -> Result<Duration, String> {
    let longest = Duration::from_secs(u64::from(madang_api::LONGEST_CONFIRMATION));
    let time = duration(text)?;
    if time < Duration::from_secs(1) || time > longest {
        return Err("write a time of 1 s to 24 h".to_owned());
    }
    Ok(time)
}

/// An address, and the port of DNS if none is said.
fn resolver(text: &str) -> Result<SocketAddr, String> {
    let alone = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53)).ok();
    let found = alone.or_else(|| text.parse().ok());
    found.ok_or_else(|| "an address is expected, as 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:53".to_owned())
}

#[cfg(test)]
mod tests;
