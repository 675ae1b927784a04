//! Help that teaches: examples first, everything in the manual and the completions that is in the flag table, and flags told in
//! words.

use std::process::{Command, Stdio};

use clap::Command as Table;
use headcount_cli::args::table;

use crate::stage::{Stage, folder, headcount};

/// `headcount` with these arguments.
fn command(args: &[&str]) -> Stage {
    let mut command = Command::new(crate::binary::headcount());
    command.args(args);
    Stage::new(command)
}

/// What it prints.
#[track_caller]
fn printed(args: &[&str]) -> String {
    let seen = command(args).run();
    seen.ended(0);
    assert_eq!(seen.err, "");
    seen.out().to_owned()
}

/// The subcommands, and the whole.
fn tables() -> Vec<Table> {
    let whole = table();
    let mut all: Vec<Table> = whole.get_subcommands().filter(|table| !table.is_hide_set()).cloned().collect();
    assert!(all.len() > 5, "there are subcommands");
    all.push(whole);
    all
}

/// The flags of a table, as they are typed.
fn flags(table: &Table) -> Vec<String> {
    let shown = table.get_arguments().filter(|arg| !arg.is_hide_set());
    let flags = shown.flat_map(|arg| {
        let long = arg.get_long().map(|long| format!("--{long}"));
        long.into_iter().chain(arg.get_short().map(|short| format!("-{short}")))
    });
    flags.collect()
}

#[test]
fn every_help_begins_with_examples_and_names_every_flag() {
    for table in tables() {
        let name = table.get_name();
        let help = if name == "headcount" { printed(&["--help"]) } else { printed(&[name, "--help"]) };
        let place =
            |what: &str| help.find(what).unwrap_or_else(|| panic!("{what} is not in the help of {name}"));
        assert!(place("Examples:") < place("Usage:") && place("Usage:") < place("Options:"), "{help}");
        for flag in flags(&table) {
            place(&flag);
        }
    }
}

#[test]
fn every_flag_is_in_the_completions_of_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        for table in tables() {
            for flag in flags(&table) {
                // Fish calls them by name, each after its own letter.
                let called = match (shell, flag.strip_prefix("--"), flag.strip_prefix('-')) {
                    ("fish", Some(long), _) => format!("-l {long}"),
                    ("fish", None, Some(short)) => format!("-s {short}"),
                    _ => flag.clone(),
                };
                assert!(
                    script.contains(&called),
                    "{flag} of {} is not completed in {shell}",
                    table.get_name()
                );
            }
        }
    }
}

/// Runs a program that is not ours on a text, and gives what it complains of; nothing if it is not on this machine.
fn complaint(program: &str, args: &[&str], text: &str) -> Option<String> {
    use std::io::Write as _;
    let started = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        eprintln!("SKIPPED: there is no {program} on this machine; its judgement is NOT known");
        return None;
    };
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let text = text.to_owned();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    let output = child.wait_with_output().expect("it ends");
    feeder.join().expect("the feeder does not panic");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some(if output.status.success() { String::new() } else { format!("{}: {said}", output.status) })
}

#[test]
fn shells_can_read_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        let judged = complaint(shell, &["-n", "/dev/stdin"], &script);
        assert_eq!(judged.unwrap_or_default(), "", "{shell}");
    }
}

#[test]
fn every_flag_and_every_example_is_in_the_manual() {
    for table in tables() {
        let name = table.get_name();
        let page = if name == "headcount" { printed(&["man"]) } else { printed(&["man", name]) };
        // Hyphens and apostrophes that are to be typed as they are.
        let page = page.replace("\\-", "-").replace("\\*(Aq", "'");
        for flag in flags(&table) {
            assert!(page.contains(&flag), "{flag} is not in the page of {name}");
        }
        let examples = table.get_before_help().expect("examples").to_string();
        for line in examples.lines().filter(|line| line.contains("headcount")) {
            let line = line.trim().replace('\\', "\\e");
            assert!(page.contains(&line), "{line:?} is not in the page of {name}: {page}");
        }
        for heading in [".SH NAME", ".SH SYNOPSIS", ".SH EXAMPLES", ".SH OPTIONS"] {
            assert!(page.contains(heading), "no {heading} in {name}");
        }
    }
    assert!(printed(&["man", "run"]).contains("headcount run\\fR [OPTIONS] COMMAND [ARG ...]"));
}

