//! Every check of the project, in CI's order: `cargo xtask test`.
//!
//! A check passes, fails, or is skipped with the reason said aloud (a tool that this machine lacks); a skipped check
//! never counts as passed. `cargo xtask list` names them; `cargo xtask test NAME ...` runs some.

mod checks;
mod compare;
mod fuzz;
mod house;
mod run;
mod sanitize;

use std::process::ExitCode;
use std::time::Instant;

use run::Verdict;

/// One check: its name on the command line, what it makes sure of, and how.
struct Check {
    name: &'static str,
    promise: &'static str,
    run: fn() -> Verdict,
}

/// Cheap ones first, so that a slip is seen early.
const CHECKS: &[Check] = &[
    Check {
        name: "house",
        promise: "files within their budgets, no machine paths, README in step",
        run: house::check,
    },
    Check { name: "format", promise: "rustfmt has nothing to say", run: checks::format },
    Check {
        name: "clippy",
        promise: "no warning under any choice of features, MSRV kept",
        run: checks::clippy,
    },
    Check { name: "docs", promise: "the documentation builds without a warning", run: checks::docs },
    Check {
        name: "tests",
        promise: "every test, in debug, with no features and with all of them",
        run: checks::tests,
    },
    Check {
        name: "engines",
        promise: "groups on many machines: every engine by the same tests, Redis on a server of our own",
        run: checks::engines,
    },
    Check {
        name: "release",
        promise: "the library's tests again, optimized; by its name alone",
        run: checks::release,
    },
    Check {
        name: "shipped",
        promise: "the command's tests again, against the binary that is shipped",
        run: checks::shipped,
    },
    Check { name: "examples", promise: "every example runs and is right", run: checks::examples },
    Check {
        name: "browser",
        promise: "the page of a timeline works in a real browser, without a mouse and on a phone",
        run: checks::browser,
    },
    Check { name: "no-std", promise: "a program without std links and counts", run: checks::no_std },
    Check {
        name: "loom",
        promise: "every protocol model-checked; every planted fault objected to",
        run: checks::loom,
    },
    Check {
        name: "shuttle",
        promise: "the timer, on a driven clock, and task groups under many schedules; every planted fault objected to",
        run: checks::shuttle,
    },
    Check {
        name: "threads",
        promise: "thread sanitizer: silent, and not silent with a fault planted",
        run: sanitize::threads,
    },
    Check {
        name: "addresses",
        promise: "address sanitizer: silent, and not silent with a fault planted",
        run: sanitize::addresses,
    },
    Check {
        name: "fuzz",
        promise: "the inspection socket's protocol from either side, the command's journal and its placeholders, fuzzed for a quarter of a minute each",
        run: fuzz::check,
    },
    Check { name: "readme", promise: "the README's main job runs on this checkout", run: checks::readme },
];

/// Not in the whole run, which has to be done in 45 minutes on a bare machine with two cores: it compiles for six of them. What is
/// timing's there runs optimized all the same: the models, and the command's tests.
const BY_NAME: [&str; 1] = ["release"];

const HELP: &str = "\
cargo xtask test [NAME ...]   run every check but `release`, or the named ones
cargo xtask bench [ARG ...]   time headcount beside its peers (`bench --help` for the rows)
cargo xtask compare [PART ...]   do the same with headcount run, xargs, GNU parallel and rust-parallel; with headcount fetch and curl
cargo xtask chaos [ARG ...]   kill, pause and restart workers and an engine while 100,000 members run, and print the account
cargo xtask fuzz [SECONDS]    fuzz the inspection socket's protocol, the journal and the placeholders, each for so long (60)
cargo xtask list              name the checks
cargo xtask help              this text";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some(("test", names)) => test(names),
        Some(("bench", rest)) => checks::bench(rest),
        Some(("chaos", rest)) => checks::chaos(rest),
        Some(("fuzz", rest)) => fuzz::command(rest),
        Some(("compare", parts)) => compare::compare(parts),
        Some(("list", [])) => {
            CHECKS.iter().for_each(|check| println!("{:<10} {}", check.name, check.promise));
            ExitCode::SUCCESS
        }
        Some(("help" | "--help" | "-h", _)) | None => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        Some((other, _)) => {
            eprintln!("xtask: there is no `{other}`\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn test(names: &[String]) -> ExitCode {
    if let Some(unknown) = names.iter().find(|name| CHECKS.iter().all(|check| check.name != *name)) {
        eprintln!("xtask: there is no check `{unknown}`; `cargo xtask list` names them");
        return ExitCode::from(2);
    }
    let chosen = CHECKS.iter().filter(|check| match names {
        [] => !BY_NAME.contains(&check.name),
        names => names.iter().any(|name| name == check.name),
    });
    let mut verdicts = Vec::new();
    let beforehand = names.is_empty().then(checks::build_beforehand);
    for check in chosen {
        println!("\n── {}: {}", check.name, check.promise);
        let begun = Instant::now();
        let verdict = (check.run)();
        verdicts.push((check, verdict, begun.elapsed()));
    }

    if let Some(beforehand) = beforehand {
        // It has ended: the checks waited for its locks.
        let _ = beforehand.join();
    }
    for (check, verdict, _) in &verdicts {
        if let Verdict::Failed(why) = verdict {
            println!("\n── {} FAILED: {why}", check.name);
        }
    }
    println!();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (check, verdict, took) in &verdicts {
        let (count, text) = match verdict {
            Verdict::Passed => (&mut passed, String::from("passed")),
            Verdict::Failed(why) => {
                (&mut failed, format!("FAILED: {}", why.lines().next().unwrap_or_default()))
            }
            Verdict::Skipped(why) => (&mut skipped, format!("SKIPPED: {why}")),
        };
        *count += 1;
        println!("{:<10} {:>6.1} s  {text}", check.name, took.as_secs_f64());
    }
    println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
