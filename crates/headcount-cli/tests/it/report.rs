//! `headcount report`, and `--report`: what a recorded run was like, also when the record is not whole.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::stage::{Seen, Stage, folder, headcount};

/// `headcount report` with these arguments.
fn report(file: &Path) -> Stage {
    let mut command = Command::new(crate::binary::headcount());
    command.arg("report").arg(file);
    Stage::new(command)
}

/// A recorded run: four members, two at a time, one of which fails.
fn recorded(folder: &TempDir) -> PathBuf {
    let file = folder.path().join("run.jsonl");
    let seen = headcount(["-k", "-j2", "--events"])
        .arg(&file)
        .args(["sh", "-c", "sleep 0.0$0; test $0 != 3", ":::", "1", "2", "3", "4"])
        .run();
    seen.ended(1);
    file
}

/// The text with every figure of time made the same.
fn timeless(text: &str) -> String {
    let mut said = String::new();
    let words = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    for line in text.lines() {
        let mut words = words(line);
        for place in 1..words.len() {
            if ["ms", "s", "µs", "ns", "ms:", "s:", "ms;", "s;"].contains(&&*words[place])
                && words[place - 1].parse::<f64>().is_ok()
            {
                words[place - 1] = "T".into();
                words[place] = "s".into();
            }
        }
        words.retain(|word| !word.is_empty());
        said.push_str(&words.join(" "));
        said.push('\n');
    }
    said
}

/// The data in a page.
pub(crate) fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"data\">").expect("a page has data");
    serde_json::from_str(rest.split_once("</script>").expect("it ends").0).expect("it is JSON")
}

#[test]
fn the_summary_tells_counts_parallelism_the_slowest_and_the_failures() {
    let folder = folder();
    let seen = report(&recorded(&folder)).run();
    seen.ended(0);
    let text = timeless(seen.out());
    for wanted in [
        "4 members: 3 ok, 1 failed, 0 lost, 0 cancelled\n",
        "headcount run -j2 sh -c 'sleep 0.0$0; test $0 != 3': 4 members in T s\n",
        "ended 3 ok, 1 failed\n",
        "2 at most\n",
        "\nslowest #",
        "\nfailed #3 \"3\" after T s exit code 1\n",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in {text}");
    }
    assert_eq!(seen.err, "");
}

#[test]
fn the_page_tells_everyone_and_is_the_same_at_once_and_afterwards() {
    let folder = folder();
    let (file, at_once, afterwards) = (
        folder.path().join("run.jsonl"),
        folder.path().join("at-once.html"),
        folder.path().join("afterwards.html"),
    );
    std::fs::write(&at_once, "an old page, and longer than ".repeat(10_000)).expect("it can be written");
    let seen = headcount(["-k", "-j2", "--events"])
        .arg(&file)
        .arg("--report")
        .arg(&at_once)
        .args(["sh", "-c", "exit $0", ":::", "0", "</script>", "0"])
        .run();
    seen.ended(1);
    report(&file).arg("-o").arg(&afterwards).run().ended(0);
    let pages = [&at_once, &afterwards].map(|page| std::fs::read_to_string(page).expect("a page"));
    assert!(pages[0].starts_with("<!doctype html>") && pages[0].trim_end().ends_with("</html>"));
    let [first, second] = pages.map(|page| data(&page));
    for column in ["title", "texts", "number", "how", "name", "why", "on", "carrier", "total"] {
        assert_eq!(first[column], second[column], "{column}");
    }
    assert!(first["texts"].as_array().expect("a list").contains(&"</script>".into()), "{first}");
}

#[test]
fn what_cannot_be_kept_apart_on_one_stream_is() {
    let folder = folder();
    let file = recorded(&folder);
    let seen = report(Path::new("-")).args(["-o", "-"]).input(std::fs::read(&file).expect("events")).run();
    seen.ended(0);
    assert!(seen.out().starts_with("<!doctype html>"), "the page is on stdout");
    assert!(seen.err.starts_with("4 members: "), "the summary is on stderr: {}", seen.err);
}

