//! How long an apply takes
fn main() {}
