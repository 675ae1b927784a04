//! The record: events as their schema says, the job log in GNU's columns, and files that cannot be written.

use std::path::Path;

use jsonschema::Validator;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::stage::{Seen, Stage, fifo, folder, headcount, script};

fn schema() -> Validator {
    let text = include_str!("../../../../docs/events.schema.json");
    let schema = serde_json::from_str(text).expect("the schema is JSON");
    jsonschema::validator_for(&schema).expect("the schema is one")
}

/// The events in a file, each of which is as the schema says; and as its words say, no line's time is before the last's.
#[track_caller]
pub(crate) fn events(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).expect("events are UTF-8");
    assert!(text.ends_with('\n'), "{text}");
    let schema = schema();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut last = 0.0;
    for event in &events {
        let faults: Vec<_> = schema.iter_errors(event).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{event}: {faults:?}");
        let elapsed = event["elapsed"].as_f64().expect("a number");
        assert!(elapsed >= last, "{event} comes after {last}");
        last = elapsed;
    }
    events
}

/// Every member's events in their order, with the batch's own first.
fn stories(events: &[Value]) -> Vec<Vec<&str>> {
    fn of(events: &[Value], id: Option<u64>) -> Vec<&str> {
        let whose = events.iter().filter(|event| event["id"].as_u64() == id);
        whose.map(|event| event["event"].as_str().expect("a name")).collect()
    }
    let most = events.iter().filter_map(|event| event["id"].as_u64()).max().unwrap_or(0);
    std::iter::once(None).chain((1..=most).map(Some)).map(|id| of(events, id)).collect()
}

fn find<'e>(events: &'e [Value], name: &str, id: impl Into<Value>) -> &'e Value {
    let id = id.into();
    events.iter().find(|event| event["event"] == name && event["id"] == id).expect(name)
}

const LIFE: [&str; 4] = ["registered", "attempt_started", "attempt_ended", "ended"];

#[test]
fn every_change_of_state_is_a_line_as_the_schema_says() {
    let folder = folder();
    let file = folder.path().join("run.jsonl");
    let seen = headcount(["-k", "-j2", "--events"])
        .arg(&file)
        .args(["sh", "-c", "echo $0; exit ${0%x}", ":::", "0x", "3x", "0x"])
        .run();
    seen.ended(1);
    let events = events(&file);
    assert_eq!(
        stories(&events),
        [vec!["batch_begun", "batch_ended"], LIFE.to_vec(), LIFE.to_vec(), LIFE.to_vec()]
    );
    let begun = &events[0];
    assert_eq!(
        (&begun["jobs"], &begun["inputs"], &begun["policy"]),
        (&json!(2), &json!(3), &json!("keep-going"))
    );
    assert_eq!(begun["command"], json!(["sh", "-c", "echo $0; exit ${0%x}"]));
    let started = find(&events, "attempt_started", 2);
    assert_eq!(started["command"], json!(["sh", "-c", "echo $0; exit ${0%x}", "3x"]));
    assert!(started["pid"].is_u64() && started["attempt"] == 1 && started["input"] == "3x", "{started}");
    let ended = find(&events, "attempt_ended", 2);
    assert_eq!(
        (&ended["end"], &ended["code"], &ended["signal"]),
        (&json!("failed"), &json!(3), &Value::Null)
    );
    assert_eq!(
        (&ended["how"], &ended["bytes"], &ended["again"]),
        (&json!("exit code 3"), &json!(3), &json!(false))
    );
    let last = events.last().expect("there are events");
    let counts = ["members", "ok", "failed", "lost", "cancelled", "code"].map(|name| last[name].as_u64());
    assert_eq!(counts, [3, 2, 1, 0, 0, 1].map(Some));
}

