//! The fuzz targets in `fuzz/`, on the stable toolchain: no bytes make them panic, read beyond what is theirs, or hang.
//!
//! They are built with the flags that cargo-fuzz gives, and so need neither that nor a nightly compiler; only a C++ compiler,
//! for libFuzzer itself. What is found is left in `fuzz/artifacts`, what is learned in `fuzz/corpus`; neither is committed.

use std::process::{Command, ExitCode};

use crate::run::{Verdict, cargo, passes, root, target, verdict};

const TARGET: &str = "x86_64-unknown-linux-gnu";

const TARGETS: [&str; 4] = ["wire", "server", "journal", "template"];

/// Counters at each edge, comparisons told to the fuzzer, and addresses watched.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
    -Cdebug-assertions -Ccodegen-units=1 -Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer";

/// A minute for all.
pub(crate) fn check() -> Verdict {
    run(15)
}

/// `cargo xtask fuzz [SECONDS]`.
pub(crate) fn command(arguments: &[String]) -> ExitCode {
    let seconds = match arguments {
        [] => Some(60),
        [seconds] => seconds.parse().ok().filter(|seconds| *seconds > 0),
        _ => None,
    };
    let Some(seconds) = seconds else {
        eprintln!("xtask: fuzz takes a number of seconds from 1, and was given {arguments:?}");
        return ExitCode::from(2);
    };
    match run(seconds) {
        Verdict::Passed => ExitCode::SUCCESS,
        Verdict::Failed(why) => {
            eprintln!("xtask: FAILED: {why}");
            ExitCode::FAILURE
        }
        Verdict::Skipped(why) => {
            eprintln!("xtask: SKIPPED: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(seconds: u32) -> Verdict {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Verdict::Skipped(format!("the fuzz targets are set up for {TARGET} only"));
    }
    let compiler = std::env::var("CXX").unwrap_or_else(|_| String::from("c++"));
    if !Command::new(&compiler).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Verdict::Skipped(format!("no C++ compiler for libFuzzer on this machine (`{compiler}`)"));
    }
    let manifest = root().join("fuzz/Cargo.toml");
    let mut build = cargo(&["build", "--release", "--target", TARGET, "--manifest-path"]);
    build.arg(manifest).env("CARGO_TARGET_DIR", target("fuzz"));
    build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", FLAGS);
    verdict(passes(build).and_then(|()| TARGETS.iter().try_for_each(|name| fuzz(name, seconds))))
}

fn fuzz(name: &str, seconds: u32) -> Result<(), String> {
    let folder = |kind: &str| root().join("fuzz").join(kind).join(name);
    for kind in ["corpus", "artifacts"] {
        std::fs::create_dir_all(folder(kind))
            .map_err(|error| format!("{}: {error}", folder(kind).display()))?;
    }
    let mut command = Command::new(target("fuzz").join(TARGET).join("release").join(name));
    command.arg(format!("-artifact_prefix={}/", folder("artifacts").display()));
    command.args([format!("-max_total_time={seconds}"), "-timeout=10".into(), "-max_len=9000".into()]);
    command.args(["-print_final_stats=1", "-verbosity=0"]);
    // What is learned goes to the first of them.
    command.args([folder("corpus"), folder("seeds")]);
    passes(command)
}
