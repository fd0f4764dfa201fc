//! The command line's own drawing of mistakes. Its crate is not linked: the kernel's programs would have to be built for it.

#[path = "../../crates/host/cli/src/output/diagnostics.rs"]
mod diagnostics;
#[path = "../../crates/host/cli/src/output/excerpt.rs"]
mod excerpt;
#[path = "../../crates/host/cli/src/output/style.rs"]
mod style;
#[path = "../../crates/host/cli/src/output/text.rs"]
mod text;

use madang_model::{Diagnostic, SourceFile};

/// What is wrong with files, as a terminal of so many columns would show it.
pub fn drawn(
    mistakes: &[Diagnostic],
    files: &[SourceFile],
    color: bool,
    unicode: bool,
    columns: usize,
) -> String {
    diagnostics::render(mistakes, files, style::Style { color, unicode, terminal: false }, columns)
}
