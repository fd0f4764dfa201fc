//! What every answer can do.

use serde::Serialize;

use crate::steps::{Spoken, Step, working};
use crate::{Error, Language};

/// Lines that are made when they are asked for: an answer may have billions.
pub type Lines<'a> = Box<dyn Iterator<Item = String> + 'a>;

/// The answer of an operation.
pub trait Answer: Serialize {
    /// For people: aligned lines of at most [`crate::COLUMNS`] columns, without the ends of lines.
    fn lines(&self, language: Language) -> Lines<'_>;

    /// The working, as a teacher writes it on a board. Bounded, however large the answer is.
    fn steps(&self) -> Vec<Step>;

    /// The working as numbered lines.
    fn working(&self, language: Language) -> Vec<String> {
        working(&self.steps(), language)
    }
}

/// An answer with its working, to be serialized: the answer's fields, and `steps`, each with its `lines`.
#[derive(Serialize)]
pub struct Worked<'a, A: Answer> {
    #[serde(flatten)]
    answer: &'a A,
    steps: Vec<Spoken>,
}

impl<'a, A: Answer> Worked<'a, A> {
    /// In a language.
    pub fn new(answer: &'a A, language: Language) -> Self {
        let steps = answer.steps().into_iter().map(|step| Spoken::new(step, language)).collect();
        Self { answer, steps }
    }
}

/// What operations give.
pub(crate) type Result<T> = std::result::Result<T, Error>;
