//! What can be typed behind `madang cidr`.

use clap::{Args, Subcommand, ValueEnum};
use madang_cidr::Language;

/// Calculate with addresses and subnets
///
/// IPv4 and IPv6. It asks nobody, changes nothing and reads no file: anybody can use it anywhere.
#[derive(Args, Debug)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Examples:\n  madang cidr info 172.16.5.4/20                 an address and its network\n  madang cidr split 192.168.1.0/24 --count 32    into 32 subnets\n  madang cidr split 10.0.0.0/8 --prefix 9 --steps    and how it is worked out\n  madang cidr merge 10.0.0.0/25 10.0.0.128/25    joined\n\nNeeds root: no."
)]
pub(crate) struct CidrArgs {
    #[command(subcommand)]
    pub(crate) command: CidrCommand,
}

/// What to calculate.
#[derive(Debug, Subcommand)]
pub(crate) enum CidrCommand {
    Info(CidrInfoArgs),
    Split(CidrSplitArgs),
    Merge(CidrMergeArgs),
    Subtract(CidrSubtractArgs),
    Contains(CidrContainsArgs),
    Overlaps(CidrOverlapsArgs),
    Range(CidrRangeArgs),
    Allocate(CidrAllocateArgs),
    Next(CidrNextArgs),
    Previous(CidrPreviousArgs),
    Classes(CidrClassesArgs),
}

/// How to answer.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct HowArgs {
    /// Show the working first, as on a board
    #[arg(long)]
    pub(crate) steps: bool,
    /// The language of the answer; if left out ko where LC_ALL, LC_MESSAGES or LANG says so, else en
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) lang: Option<LanguageChoice>,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: AnswerFormat,
}

/// A language of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LanguageChoice {
    /// English
    En,
    /// Korean
    Ko,
}

impl From<LanguageChoice> for Language {
    fn from(choice: LanguageChoice) -> Self {
        match choice {
            LanguageChoice::En => Self::En,
            LanguageChoice::Ko => Self::Ko,
        }
    }
}

/// How an answer is printed. Both are written as they are made, however long: that is why there is no YAML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnswerFormat {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Say what an address and its network are
///
/// Network, broadcast, usable range, counts, masks, class, what the address is for by the IANA's registries, bits, and the
/// zones of reverse DNS.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang cidr info 172.16.5.4/20\n  madang cidr info 172.16.5.4 255.255.240.0    with a netmask\n  madang cidr info 172.16.5.4/0.0.15.255       with a wildcard\n  madang cidr info 2001:db8::5/64 --steps      and how it is worked out\n\nThe masks 0.0.0.0 and 255.255.255.255 are netmasks: /0 and /32.\n\nNeeds root: no."
)]
pub(crate) struct CidrInfoArgs {
    /// The address, with or without /LENGTH or /MASK behind it
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: String,
    /// The netmask or wildcard, if it is not behind the address
    #[arg(value_name = "MASK")]
    pub(crate) mask: Option<String>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// How large a subnet is to be.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct SizeArgs {
    /// By the length of its prefix
    #[arg(long = "prefix", value_name = "LENGTH")]
    pub(crate) length: Option<u8>,
    /// By the hosts that it must have room for
    #[arg(long, value_name = "HOSTS")]
    pub(crate) hosts: Option<u128>,
}

