//! The language of the conversations.

mod host;
mod message;
mod server;

use std::collections::BTreeMap;

/// The machine that a file is about.
pub(crate) enum Machine {
    Server(Box<server::Talk>),
    Host(Box<host::Talk>),
}

impl Machine {
    pub(crate) fn new(settings: &[&str]) -> Self {
        match settings.first().and_then(|line| line.split(' ').next()) {
            Some("server") => Self::Server(Box::new(server::Talk::new(settings))),
            Some("host") => Self::Host(Box::new(host::Talk::new(settings[0]))),
            other => panic!("a file begins with server or host, not {other:?}"),
        }
    }

    /// What follows from a line.
    pub(crate) fn happen(&mut self, line: &str) -> Vec<String> {
        match self {
            Self::Server(talk) => talk.happen(line),
            Self::Host(talk) => talk.happen(line),
        }
    }
}

/// A line's words without `=`, and those with, by what is before it.
pub(crate) struct Line<'a> {
    pub(crate) words: Vec<&'a str>,
    pub(crate) values: BTreeMap<&'a str, &'a str>,
}

impl<'a> Line<'a> {
    pub(crate) fn new(line: &'a str) -> Self {
        let (values, words): (Vec<&str>, Vec<&str>) =
            line.split_whitespace().partition(|word| word.contains('='));
        Self { words, values: values.into_iter().map(|value| value.split_once('=').unwrap()).collect() }
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    /// A value, if it is there.
    pub(crate) fn value<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.values.get(name).map(|value| parsed(value))
    }

    /// Values with commas between them.
    pub(crate) fn list<T: std::str::FromStr>(&self, name: &str) -> Vec<T> {
        self.values.get(name).map_or(Vec::new(), |list| list.split(',').map(parsed).collect())
    }
}

pub(crate) fn parsed<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is not what is expected there"))
}

/// `0102ff` as bytes.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}
