//! What the metadata service tells an instance about itself: a pure function from a request to a response.
//!
//! Paths, headers and the token that comes first are those of the Instance Metadata Service, version 2, of AWS, so that
//! programs made for that work. What an instance has to do for a token, a `PUT`, is what a proxy or a page that was tricked
//! into asking usually cannot.

mod identity;
mod respond;
mod token;

pub use identity::{Identities, Identity};
pub use respond::{Request, Response, respond};

#[cfg(test)]
mod tests;
