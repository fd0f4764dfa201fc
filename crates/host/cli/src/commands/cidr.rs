//! `madang cidr`: the words that were typed, asked of [`madang_cidr`]. No daemon, no file.

#[cfg(test)]
mod tests;

use madang_cidr::{
    Allocation, Answer, Classes, Containment, Direction, Error, Info, Interface, Language, Merge, Neighbour,
    Overlaps, Plan, Ranges, Request, Size, Split, Subtraction, Worked, parse_prefix, parse_prefixes,
};

use crate::args::cidr::{
    AnswerFormat, CidrAllocateArgs, CidrArgs, CidrCommand, CidrInfoArgs, CidrSplitArgs, HowArgs, SizeArgs,
};
use crate::bundle::standard_input;
use crate::context::Context;
use crate::error::Failure;

/// Calculates, and prints the answer.
pub(super) fn run(context: &Context, args: &CidrArgs) -> Result<(), Failure> {
    match &args.command {
        CidrCommand::Info(args) => info(context, args),
        CidrCommand::Split(args) => split(context, args),
        CidrCommand::Merge(args) => {
            let asked = Asked::new(context, args.how);
            let prefixes = asked.right(parse_prefixes(&words(&args.prefixes)?))?;
            asked.answer(Merge::new(prefixes)).map(drop)
        }
        CidrCommand::Subtract(args) => {
            let asked = Asked::new(context, args.how);
            let from = asked.right(parse_prefixes(&args.from))?;
            let removed = asked.right(parse_prefixes(&words(&args.removed)?))?;
            asked.answer(Subtraction::new(from, removed)).map(drop)
        }
        CidrCommand::Contains(args) => {
            let asked = Asked::new(context, args.how);
            let (outer, inner) =
                (asked.right(parse_prefix(&args.outer))?, asked.right(parse_prefix(&args.inner))?);
            yes_or_no(asked.answer(Containment::new(outer, inner))?.contains)
        }
        CidrCommand::Overlaps(args) => {
            let asked = Asked::new(context, args.how);
            let prefixes = asked.right(parse_prefixes(&words(&args.prefixes)?))?;
            yes_or_no(asked.answer(Overlaps::new(&prefixes))?.any())
        }
        CidrCommand::Range(args) => {
            let asked = Asked::new(context, args.how);
            asked.answer(Ranges::parse(&words(&args.range)?)).map(drop)
        }
        CidrCommand::Allocate(args) => allocate(context, args),
        CidrCommand::Next(args) => neighbour(context, &args.prefix, Direction::Next, args.how),
        CidrCommand::Previous(args) => neighbour(context, &args.prefix, Direction::Previous, args.how),
        CidrCommand::Classes(args) => Asked::new(context, args.how).answer(Ok(Classes::table())).map(drop),
    }
}

fn info(context: &Context, args: &CidrInfoArgs) -> Result<(), Failure> {
    let interface = match &args.mask {
        Some(mask) => Interface::with_mask(&args.address, mask),
        None => Interface::parse(&args.address),
    };
    Asked::new(context, args.how).answer(interface.map(Info::of)).map(drop)
}

fn split(context: &Context, args: &CidrSplitArgs) -> Result<(), Failure> {
    let asked = Asked::new(context, args.how);
    let prefix = asked.right(parse_prefix(&args.prefix))?;
    if let Some(requests) = args.hosts.as_deref().filter(|hosts| hosts.contains('=')) {
        return asked
            .answer(Request::parse(requests).and_then(|requests| Plan::new(prefix, &requests)))
            .map(drop);
    }
    let split = match (args.count, args.length, &args.hosts) {
        (Some(count), ..) => Split::by_count(prefix, count),
        (_, Some(length), _) => Split::by_size(prefix, Size::Length(length)),
        (_, _, Some(hosts)) => Size::parse_hosts(hosts).and_then(|size| Split::by_size(prefix, size)),
        (None, None, None) => unreachable!("clap wants one of them"),
    };
    asked.answer(split).map(drop)
}

fn allocate(context: &Context, args: &CidrAllocateArgs) -> Result<(), Failure> {
    let asked = Asked::new(context, args.how);
    let pool = asked.right(parse_prefix(&args.pool))?;
    let taken = asked.right(parse_prefixes(&words(&args.taken)?))?;
    let size = match args.size {
        SizeArgs { length: Some(length), .. } => Size::Length(length),
        SizeArgs { hosts, .. } => Size::Hosts(hosts.unwrap_or_default().into()),
    };
    asked.answer(Allocation::new(pool, taken, size)).map(drop)
}

fn neighbour(context: &Context, prefix: &str, direction: Direction, how: HowArgs) -> Result<(), Failure> {
    let asked = Asked::new(context, how);
    let prefix = asked.right(parse_prefix(prefix))?;
    asked.answer(Neighbour::new(prefix, direction)).map(drop)
}

/// What was typed; standard input for `-`, where what is behind a # is left out.
fn words(typed: &[String]) -> Result<String, Failure> {
    let mut words = Vec::new();
    for word in typed {
        if word == "-" && typed.len() == 1 {
            let text = standard_input()?.text;
            words.extend(text.lines().map(|line| line.split('#').next().unwrap_or_default().to_owned()));
        } else {
            words.push(word.clone());
        }
    }
    Ok(words.join(" "))
}

fn yes_or_no(yes: bool) -> Result<(), Failure> {
    if yes { Ok(()) } else { Err(Failure::Exit(1)) }
}

/// How somebody wants it answered.
struct Asked<'a> {
    context: &'a Context,
    how: HowArgs,
    language: Language,
}

impl<'a> Asked<'a> {
    fn new(context: &'a Context, how: HowArgs) -> Self {
        let language = language(how, |name| std::env::var(name).ok());
        Self { context, how, language }
    }

    /// What was asked, if it was asked rightly.
    fn right<T>(&self, result: Result<T, Error>) -> Result<T, Failure> {
        result.map_err(|error| {
            let (message, hint) = (error.message(self.language), error.hint(self.language));
            match error {
                Error::Full { .. } | Error::NotEnough { .. } => Failure::NoRoom { message, hint },
                _ => Failure::usage(message, hint),
            }
        })
    }

    /// Prints an answer, as it is made.
    fn answer<A: Answer>(&self, answer: Result<A, Error>) -> Result<A, Failure> {
        let answer = self.right(answer)?;
        match (self.how.output, self.how.steps) {
            (AnswerFormat::Table, steps) => {
                let working =
                    steps.then(|| answer.working(self.language)).filter(|working| !working.is_empty());
                let working =
                    working.into_iter().flat_map(|working| working.into_iter().chain([String::new()]));
                self.context.print_lines(working.chain(answer.lines(self.language)))?;
            }
            (AnswerFormat::Json, false) => self.context.print_json(&answer)?,
            (AnswerFormat::Json, true) => self.context.print_json(&Worked::new(&answer, self.language))?,
        }
        Ok(answer)
    }
}

/// The language that was asked for; else that of messages in this environment (POSIX 2024, section 8.2).
fn language(how: HowArgs, var: impl Fn(&str) -> Option<String>) -> Language {
    let set = |name| var(name).filter(|value| !value.is_empty());
    let locale = || ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set).unwrap_or_default();
    how.lang.map_or_else(|| Language::of_locale(&locale()), Language::from)
}