#[test]
fn inputs_that_would_do_harm_on_a_terminal_are_escaped() {
    let folder = folder();
    let file = folder.path().join("run.jsonl");
    headcount(["-k", "--events"]).arg(&file).args(["false"]).input("\u{1b}[2Jx\n").run().ended(1);
    let seen = report(&file).run();
    seen.ended(0);
    assert!(!seen.out().contains('\u{1b}') && seen.out().contains("[2Jx"), "{}", seen.out());
}

/// A report of these lines.
#[track_caller]
fn of_lines(lines: impl AsRef<[u8]>) -> Seen {
    let folder = folder();
    let file = folder.path().join("f.jsonl");
    std::fs::write(&file, lines).expect("it can be written");
    report(&file).run()
}

#[track_caller]
fn refused(seen: &Seen, wanted: &str) {
    seen.ended(2);
    assert!(seen.out.is_empty(), "{}", seen.out());
    let (what, hint) = seen.err.split_once("\nhint: ").unwrap_or_else(|| panic!("no hint: {}", seen.err));
    assert!(what.contains(wanted) && hint.len() > 10, "{wanted:?} is not in {:?}", seen.err);
}

#[test]
fn what_is_no_record_is_refused_with_its_line() {
    refused(&of_lines(""), "f.jsonl holds no events");
    refused(&of_lines("{}\n"), "f.jsonl, line 1: it is no event: missing field `schema`");
    refused(&of_lines("<!doctype html>\n"), "line 1: it is no event: expected value");
    refused(&of_lines(b"\x00\xff\xfe\n"), "line 1: it is no event");
    refused(&of_lines("[1,2]\n"), "line 1: it is no event");
    let line = r#"{"schema":1,"time":"","elapsed":0,"event":"registered","id":1,"input":"a","attempt":null}"#;
    refused(&of_lines(line), "line 1: the first event is \"registered\" and no beginning of a batch");
    let line = r#"{"schema":2,"elapsed":0,"event":"batch_begun"}"#;
    refused(&of_lines(line), "line 1: it was written in schema 2, and this headcount reads schema 1");
    let folder = folder();
    refused(&report(&folder.path().join("none")).run(), "none cannot be read: No such file");
    refused(&report(folder.path()).run(), "cannot be read: is a directory");
}

#[test]
fn a_record_that_was_changed_is_refused_with_the_line_that_cannot_be() {
    let folder = folder();
    let text = std::fs::read_to_string(recorded(&folder)).expect("events");
    let lines: Vec<&str> = text.lines().collect();
    let find = |name: &str| lines.iter().position(|line| line.contains(name)).expect(name);
    let without = |gone: usize| {
        let kept = lines.iter().enumerate().filter(|(place, _)| *place != gone);
        kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    refused(&of_lines(without(0)), "line 1: the first event is \"registered\"");
    refused(&of_lines(without(find("\"registered\""))), "began, and is not out");
    refused(
        &of_lines(without(find("\"event\":\"ended\"")).replace("\"members\":4", "\"members\":5")),
        "do not add up to 5",
    );
    refused(&of_lines(text.replacen("\"end\":\"ok\",\"code\"", "\"end\":ok,\"code\"", 1)), "it is no event");
    refused(&of_lines(format!("{text}{}\n", lines[1])), "\"registered\" after the end of the batch");
    refused(&of_lines(format!("{text}{text}")), "line 19: another batch begins here");
    // What a later version adds is passed over.
    let first: Value = serde_json::from_str(lines[0]).expect("JSON");
    let more = format!(
        r#"{{"schema":1,"time":"","elapsed":{},"event":"tea","id":null,"input":null,"attempt":null,"cup":2}}"#,
        first["elapsed"]
    );
    let seen = of_lines(text.replacen('\n', &format!("\n{more}\n"), 1));
    seen.ended(0);
}

#[test]
fn wherever_a_record_is_cut_what_was_before_is_told_and_the_cut_is_said() {
    let folder = folder();
    let bytes = std::fs::read(recorded(&folder)).expect("events");
    let first = bytes.iter().position(|&byte| byte == b'\n').expect("a line");
    let last = bytes[..bytes.len() - 1].iter().rposition(|&byte| byte == b'\n').expect("more than one line");
    // Around each end of a line, and at some places inside.
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(place, _)| place);
    for cut in
        ends.flat_map(|end| [end, end + 1, end + 40]).filter(|&cut| cut > first && cut < bytes.len() - 1)
    {
        let seen = of_lines(&bytes[..cut]);
        seen.ended(0);
        assert!(seen.out().starts_with("headcount run "), "at {cut}: {}", seen.out());
        // Only the line break is missing of a line that is whole.
        let torn = bytes[cut] != b'\n' && bytes[cut - 1] != b'\n';
        assert_eq!(seen.err.contains("is torn and left out"), torn, "at {cut}: {}", seen.err);
        assert!(seen.err.contains("the record ends before the batch did"), "at {cut}: {}", seen.err);
        assert!(cut < last || seen.out().contains("3 ok, 1 failed"), "at {cut}: {}", seen.out());
    }
    refused(&of_lines(&bytes[..first - 1]), "line 1: it is no event: EOF");
}

