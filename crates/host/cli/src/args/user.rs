//! What can be typed about who may use the API.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::ReportFormat;

/// Give people and programs access to the API
///
/// A user has groups, and credentials: certificates and tokens. What it may do is said by roles that are bound to it or
/// to its groups. A user is never asked for on this host's socket: who may open that may do everything.
#[derive(Args, Debug)]
#[command(
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  sudo madang user create ana --group dev    a user, and her certificate\n  sudo madang user list                      who there is\n  sudo madang user delete ana                from now on nobody is ana\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    pub(crate) command: UserCommand,
}

/// What is done with users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    Create(UserCreateArgs),
    List(UserListArgs),
    Delete(UserDeleteArgs),
}

/// Create a user, and print a credential for it
///
/// The certificate with its key, or the token, is printed once and kept nowhere. It may do what roles allow that are bound
/// to the user or to its groups; members of system:masters may do everything.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  (umask 077; sudo madang user create ana --group dev > ana.pem)\n                                                       certificate and key\n  sudo madang user create ci --token --expires 90d     a token for a program\n  sudo madang user create boss --group system:masters  may do everything\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct UserCreateArgs {
    /// Its name: letters, digits and - . _ @ + :
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// A group that it is in; can be given several times
    #[arg(short, long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    #[command(flatten)]
    pub(crate) credential: CredentialArgs,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Which credential.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct CredentialArgs {
    /// A token, for programs that know no certificates
    #[arg(long, conflicts_with = "certificate")]
    pub(crate) token: bool,
    /// A client certificate; so it is if nothing is said
    #[arg(long)]
    pub(crate) certificate: bool,
    /// When it ends, as 90d or 12h; a certificate after a year and a token never, if left out
    #[arg(long, value_name = "TIME", value_parser = life)]
    pub(crate) expires: Option<Duration>,
}

/// List users, and what they can prove themselves with
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang user list            one line each\n  sudo madang user list -o json    for programs\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct UserListArgs {
    /// How to print them
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Delete users: their tokens and certificates are refused from now on
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sudo madang user delete ana        one\n  sudo madang user delete ana ben    several\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct UserDeleteArgs {
    /// Their names
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

/// Print a kubeconfig, for kubectl and other clients of Kubernetes
///
/// It has the CA's certificate and a new credential of a user. Without --user it is of the user admin, who may do everything
/// and is created if it is not there. Keep the file to yourself.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  (umask 077; sudo madang kubeconfig > admin.kubeconfig)\n  kubectl --kubeconfig admin.kubeconfig get vpcs\n  sudo madang kubeconfig --user ana --namespace shop    for ana, in one project\n  sudo madang kubeconfig --user ana --server https://10.0.0.5:7443\n\nNeeds root: yes, to speak to the daemon."
)]
pub(crate) struct KubeconfigArgs {
    /// The user; admin if left out
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Where the API is, as its clients see it; where the daemon listens if left out
    #[arg(long, value_name = "URL", value_parser = url)]
    pub(crate) server: Option<String>,
    /// The project that is meant if none is named
    #[arg(short, long, value_name = "PROJECT")]
    pub(crate) namespace: Option<String>,
    #[command(flatten)]
    pub(crate) credential: CredentialArgs,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml")]
    pub(crate) output: ConfigFormat,
}

/// How a configuration is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConfigFormat {
    /// For people and programs
    Yaml,
    /// For programs
    Json,
}

/// Where the API is served over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListenAddress {
    /// Nowhere.
    None,
    /// Here.
    At(SocketAddr),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        let address =
            text.parse().map_err(|_| "write an address and a port, as 127.0.0.1:7443 or [::]:7443, or none");
        Ok(Self::At(address?))
    }
}

/// Where the audit log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuditPath {
    /// Nowhere.
    None,
    /// In this file.
    At(PathBuf),
}

impl From<&str> for AuditPath {
    fn from(text: &str) -> Self {
        if text == "none" { Self::None } else { Self::At(text.into()) }
    }
}

/// A time as `90d`, `12h`, `30m` or `3600s`.
fn life(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time as 90d, 12h, 30m or 3600s".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(wrong()),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(scale));
    seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs).ok_or_else(wrong)
}

fn url(text: &str) -> Result<String, String> {
    let host =
        text.strip_prefix("https://").filter(|host| !host.is_empty() && !host.contains(char::is_whitespace));
    host.map(|_| text.trim_end_matches('/').to_owned())
        .ok_or_else(|| "write a URL that begins with https://, as https://10.0.0.5:7443".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_urls_and_addresses() {
        assert_eq!(life("90d").unwrap(), Duration::from_secs(90 * 24 * 3600));
        assert_eq!(life("5m").unwrap(), Duration::from_secs(300));
        for wrong in
            ["", "90", "d", "0d", "-1d", "1.5d", "1y", "99999999999999999999d", "999999999999999999d"]
        {
            assert!(life(wrong).is_err(), "{wrong}");
        }
        assert_eq!(url("https://a.example:7443/").unwrap(), "https://a.example:7443");
        for wrong in ["http://a", "a.example", "https://", "https://a b"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
        let address = |text: &str| text.parse::<ListenAddress>();
        assert_eq!(address("none"), Ok(ListenAddress::None));
        assert_eq!(address("[::]:7443"), Ok(ListenAddress::At("[::]:7443".parse().unwrap())));
        assert!(address("7443").is_err() && address("localhost:7443").is_err());
    }
}
