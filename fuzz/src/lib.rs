//! What targets share.

pub mod frame;
pub mod input;
#[allow(dead_code, reason = "only what draws mistakes is used of it")]
pub mod output;
pub mod world;

/// What [`output`] knows of the command line's arguments.
#[allow(dead_code, reason = "nobody chooses here")]
mod args {
    #[derive(Clone, Copy)]
    pub(crate) enum ColorChoice {
        Auto,
        Always,
        Never,
    }
}