#[test]
fn a_page_that_cannot_be_written_leaves_the_summary() {
    let folder = folder();
    let seen = report(&recorded(&folder)).args(["-o", "/dev/full"]).run();
    seen.ended(1);
    assert!(seen.out().starts_with("4 members: "), "{}", seen.out());
    assert!(seen.err.contains("the page cannot be written to /dev/full: No space left"), "{}", seen.err);
}

#[test]
fn attempts_are_counted_and_the_last_is_shown() {
    let folder = folder();
    let file = folder.path().join("run.jsonl");
    let seen = headcount(["-k", "--retries", "1", "--backoff", "fixed:1ms", "--events"])
        .arg(&file)
        .args(["sh", "-c", "exit $0", ":::", "0", "7"])
        .run();
    seen.ended(1);
    let seen = report(&file).run();
    seen.ended(0);
    assert!(seen.out().contains("\n  attempts     3, 1 of them tried again\n"), "{}", seen.out());
    assert!(seen.out().contains("exit code 7"), "{}", seen.out());
}

#[test]
fn ten_thousand_members_make_a_page_of_a_few_megabytes() {
    let folder = folder();
    let file = folder.path().join("many.jsonl");
    let mut text = String::new();
    let mut line = |elapsed: f64, event: &str, id: &str, input: &str, more: &str| {
        text.push_str(&format!(
            "{{\"schema\":1,\"time\":\"\",\"elapsed\":{elapsed},\"event\":\"{event}\",\"id\":{id},\"input\":{input},\"attempt\":1{more}}}\n"
        ));
    };
    line(0.0, "batch_begun", "null", "null", ",\"subcommand\":\"run\",\"command\":[\"render\"],\"jobs\":8");
    // Eight at a time: each ends when the eighth after it begins.
    let input = |id: u32| format!("\"photographs/of/a/long/journey/{id:05}.jpeg\"");
    for step in 1..=10_008_u32 {
        let at = f64::from(step) * 0.01;
        if let Some(id) = step.checked_sub(8).filter(|&id| id > 0) {
            let end = if id % 97 == 0 { "failed" } else { "ok" };
            line(
                at,
                "attempt_ended",
                &id.to_string(),
                &input(id),
                &format!(",\"how\":\"exit code {}\"", id % 3),
            );
            line(at, "ended", &id.to_string(), &input(id), &format!(",\"end\":\"{end}\""));
        }
        if step <= 10_000 {
            let slot = format!(",\"slot\":{},\"pid\":{step},\"command\":[]", step % 8 + 1);
            line(at, "registered", &step.to_string(), &input(step), "");
            line(at, "attempt_started", &step.to_string(), &input(step), &slot);
        }
    }
    std::fs::write(&file, text).expect("it can be written");
    let page = folder.path().join("many.html");
    let seen = report(&file).arg("-o").arg(&page).run();
    seen.ended(0);
    assert!(seen.out().contains("10000 members in "), "{}", seen.out());
    assert!(seen.out().contains(", 8 at most"), "{}", seen.out());
    let size = page.metadata().expect("a page").len();
    assert!(size <= 5_000_000, "{size} bytes");
    assert_eq!(
        data(&std::fs::read_to_string(&page).expect("a page"))["number"].as_array().expect("a list").len(),
        10_000
    );
}