#[test]
fn the_manual_is_set_without_a_warning() {
    for table in tables() {
        let name = table.get_name();
        let page = if name == "headcount" { printed(&["man"]) } else { printed(&["man", name]) };
        let judged = complaint("mandoc", &["-T", "lint", "-W", "warning"], &page);
        assert_eq!(judged.unwrap_or_default(), "", "mandoc on {name}");
        let judged = complaint("groff", &["-man", "-ww", "-z", "-E"], &page);
        assert_eq!(judged.unwrap_or_default(), "", "groff on {name}");
    }
}

#[test]
fn all_pages_are_written_into_a_folder() {
    let folder = folder();
    let man1 = folder.path().join("share/man1");
    command(&["man", "-o", man1.to_str().expect("a path")]).run().ended(0);
    let mut pages: Vec<_> = std::fs::read_dir(&man1)
        .expect("it was made")
        .map(|page| page.expect("a page").file_name())
        .collect();
    pages.sort();
    assert!(pages.contains(&"headcount.1".into()) && pages.contains(&"headcount-run.1".into()), "{pages:?}");
    assert_eq!(pages.len(), tables().len());
    let seen = command(&["man", "-o", "/dev/null/x"]).run();
    assert!(
        seen.ended(1).err.contains("cannot be written to /dev/null/x") && seen.err.contains("\nhint: "),
        "{}",
        seen.err
    );
}

#[test]
fn a_shell_or_a_page_that_is_not_there_is_refused_with_those_that_are() {
    let seen = command(&["completions", "7"]).run();
    assert!(
        seen.ended(2).err.contains("hint: write one of bash, elvish, fish, powershell, zsh"),
        "{}",
        seen.err
    );
    let seen = command(&["man", "fly"]).run();
    assert!(
        seen.ended(2).err.contains("there is no subcommand \"fly\"")
            && seen.err.contains("hint: there are run, "),
        "{}",
        seen.err
    );
}