#[test]
fn a_line_that_says_something_else_is_not_as_the_schema_says() {
    let folder = folder();
    let file = folder.path().join("run.jsonl");
    headcount(["--events"]).arg(&file).args(["true", ":::", "a"]).run().ended(0);
    let schema = schema();
    for event in events(&file) {
        let fields = event.as_object().expect("an object");
        // `columns` is the only field that may be missing, and is not there.
        for name in fields.keys() {
            let mut less = event.clone();
            less.as_object_mut().expect("an object").remove(name);
            assert!(!schema.is_valid(&less), "{name} may be missing in {event}");
            let mut other = event.clone();
            other[name] = json!({});
            assert!(!schema.is_valid(&other), "{name} may be anything in {event}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_there_without_loss() {
    let folder = folder();
    let file = folder.path().join("run.jsonl");
    let seen =
        headcount(["--events"]).arg(&file).args(["--", "true", "x"]).input(*b"a\xff\xfe\nplain\n").run();
    seen.ended(0);
    let events = events(&file);
    let odd = find(&events, "attempt_started", 1);
    assert_eq!((&odd["input"], &odd["input_base64"]), (&json!("a\u{fffd}\u{fffd}"), &json!("Yf/+")));
    assert_eq!(odd["command"], json!(["true", "x", "a\u{fffd}\u{fffd}"]));
    assert_eq!(odd["command_base64"], json!(["dHJ1ZQ==", "eA==", "Yf/+"]));
    let plain = find(&events, "attempt_started", 2).as_object().expect("an object");
    assert!(!plain.contains_key("input_base64") && !plain.contains_key("command_base64"), "{plain:?}");
}

#[test]
fn columns_are_told_one_by_one() {
    let folder = folder();
    let file = folder.path().join("run.jsonl");
    headcount(["--events"]).arg(&file).args(["true", ":::", "a b", ":::", "c"]).run().ended(0);
    let events = events(&file);
    let member = find(&events, "ended", 1);
    assert_eq!((&member["input"], &member["columns"]), (&json!("a b c"), &json!(["a b", "c"])));
}

#[test]
fn a_stop_is_told_with_its_cause_and_after_it_who_never_began() {
    let folder = folder();
    let file = folder.path().join("run.jsonl");
    // Whoever is cut short has to have begun.
    let command =
        "test $1 = bad || { : > $0; exec sleep 1000; }; until [ -e $0 ]; do sleep 0.01; done; exit 7";
    let seen = headcount(["-j2", "--grace", "60s", "--events"])
        .arg(&file)
        .args(["sh", "-c", command])
        .arg(folder.path().join("up"))
        .args([":::", "long", "bad", "never", "never"])
        .run();
    seen.ended(1);
    let events = events(&file);
    let stop = find(&events, "stopping", Value::Null);
    assert_eq!((&stop["strength"], &stop["why"]), (&json!("terminate"), &json!("the failure of member 2")));
    let position = |name: &str, id: u64| {
        events.iter().position(|event| event["event"] == name && event["id"] == id).expect(name)
    };
    let stopped = events.iter().position(|event| event["event"] == "stopping").expect("a stop");
    assert!(position("ended", 2) < stopped && stopped < position("ended", 1), "{events:#?}");
    let long = find(&events, "attempt_ended", 1);
    assert_eq!(
        (&long["end"], &long["signal"], &long["how"]),
        (&json!("cancelled"), &json!(15), &json!("terminated"))
    );
    let last = events.last().expect("there are events");
    assert_eq!((&last["members"], &last["failed"], &last["cancelled"]), (&json!(4), &json!(1), &json!(3)));
    // Whoever was registered has ended too.
    for story in &stories(&events)[1..] {
        assert!(story == &LIFE || story == &["registered", "ended"], "{story:?}");
    }
}

#[test]
fn who_cannot_be_started_and_who_is_late_are_told_so() {
    let folder = folder();
    let (file, log) = (folder.path().join("run.jsonl"), folder.path().join("log"));
    let seen = headcount(["-k", "-j1", "--timeout", "0.1", "--grace", "60s", "--events"])
        .arg(&file)
        .arg("--joblog")
        .arg(&log)
        .args(["--", "{}", "100", ":::", "sleep", "/no/such/program"])
        .run();
    seen.ended(1);
    let events = events(&file);
    let late = find(&events, "attempt_ended", 1);
    assert_eq!((&late["how"], &late["signal"]), (&json!("timed out after 100ms"), &json!(15)));
    assert_eq!(find(&events, "attempt_started", 2)["pid"], Value::Null);
    let missing = find(&events, "attempt_ended", 2);
    assert_eq!(
        (&missing["end"], &missing["code"], &missing["signal"]),
        (&json!("failed"), &Value::Null, &Value::Null)
    );
    let log = rows(&log);
    assert_eq!(
        (&log[0][6..8], &log[1][6..8]),
        (&["0".into(), "15".into()][..], &["-1".into(), "0".into()][..])
    );
}

#[test]
fn every_attempt_is_told_and_the_job_log_has_the_last() {
    let folder = folder();
    let (file, log, seen_once) =
        (folder.path().join("run.jsonl"), folder.path().join("log"), folder.path().join("once"));
    let seen = headcount(["--retries", "2", "--backoff", "fixed:10ms", "--events"])
        .arg(&file)
        .arg("--joblog")
        .arg(&log)
        .args(["sh", "-c", "test -e $0 && exit 0; touch $0; echo no; exit 9", ":::"])
        .arg(&seen_once)
        .run();
    seen.ended(0);
    let events = events(&file);
    let [_, story] = &stories(&events)[..] else { panic!("one member") };
    assert_eq!(
        story[..],
        ["registered", "attempt_started", "attempt_ended", "attempt_started", "attempt_ended", "ended"]
    );
    let ends: Vec<_> = events.iter().filter(|event| event["event"] == "attempt_ended").collect();
    let told = |event: &Value| (event["attempt"].as_u64(), event["code"].as_u64(), event["again"].as_bool());
    assert_eq!(told(ends[0]), (Some(1), Some(9), Some(true)));
    assert_eq!(told(ends[1]), (Some(2), Some(0), Some(false)));
    let rows = rows(&log);
    assert_eq!((rows.len(), &*rows[0][6]), (1, "0"));
}

#[test]
fn a_run_that_a_journal_refuses_leaves_an_old_record_alone() {
    let folder = folder();
    let (file, journal) = (folder.path().join("old"), folder.path().join("journal"));
    std::fs::write(&file, "old\n").expect("it can be written");
    headcount(["--journal"]).arg(&journal).args(["true", ":::", "a"]).run().ended(0);
    let again = |events: &Path| {
        headcount(["--journal"]).arg(&journal).arg("--events").arg(events).args(["true", ":::", "a"]).run()
    };
    again(&file).ended(2);
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "old\n");
    assert!(again(&journal).ended(2).err.contains("--journal and --events name one and the same file"));
}

#[test]
fn killed_by_a_signal_the_record_has_its_end_and_says_so() {
    let folder = folder();
    let file = folder.path().join("run.jsonl");
    let mut playing = headcount(["--order", "live", "--events"])
        .arg(&file)
        .args(["sh", "-c", "echo up; exec sleep 100", ":::", "a"])
        .start();
    assert_eq!(playing.lines(1), ["up\n"]);
    playing.signal(Signal::TERM);
    playing.end().died_by(Signal::TERM);
    let events = events(&file);
    let last = events.last().expect("there are events");
    assert_eq!(
        (&last["event"], &last["code"], &last["signal"]),
        (&json!("batch_ended"), &json!(143), &json!(15))
    );
}

/// The lines of a job log below its header, by columns.
#[track_caller]
fn rows(file: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(file).expect("a job log");
    let mut lines = text.lines().map(|line| line.splitn(9, '\t').map(str::to_owned).collect());
    let header: Vec<String> = lines.next().expect("a header");
    assert_eq!(header.join(" "), "Seq Host Starttime JobRuntime Send Receive Exitval Signal Command");
    lines.collect()
}

#[test]
fn the_job_log_has_the_columns_of_gnu_parallel() {
    let folder = folder();
    let file = folder.path().join("log");
    let seen = headcount(["-k", "-j1", "--joblog"])
        .arg(&file)
        .args(["sh", "-c", "printf out; printf e >&2; kill -9 $$; exit 3", ":::", "a\tb\nc"])
        .run();
    seen.ended(1);
    let rows = rows(&file);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!([&*row[0], &row[1], &row[4], &row[5], &row[6], &row[7]], ["1", ":", "0", "4", "0", "9"]);
    let (start, ran): (f64, f64) =
        (row[2].parse().expect("seconds"), row[3].trim().parse().expect("seconds"));
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64();
    assert!(start > now - 3600.0 && start + ran <= now + 0.002, "{row:?}, now {now}");
    assert_eq!(row[8], "sh -c 'printf out; printf e >&2; kill -9 $$; exit 3' 'a\\tb\\nc'");
}

#[test]
fn downloads_are_told_in_the_same_words() {
    let folder = folder();
    let (file, log) = (folder.path().join("run.jsonl"), folder.path().join("log"));
    std::fs::write(folder.path().join("there"), "kept\n").expect("it can be written");
    let mut command = std::process::Command::new(crate::binary::headcount());
    command.args(["fetch", "-k", "-j1", "--retries", "0", "-o"]).arg(folder.path());
    command.arg("--events").arg(&file).arg("--joblog").arg(&log);
    // Nobody listens on the first port; and what is there already is not asked for.
    command.args(["http://127.0.0.1:1/there", "http://127.0.0.1:1/nobody"]);
    Stage::new(command).run().ended(1);
    let events = events(&file);
    assert_eq!(events[0]["subcommand"], "fetch");
    assert_eq!(stories(&events)[1..], [LIFE.to_vec(), LIFE.to_vec()]);
    let failed = find(&events, "attempt_ended", 2);
    assert_eq!((&failed["end"], &failed["code"]), (&json!("failed"), &Value::Null));
    let rows = rows(&log);
    let told: Vec<_> = rows.iter().map(|row| [&*row[0], &*row[6], &*row[8]]).collect();
    assert_eq!(told, [["1", "0", "http://127.0.0.1:1/there"], ["2", "-1", "http://127.0.0.1:1/nobody"]]);
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_anything_runs() {
    let folder = folder();
    let (nowhere, there) = (folder.path().join("no/file"), folder.path().join("there"));
    let told = |seen: &Seen, what: &str| {
        assert!(seen.out.is_empty(), "something ran: {}", seen.out());
        assert!(seen.err.contains(what) && seen.err.contains("\nhint: "), "{}", seen.err);
    };
    for flag in ["--events", "--joblog", "--report"] {
        let seen = headcount([flag]).arg(&nowhere).args(["echo", ":::", "a"]).run();
        told(seen.ended(2), &format!("{flag}: {} cannot be written: No such file", nowhere.display()));
        let seen = headcount([flag]).arg(folder.path()).args(["echo", ":::", "a"]).run();
        told(seen.ended(2), "Is a directory");
        let seen = headcount([flag, "-", "echo", ":::", "a"]).run();
        told(seen.ended(2), "would mix the record");
    }
    let seen =
        headcount(["--events"]).arg(&there).arg("--joblog").arg(&there).args(["echo", ":::", "a"]).run();
    told(seen.ended(2), "--events and --joblog name one and the same file");
    std::fs::write(&there, "input\n").expect("it can be written");
    let seen = headcount(["-a"]).arg(&there).arg("--report").arg(&there).args(["echo"]).run();
    told(seen.ended(2), "--arg-file and --report name one and the same file");
    assert_eq!(std::fs::read_to_string(&there).expect("it is there"), "input\n");
}

#[test]
fn a_usage_error_leaves_an_old_record_alone() {
    let folder = folder();
    let file = folder.path().join("old");
    std::fs::write(&file, "old\n").expect("it can be written");
    headcount(["--events"]).arg(&file).args(["no-such-command", ":::", "a"]).run().ended(2);
    headcount(["--dry-run", "--events"]).arg(&file).args(["true", ":::", "a"]).run().ended(0);
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "old\n");
}

#[test]
fn a_full_disk_is_said_once_and_takes_nothing_from_the_account() {
    for flag in ["--events", "--joblog", "--report"] {
        let seen = headcount([flag, "/dev/full", "-j1", "echo", ":::", "a", "b", "c"]).run();
        seen.ended(1);
        assert_eq!(seen.out(), "a\nb\nc\n");
        assert_eq!(seen.err.matches("is not complete: No space left on device").count(), 1, "{}", seen.err);
        assert!(seen.err.starts_with("3 members: 3 ok, 0 failed, 0 lost, 0 cancelled\n"), "{}", seen.err);
    }
}

#[test]
fn the_events_tell_the_code_that_another_file_brings_about() {
    let folder = folder();
    let file = folder.path().join("run.jsonl");
    let seen = headcount(["--joblog", "/dev/full", "--events"]).arg(&file).args(["true", ":::", "a"]).run();
    seen.ended(1);
    assert_eq!(events(&file).last().expect("there are events")["code"], 1);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = folder();
    let pipe = fifo(&folder, "events");
    let text = "head -n1 \"$PIPE\" >/dev/null & $HEADCOUNT run --events \"$PIPE\" true ::: $(seq 500)";
    let seen = script(text).env("PIPE", &pipe).run();
    seen.ended(0);
    assert!(seen.err.ends_with("500 members: 500 ok, 0 failed, 0 lost, 0 cancelled\n"), "{}", seen.err);
}

#[test]
fn a_reader_that_does_not_read_does_not_keep_a_stop_from_anyone() {
    let folder = folder();
    let pipe = fifo(&folder, "events");
    // Opened for both, so that opening waits for nobody; and never read.
    let held = std::fs::File::options().read(true).write(true).open(&pipe).expect("it opens");
    let mut playing = headcount(["-j1", "--order", "live", "--events"])
        .arg(&pipe)
        .args(["sh", "-c", "echo $0; test $0 != last || exec sleep 100", ":::"])
        .args(["x".repeat(100_000), "last".into()])
        .start();
    playing.skip_lines(2);
    playing.signal(Signal::TERM);
    let seen = playing.end();
    seen.died_by(Signal::TERM);
    assert!(seen.err.contains("is not complete: nobody has read it for some time"), "{}", seen.err);
    drop(held);
}
