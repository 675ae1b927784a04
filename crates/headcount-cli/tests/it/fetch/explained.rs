//! `--explain`: every flag in words, and nothing fetched.

use headcount_cli::args::table;

use super::server::Server;
use super::{into, list};
use crate::stage::{fetch, folder};

#[track_caller]
fn explained(args: &[&str]) -> String {
    let seen = fetch(["--explain"]).args(args).input("never read\n").run();
    seen.ended(0);
    // One line, so that it does not matter where it was broken.
    seen.out().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn nothing_is_fetched_made_or_written() {
    let (server, folder) = (Server::of("x"), folder());
    let inside = folder.path().join("made");
    let (url, events) = (server.url("a"), folder.path().join("events"));
    let args = ["--explain", "-o", inside.to_str().unwrap(), "--events", events.to_str().unwrap(), &url];
    let seen = fetch(args).run();
    seen.ended(0);
    assert!(seen.out().starts_with("Nothing is fetched. This is what would happen:\n\nAddresses   The one"));
    assert!(list(folder.path()).is_empty() && server.asked().is_empty());
    // The same without the flag, so that it is known to be the flag.
    into(&folder, [url.as_str()]).run().ended(0);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn flags_are_told_in_words() {
    let text = explained(&["http://h/a", "http://h/b"]);
    for wanted in [
        "The 2 that are given here.",
        "At most 16 transfers run at the same time (--jobs 16, on this machine). All of them may be from one host.",
        "Each is stored in the current folder",
        "nothing is fetched (--exists keep).",
        "When a member fails, those that still run are terminated",
        "Connecting may take 10s (--connect-timeout), and a server may be silent for 30s (--stall-timeout).",
        "is tried up to 3 times more (--retries), after 100ms, and twice as long each time up to 30s (--backoff exp);",
        "Who is ended has 2s (--grace)",
        "0 if all succeed, 1 if one fails; 2 if nothing",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in {text}");
    }
    let text = explained(&[
        "-j1",
        "--per-host",
        "1",
        "-0",
        "-a",
        "LIST",
        "-o",
        "FOLDER",
        "--exists",
        "replace",
        "--sha256",
        "SUMS",
        "--max-body",
        "1K",
        "--retries",
        "0",
        "--timeout",
        "90s",
        "--deadline",
        "1h",
        "-k",
        "--tag",
        "--rate",
        "5/s",
    ]);
    for wanted in [
        "Everything that ends with a NUL byte in the file LIST.",
        "One transfer after the other (--jobs 1,",
        "at most 1 are from one host (--per-host)",
        "in the folder FOLDER (--output)",
        "is replaced (--exists replace)",
        "the checksum that SUMS lists for it (--sha256)",
        "more than 1024 bytes is not taken (--max-body)",
        "Each transfer is tried once (--retries 0).",
        "An attempt that takes longer than 90s has failed (--timeout). What is left 3600s after the beginning is ended",
        "Every input has its turn",
        "begins with the address and a tab (--tag)",
        "--rate 5/s: Start no more than N members a second",
        "3 if the deadline passes",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in {text}");
    }
    assert!(explained(&["--journal", "J", "--resume"]).contains("What J says has ended is counted"));
}

#[test]
fn no_flag_is_passed_over() {
    let plain = explained(&[]);
    let whole = table();
    let fetches = whole.get_subcommands().find(|table| table.get_name() == "fetch").expect("fetch");
    let samples = ["4", "50%", "3s", "1K", "FILE", "fixed:1s", "replace", "0.5"];
    for arg in fetches.get_arguments() {
        let id = arg.get_id().as_str();
        let Some(long) = arg.get_long().filter(|_| !["help", "explain", "dry_run"].contains(&id)) else {
            continue;
        };
        let with = |values: &[&str]| {
            let needs: &[&str] = if id.starts_with("resume") { &["--journal", "J"] } else { &[] };
            let seen = fetch(["--explain"]).args(needs).arg(format!("--{long}")).args(values).run();
            seen.status.success().then(|| seen.out().split_whitespace().collect::<Vec<_>>().join(" "))
        };
        let text = if arg.get_action().takes_values() {
            samples.iter().find_map(|sample| with(&[*sample]))
        } else {
            with(&[])
        };
        let text = text.unwrap_or_else(|| panic!("--{long} takes none of {samples:?}"));
        assert!(text != plain || id == "fail_fast", "--{long} makes no difference to {text}");
        let told = ["arg_file", "null"].contains(&id) || text.contains(&format!("--{long}"));
        assert!(told, "--{long} is not told: {text}");
    }
}

#[test]
fn what_would_be_refused_is_not_explained() {
    for (args, wanted) in [
        (&["--fail-fast", "-k"][..], "two policies"),
        (&["-0", "http://h/"], "--null reads addresses from a file"),
        (&["--quorum", "3", "http://h/"], "there is 1 input"),
        (&["--dry-run"], "cannot be used with"),
    ] {
        let seen = fetch(["--explain"]).args(args).run();
        assert!(seen.ended(2).err.contains(wanted), "{args:?}: {}", seen.err);
    }
}
