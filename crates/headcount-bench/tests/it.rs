//! The benchmark runs: every contestant gives a figure, and the tables say what they must. No figure is judged.

use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Far above what any call here takes, also on a loaded machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Calls the benchmark and gives what came of it, or fails the test when that takes longer than the limit. A process
/// that overruns has limits of its own and ends by them.
fn bench(words: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_headcount-bench"), words)
}

/// The same with the program that counts allocations.
fn counting(words: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_headcount-bench-counting"), words)
}

fn run(program: &str, words: &[&str]) -> Output {
    let mut command = Command::new(program);
    let child =
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("the benchmark starts");
    let (done, outcome) = mpsc::channel();
    thread::spawn(move || done.send(child.wait_with_output()));
    let output =
        outcome.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("{words:?} ran longer than {LIMIT:?}"));
    output.expect("its output can be read")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The pairs of row and contestant that `--list` names.
fn listed() -> Vec<(String, String)> {
    let list = out(&bench(&["--list"]));
    let pair = |line: &str| line.split_once('\t').map(|(row, name)| (row.to_owned(), name.to_owned()));
    list.lines().map(|line| pair(line).unwrap_or_else(|| panic!("{line:?} is no pair"))).collect()
}

/// The figures of one line: nanoseconds, and where it is counted the share asleep.
fn figures(output: &Output) -> Vec<f64> {
    let line = out(output);
    line.split_whitespace()
        .map(|word| word.parse().unwrap_or_else(|_| panic!("{line:?} is no figure")))
        .collect()
}

#[test]
fn every_contestant_of_this_process_gives_a_figure() {
    let mut timed = listed();
    // Commands come from elsewhere, and so does Celery.
    timed.retain(|(row, name)| !row.starts_with("run-") && name != "Celery chord");
    if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: no redis-server, so the rows of groups across machines were not tried out");
        timed.retain(|(row, _)| !row.starts_with("cluster-"));
    }
    for row in
        ["1-zero", "1-beside", "1w", "2-two", "2-four", "3", "4-two", "4-one", "4s", "4a-current", "4a-multi"]
    {
        let ours = timed.iter().filter(|(timed, name)| timed == row && name.starts_with("headcount"));
        assert!(ours.count() >= 2, "row {row} has the wait group and the raw one");
    }
    for row in [
        "5-task",
        "5-thread",
        "6-task",
        "6-thread",
        "7-limited",
        "7-thread-limited",
        "11",
        "12-bytes",
        "12-allocations",
    ] {
        let ours = timed.iter().filter(|(timed, name)| timed == row && name.starts_with("headcount"));
        assert!(ours.count() >= 1, "row {row} has the group");
    }
    // The two that row 6 is measured against are rows 5 again, under names that the aims spell out.
    for (row, name) in [("6-task", "task::Group of row 5"), ("6-thread", "thread::Scope of row 5")] {
        assert!(timed.iter().any(|pair| pair.0 == row && pair.1 == name), "row {row} has {name}");
    }
    for (row, name) in timed {
        let program = if row == "12-allocations" { counting } else { bench };
        let output = program(&["--one", &row, &name, "tiny"]);
        assert!(output.status.success(), "{name} in row {row}: {}", err(&output));
        let figures = figures(&output);
        assert!(figures[0].is_finite() && figures[0] >= 0.0, "{name} in row {row}: {figures:?}");
        let counts_sleeps = ["4-two", "4-one", "4s"].contains(&row.as_str());
        assert_eq!(figures.len(), if counts_sleeps { 2 } else { 1 }, "{name} in row {row}: {figures:?}");
    }
}

#[test]
fn a_sleeping_row_counts_the_sleeps() {
    // On one core the waker does not even run before the waiter sleeps, so this does not depend on the machine.
    let share = figures(&bench(&["--one", "4-one", "park + unpark", "tiny"]))[1];
    assert!(share >= 0.5, "{share} of the waits were seen asleep");
    let share = figures(&bench(&["--one", "4s", "spinning", "tiny"]))[1];
    assert!(share <= 0.5, "{share} of the waits of a spinning thread were seen asleep");
}

