//! The binary: wires the crates together, nothing else.

fn main() -> std::process::ExitCode {
    madang_cli::main()
}