#[track_caller]
fn explained(args: &[&str]) -> String {
    let seen = headcount(["--explain"]).args(args).input("never read\n").run();
    seen.ended(0);
    // One line, so that it does not matter where it was broken.
    seen.out().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn flags_are_told_in_words_and_nothing_is_run() {
    let folder = folder();
    let witness = folder.path().join("witness");
    let text = explained(&["touch", witness.to_str().expect("a path"), ":::", "a", "b"]);
    assert!(!witness.exists());
    for wanted in [
        "Nothing is run.",
        "is run once for each input. It has no placeholder, so the input is appended",
        "No shell is involved",
        "The 2 after :::.",
        "(--jobs 100%, on this machine)",
        "(--order done)",
        "When a member fails, those that still run are terminated, and no more are started (--fail-fast, which is the default).",
        "A member may take as long as it likes. So may the batch.",
        "KILL after 2s (--grace)",
        "0 if all succeed, 1 if one fails; 2 if nothing",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in {text}");
    }
    let text = explained(&[
        "-j1",
        "--shell",
        "-a",
        "no-such-file",
        "-0",
        "--order",
        "input",
        "--tag",
        "--quorum",
        "3",
        "--timeout",
        "90s",
        "--deadline",
        "1h",
        "--grace",
        "0",
        "-q",
        "--events",
        "ev",
        "--joblog",
        "jl",
        "--report",
        "page.html",
        "zcat {} | wc -l",
    ]);
    for wanted in [
        "'zcat {} | wc -l' is run once for each input. Its placeholders are replaced",
        "handed to /bin/sh as one line",
        "Everything that ends with a NUL byte in the file no-such-file.",
        "One member after the other (--jobs 1,",
        "in the order of the inputs; what comes early waits in a file that has no name (--order input). Every line begins with the input and a tab",
        "When 3 have succeeded, or so many have failed that 3 cannot,",
        "longer than 90s is terminated and has failed (--timeout). What is left 3600s after the beginning",
        "HEADCOUNT_DEADLINE",
        "KILL after 0ns",
        "Nothing is said but what members print, and errors (--quiet).",
        "goes to ev (--events)",
        "goes to jl (--joblog)",
        "goes to page.html (--report)",
        "4 if it is missed",
        "3 if the deadline passes",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in {text}");
    }
    assert!(!folder.path().join("ev").exists());
    let text = explained(&[
        "--retries",
        "2",
        "--backoff",
        "fixed:3s",
        "--jitter",
        "--retry-on",
        "75,signal",
        "true",
    ]);
    let wanted = "A member that fails is tried up to 2 times more (--retries), after the same time always (--backoff \
                  fixed:3s), by chance up to twice that (--jitter); only after the ends that are named (--retry-on 75,signal).";
    assert!(text.contains(wanted), "{text}");
    assert!(explained(&["--journal", "J", "true"]).contains("written to J before it happens"));
    let text = explained(&["--journal", "J", "--resume", "true"]);
    assert!(text.contains("What J says has ended is counted as it ended and not run again"), "{text}");
    let text = explained(&["--journal", "J", "--resume-failed", "true"]);
    assert!(text.contains("what failed is tried again (--resume-failed); the rest is run."), "{text}");
    assert!(explained(&["--csv", "--header", "ssh", "{host}"]).contains("Its placeholders are replaced"));
    assert!(explained(&["true", ":::", "a", "b", ":::", "c"]).contains("The 2 combinations of the 2 lists"));
}

#[test]
fn no_flag_is_passed_over() {
    let plain = explained(&["true", ":::", "a", "b", "c", "d"]);
    let whole = table();
    let run = whole.get_subcommands().find(|table| table.get_name() == "run").expect("run");
    let samples = ["3", "50%", "3s", "1K", "FILE", "exp", "input", "true", "0.5", "redis://h"];
    let read = ["arg_file", "null", "csv", "header"];
    for arg in run.get_arguments() {
        let id = arg.get_id().as_str();
        let Some(long) = arg.get_long().filter(|_| !["help", "explain", "dry_run"].contains(&id)) else {
            continue;
        };
        // Some tell how inputs are read, and those that are listed are not read.
        let inputs: &[&str] = if read.contains(&id) { &[] } else { &[":::", "a", "b", "c", "d"] };
        let with = |values: &[&str]| {
            let flag = format!("--{long}");
            let needs: &[&str] = if id == "header" { &["--csv"] } else { &[] };
            let needs = if id.starts_with("resume") { &["--journal", "J"] } else { needs };
            let across = ["engine_ca", "name", "detach", "workdir", "env", "max_output", "lease", "patience"]
                .contains(&id);
            let needs = if across { &["--engine", "redis://x"] } else { needs };
            let needs = match id {
                "engine_cert" => &["--engine", "rediss://x", "--engine-key", "K"],
                "engine_key" => &["--engine", "rediss://x", "--engine-cert", "C"],
                _ => needs,
            };
            let seen =
                headcount(["--explain"]).args(needs).arg(flag).args(values).arg("true").args(inputs).run();
            seen.status.success().then(|| seen.out().split_whitespace().collect::<Vec<_>>().join(" "))
        };
        let text = if arg.get_action().takes_values() {
            samples.iter().find_map(|sample| with(&[*sample]))
        } else {
            with(&[])
        };
        let text = text.unwrap_or_else(|| panic!("--{long} takes none of {samples:?}"));
        assert!(text != plain || id == "fail_fast", "--{long} makes no difference to {text}");
        assert!(text.contains(&format!("--{long}")) || read.contains(&id), "--{long} is not told: {text}");
    }
}

#[test]
fn what_would_be_refused_is_not_explained() {
    for (args, wanted) in [
        (&["--fail-fast", "-k", "true"][..], "two policies"),
        (&["--csv", "true", ":::", "a"], "--csv reads inputs from a file"),
        (&["--quorum", "3", "true", ":::", "a"], "there is 1 input"),
        (&["echo", "{2}", ":::", "a"], "column 2"),
        (&["no-such-command", ":::", "a"], "no-such-command"),
        (&["--dry-run", "true"], "cannot be used with"),
    ] {
        let seen = headcount(["--explain"]).args(args).run();
        assert!(seen.ended(2).err.contains(wanted), "{args:?}: {}", seen.err);
    }
}
