//! The sanitizers, on the stable toolchain: silent on the tests, and not silent when a fault is planted.
//!
//! A stable compiler has them behind a switch that asks for unstable options (`RUSTC_BOOTSTRAP`), and comes with their
//! run-time libraries. Std itself is not instrumented, hence the suppressions for threads (see
//! `sanitizer/thread.supp`) and the spin lock in place of std's mutex.

use std::process::Command;

use crate::run::{Verdict, cargo_with_flags, output, passes, root, verdict};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What the sanitizers look at: everything but tests that are long, or whose subject is blocking in time or the memory of the
/// process itself.
const ROOMS: [&str; 11] = [
    "context::",
    "counting",
    "future",
    "group::",
    "handover",
    "happens_before",
    "raw",
    "roll_call",
    "rounds",
    "task::",
    "thread::",
];

/// Members that panic beside each other: the harness keeps what the panic hook says behind a lock of std's. And maps on threads, and a
/// test whose threads are std's: their end is the join of std's scope, whose counter std decrements where the sanitizer does not
/// look; loom has models of them.
const NOT: [&str; 12] = [
    "--skip",
    "thread::panics",
    "--skip",
    "thread::map",
    "--skip",
    "hedges::a_hedged_map",
    "--skip",
    "hedges::late_items_of_a_map",
    "--skip",
    "hedges::calls_that_race_with_their_time",
    "--skip",
    "cancelling::a_cancellation_that_races_with_spawns",
];

/// A test with a planted fault, and two words of the report that it must bring about.
type Control = [&'static str; 3];

pub(crate) fn threads() -> Verdict {
    let options = [("TSAN_OPTIONS", suppressions("thread"))];
    // The report must be about the plain data that the planted fault leaves unordered, and nothing else. (`RelaxedPage` is loom's: the
    // desk at which carriers meet orders on the way what the page does not.)
    let controls = [
        ["planted::relaxed_done", "data race", "Plain>::read"],
        ["planted::relaxed_end", "data race", "Page<"],
    ];
    sanitizer("thread", "--cfg headcount_spin", &options, &controls)
}

pub(crate) fn addresses() -> Verdict {
    let options = [("ASAN_OPTIONS", "detect_leaks=1".into()), ("LSAN_OPTIONS", suppressions("leak"))];
    sanitizer("address", "", &options, &[["planted::drop_stays_listed", "heap-use-after-free", "Waiters"]])
}

fn suppressions(name: &str) -> String {
    format!("suppressions={}", root().join(format!("xtask/sanitizer/{name}.supp")).display())
}

/// Runs the tests under the sanitizer `name`, then its negative controls.
fn sanitizer(name: &str, cfg: &str, options: &[(&str, String)], controls: &[Control]) -> Verdict {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Verdict::Skipped(format!("the {name} sanitizer is set up for {TARGET} only"));
    }
    let run = |tests: &[&str]| -> Command {
        let flags =
            format!("-Zsanitizer={name} -Cunsafe-allow-abi-mismatch=sanitizer --cfg headcount_fault {cfg}");
        let arguments =
            ["test", "--target", TARGET, "-p", "headcount", "--no-default-features", "--features", "std"];
        let mut command = cargo_with_flags(name, &flags, &arguments);
        command.args(["--test", "it", "--", "--test-threads=1"]).args(tests);
        command.env("RUSTC_BOOTSTRAP", "1").envs(options.iter().map(|(key, value)| (key, value)));
        command
    };
    let object = |[test, kind, place]: &Control| {
        let (result, text) = output(run(&["--exact", test]))?;
        if result.status.success() || !text.contains(kind) || !text.contains(place) {
            return Err(format!("the {name} sanitizer did not object to {test}:\n{text}"));
        }
        println!("objected to {test}, as it must: {kind} in {place}");
        Ok(())
    };
    verdict(passes(run(&[&ROOMS[..], &NOT].concat())).and_then(|()| controls.iter().try_for_each(object)))
}