#[test]
fn allocations_are_counted_and_only_where_they_can_be() {
    // Known of tokio: a task is one allocation, and one of a JoinSet two.
    for (name, allocations) in [("tokio spawn", 1.0), ("TaskTracker", 1.0), ("JoinSet", 2.0)] {
        let counted = figures(&counting(&["--one", "12-allocations", name, "tiny"]));
        assert_eq!(counted, [allocations], "{name}");
    }
    // A group's members have one of their own each, and share those of a page.
    for name in ["headcount task::Group", "headcount Group, limit 64"] {
        let counted = figures(&counting(&["--one", "12-allocations", name, "tiny"]))[0];
        assert!((1.0..=1.2).contains(&counted), "{name}: {counted}");
    }
    let output = bench(&["--one", "12-allocations", "JoinSet", "tiny"]);
    assert_eq!(output.status.code(), Some(2), "a figure of nothing is no figure: {}", out(&output));
    assert!(err(&output).contains("counted by the program headcount-bench-counting"), "{}", err(&output));
}

#[test]
fn a_member_that_waits_stays_resident() {
    for name in ["tokio spawn", "JoinSet", "headcount task::Group", "FuturesUnordered"] {
        let bytes = figures(&bench(&["--one", "12-bytes", name, "quick"]))[0];
        // Its future alone holds a handle and a place in a list of waiters; a page for each would be far too much.
        assert!((64.0..4096.0).contains(&bytes), "{name}: {bytes} bytes");
    }
}

#[test]
fn a_bare_command_has_a_start_time() {
    let output = bench(&["--one", "run-start", "true", "tiny"]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(figures(&output)[0] > 0.0);
}

#[test]
fn a_table_has_medians_ratios_and_the_aim_and_says_that_go_is_missing() {
    let record = std::env::temp_dir().join(format!("headcount-bench-it-{}.json", std::process::id()));
    let path = record.to_str().expect("a temporary directory with a plain name");
    let output = bench(&["--quick", "--no-go", "--rounds", "2", "--json", path, "3"]);
    assert!(output.status.success(), "{}", err(&output));
    let table = out(&output);
    for expected in
        ["machine ", "load ", "row 3 ", "× acquire load", "SKIPPED: no Go", "aim      ≤ 1.5 × acquire load"]
    {
        assert!(table.contains(expected), "no {expected:?} in\n{table}");
    }
    let json = std::fs::read_to_string(&record).expect("the record is written");
    std::fs::remove_file(&record).expect("and can be taken away");
    let json: serde_json::Value = serde_json::from_str(&json).expect("the record is JSON");
    let contestants = json["rows"][0]["contestants"].as_array().expect("the row has contestants");
    let floor =
        contestants.iter().find(|one| one["contestant"] == "acquire load").expect("the floor is there");
    assert_eq!(floor["nanos"].as_array().map(Vec::len), Some(2), "a figure a round");
    assert_eq!(floor["ratio"], 1.0, "the reference is one time itself");
    let go = contestants.iter().find(|one| one["contestant"] == "Go").expect("Go has its place");
    assert!(go["missing"].as_str().is_some_and(|why| why.contains("--no-go")), "{go}");
}

#[test]
fn what_is_not_understood_is_named() {
    for (words, named) in [
        (&["5x"] as &[&str], "no row is called 5x"),
        (&["--fast"], "no option is called --fast"),
        (&["--rounds", "0"], "--rounds was given \"0\""),
        (&["--json"], "--json needs a file"),
        (&["--one", "3", "nobody", "tiny"], "nobody called \"nobody\" takes part in row 3"),
    ] {
        let output = bench(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(err(&output).contains(named), "{words:?}: {}", err(&output));
        assert!(err(&output).contains("hint: --help"), "{words:?}: {}", err(&output));
        assert_eq!(out(&output), "", "{words:?}");
    }
}