/// Split a network into subnets
///
/// Equal ones, by their number, length or hosts; or of several sizes, each with a name: the largest first, so that all are
/// aligned. Subnets are printed as they are made, so that there may be billions.
#[derive(Args, Debug)]
#[command(
    group = clap::ArgGroup::new("by").required(true).args(["count", "length", "hosts"]),
    after_help = "Examples:\n  madang cidr split 192.168.1.0/24 --count 32    32 of them\n  madang cidr split 192.168.1.0/24 --prefix 29   as many /29 as there are\n  madang cidr split 192.168.1.0/24 --hosts 6     with room for 6 hosts each\n  madang cidr split 192.168.1.0/24 --hosts sales=50,ops=20,link=2\n\nTwo hosts get a /30: for the two ends of a link, ask for --prefix 31.\n\nNeeds root: no."
)]
pub(crate) struct CidrSplitArgs {
    /// The network
    #[arg(value_name = "PREFIX")]
    pub(crate) prefix: String,
    /// Into at least COUNT subnets: the next power of two
    #[arg(long, value_name = "COUNT")]
    pub(crate) count: Option<u128>,
    /// Into subnets of this length
    #[arg(long = "prefix", value_name = "LENGTH")]
    pub(crate) length: Option<u8>,
    /// Into subnets with room for so many hosts; or NAME=HOSTS,... for one each
    #[arg(long, value_name = "HOSTS")]
    pub(crate) hosts: Option<String>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// Join prefixes: into the fewest that are the same, and into one that covers all
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang cidr merge 10.0.0.0/25 10.0.0.128/25 10.0.1.0/24\n  madang cidr merge - < prefixes.txt    lines; what is behind # is left out\n\nNeeds root: no."
)]
pub(crate) struct CidrMergeArgs {
    /// The prefixes, or - for standard input
    #[arg(value_name = "PREFIX", required = true)]
    pub(crate) prefixes: Vec<String>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// Take prefixes out of others
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang cidr subtract 10.0.0.0/24 10.0.0.64/26    what is left\n  madang cidr subtract 10.0.0.0/24,10.0.2.0/24 10.0.0.7 10.0.2.0/25\n  madang cidr subtract 10.0.0.0/8 - < taken.txt    lines of prefixes\n\nNeeds root: no."
)]
pub(crate) struct CidrSubtractArgs {
    /// From what: a prefix, or several with commas
    #[arg(value_name = "FROM")]
    pub(crate) from: String,
    /// What to take out, or - for standard input
    #[arg(value_name = "PREFIX", required = true)]
    pub(crate) removed: Vec<String>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// Say whether an address or a network is inside of another
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang cidr contains 172.16.0.0/20 172.16.5.4\n  madang cidr contains 10.0.0.0/8 10.1.0.0/16 --steps\n\nExit status: 0 if it is, 1 if not, 2 wrong usage.\n\nNeeds root: no."
)]
pub(crate) struct CidrContainsArgs {
    /// The network that may hold the other
    #[arg(value_name = "PREFIX")]
    pub(crate) outer: String,
    /// The address or network that may be inside
    #[arg(value_name = "ADDRESS")]
    pub(crate) inner: String,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// Say which prefixes share addresses, and how
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang cidr overlaps 10.0.0.0/8 10.1.0.0/16 192.168.0.0/16\n  madang cidr overlaps - < prefixes.txt    lines of prefixes\n\nExit status: 0 if any do, 1 if none, 2 wrong usage.\n\nNeeds root: no."
)]
pub(crate) struct CidrOverlapsArgs {
    /// The prefixes, or - for standard input
    #[arg(value_name = "PREFIX", required = true)]
    pub(crate) prefixes: Vec<String>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// Turn a range into the fewest prefixes, and prefixes into ranges
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang cidr range 10.0.0.5-10.0.0.20          as prefixes\n  madang cidr range 10.0.0.0/24 10.0.1.0/25     first and last addresses\n\nNeeds root: no."
)]
pub(crate) struct CidrRangeArgs {
    /// FIRST-LAST, or prefixes, or - for standard input
    #[arg(value_name = "RANGE", required = true)]
    pub(crate) range: Vec<String>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// Find the next free subnet of a pool
///
/// The smallest hole that it fits into, and of equals the lowest, so that large holes stay for what is large.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang cidr allocate 10.0.0.0/22 --prefix 26 --taken 10.0.0.0/24,10.0.2.0/24\n  madang cidr allocate 10.0.0.0/22 --hosts 20 --taken - < taken.txt\n\nExit status: 0 found, 1 nothing is free that is large enough, 2 wrong usage.\n\nNeeds root: no."
)]
pub(crate) struct CidrAllocateArgs {
    /// Where to look
    #[arg(value_name = "POOL")]
    pub(crate) pool: String,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    /// What is taken: prefixes with commas, or - for standard input; can be given several times
    #[arg(long, value_name = "PREFIXES")]
    pub(crate) taken: Vec<String>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// Print the network of the same length behind one
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  madang cidr next 192.168.1.0/24\n\nNeeds root: no.")]
pub(crate) struct CidrNextArgs {
    /// The network
    #[arg(value_name = "PREFIX")]
    pub(crate) prefix: String,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// Print the network of the same length before one
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  madang cidr previous 192.168.1.0/24\n\nNeeds root: no.")]
pub(crate) struct CidrPreviousArgs {
    /// The network
    #[arg(value_name = "PREFIX")]
    pub(crate) prefix: String,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// Print the classes of IPv4, A to E
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  madang cidr classes\n  madang cidr classes --steps --lang ko\n\nNeeds root: no."
)]
pub(crate) struct CidrClassesArgs {
    #[command(flatten)]
    pub(crate) how: HowArgs,
}
