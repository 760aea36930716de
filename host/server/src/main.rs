//! The program `skerry`.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::run()
}
