//! Times headcount and its peers; see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    headcount_bench::main()
}
