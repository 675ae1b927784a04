//! The `headcount` command. Everything it does lives in the library beside it, where it can be tested.

fn main() -> std::process::ExitCode {
    headcount_cli::main(std::env::args_os())
}
