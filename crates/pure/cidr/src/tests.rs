//! Every operation as a student sees it, and what holds for any question.

mod any;
mod board;
mod errors;
mod info;
mod sets;
mod splits;

use crate::{Answer, Language, parse_prefix, parse_prefixes};
use madang_addr::Prefix;

fn prefix(text: &str) -> Prefix {
    parse_prefix(text).unwrap()
}

fn prefixes(text: &str) -> Vec<Prefix> {
    parse_prefixes(text).unwrap()
}

fn english(answer: &impl Answer) -> String {
    text(answer, Language::En)
}

fn text(answer: &impl Answer, language: Language) -> String {
    answer.lines(language).map(|line| line + "\n").collect()
}

fn working(answer: &impl Answer, language: Language) -> String {
    answer.working(language).join("\n")
}
