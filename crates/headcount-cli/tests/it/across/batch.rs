//! `headcount run --engine`: what it prints, says and ends with is what it would on one machine.

use rustix::process::Signal;

use serde_json::Value;

use super::server::{Engine, group_of};
use crate::record::events;
use crate::report::data;
use crate::stage::{Playing, headcount, until_in_time};

/// The lines of an account that do not depend on where members ran, and how long.
fn account(err: &str) -> Vec<String> {
    let told = err.lines().filter(|line| !line.starts_with("headcount: ") && !line.starts_with("group "));
    told.map(|line| line.split(" after ").next().unwrap_or_default().replace(" on w1", "")).collect()
}

/// Reads on until this is said.
fn until_said(run: &mut Playing, what: &str) {
    let lines: Vec<_> =
        std::iter::repeat_with(|| run.err_line()).take(20).take_while(|line| !line.contains(what)).collect();
    assert!(lines.len() < 20, "{what:?} is not said: {lines:?}");
}

#[test]
fn what_members_print_comes_in_the_order_of_the_inputs_whoever_ran_them() {
    let Some(engine) = Engine::start() else { return };
    let _workers = [engine.worker("w1"), engine.worker("w2")];
    let seen = engine
        .run()
        .args(["--order", "input", "--tag", "sh", "-c", "echo out {}; echo err {} >&2", ":::"])
        .args(["1", "2", "3", "4", "5", "6"])
        .run();
    let expected: String = (1..=6).map(|n| format!("{n}\tout {n}\n")).collect();
    assert_eq!(seen.ended(0).out(), expected);
    let errors: Vec<_> = seen.err.lines().filter(|line| line.contains("\terr ")).collect();
    assert_eq!(errors, (1..=6).map(|n| format!("{n}\terr {n}")).collect::<Vec<_>>());
    assert!(seen.err.contains("\n6 members: 6 ok, 0 failed, 0 lost, 0 cancelled\n"), "{}", seen.err);
}

#[test]
fn a_failure_has_the_code_and_the_account_it_has_on_one_machine() {
    let Some(engine) = Engine::start() else { return };
    let _worker = engine.worker("w1");
    let job = [
        "--order",
        "input",
        "sh",
        "-c",
        "echo {}; [ {} != 2 ] || { echo why >&2; exit 7; }",
        ":::",
        "1",
        "2",
        "3",
    ];
    for (policy, code) in [("--keep-going", 1), ("--quorum=3", 4), ("--quorum=2", 0), ("--max-failures=1", 1)]
    {
        let here = headcount([policy, "-j1"]).args(job).run();
        let there = engine.run().arg(policy).args(job).run();
        assert_eq!(there.ended(code).out(), here.ended(code).out(), "{policy}");
        assert_eq!(account(&there.err), account(&here.err), "{policy}\n{}", there.err);
        assert!(there.err.contains("member 2 failed: exit code 7 on w1"), "{}", there.err);
    }
}

#[test]
fn the_first_failure_ends_the_rest_and_its_time_ends_a_member() {
    let Some(engine) = Engine::start() else { return };
    let _worker = engine.worker("w1");
    let seen = engine.run().args(["sh", "-c", "exit {}", ":::", "0", "3", "0", "0"]).run();
    assert!(seen.ended(1).err.contains("4 members: 1 ok, 1 failed, 0 lost, 2 cancelled"), "{}", seen.err);
    let seen = engine.run().args(["--timeout", "200ms", "sleep", ":::", "1000"]).run();
    assert!(seen.ended(1).err.contains("timed out after 200ms"), "{}", seen.err);
}

#[test]
fn a_second_attempt_is_made_where_one_is_granted() {
    let Some(engine) = Engine::start() else { return };
    let _worker = engine.worker("w1");
    let flaky = "echo attempt $HEADCOUNT_ATTEMPT; mkdir once 2>&- && exit 75; echo in $HEADCOUNT_GROUP";
    let seen = engine
        .run()
        .args(["--retries", "2", "--backoff", "fixed:10ms", "--retry-on", "75"])
        .args(["--workdir", "worker"])
        .args(["sh", "-c", flaky, ":::", "x"])
        .run();
    let group = group_of(seen.ended(0).err.lines().next().expect("its first line"));
    assert_eq!(seen.out(), format!("attempt 2\nin {group}\n"));
}

#[test]
fn any_bytes_travel_there_and_back() {
    let Some(engine) = Engine::start() else { return };
    let _worker = engine.worker("w1");
    let bytes: Vec<u8> = (1..=255).filter(|&byte| byte != b'\n').collect();
    let seen = engine
        .run()
        .args(["--env", "WORD=\u{e4}", "sh", "-c", "printf '%s %s' \"$1\" \"$WORD\"", "sh"])
        .input(bytes.clone())
        .run();
    assert_eq!(seen.ended(0).out, [&bytes[..], " \u{e4}".as_bytes()].concat());
}

#[test]
fn who_prints_more_than_the_engine_takes_has_failed_and_its_worker_keeps_it() {
    let Some(engine) = Engine::start() else { return };
    let folder = engine.path("kept");
    let worker = engine.call("work").args(["-j1", "--name", "w1", "--keep"]).arg(&folder).start();
    let job = "i=0; while [ $i -lt 500 ]; do echo {}; i=$((i+1)); done";
    let seen = engine
        .run()
        .args(["--keep-going", "--max-output", "4K", "sh", "-c", job, ":::", "0123456789", "a"])
        .run();
    assert_eq!(seen.ended(1).out(), "a\n".repeat(500), "and nothing of the other");
    assert!(
        seen.err.contains("member 1 failed: it printed 5500 bytes, and the engine takes 4096 (--max-output)"),
        "{}",
        seen.err
    );
    let path = seen.err.split_whitespace().find(|word| word.ends_with("-1-1.out")).expect("where it is");
    assert!(std::path::Path::new(path).starts_with(folder.canonicalize().expect("the folder")), "{path}");
    assert_eq!(std::fs::read_to_string(path).expect("a file"), "0123456789\n".repeat(500));
    drop(worker);
}

#[test]
fn an_interrupted_run_ends_its_group_and_whoever_runs_for_it() {
    let Some(engine) = Engine::start() else { return };
    let worker = engine.worker("w1");
    let mut run =
        engine.run().args(["--lease", "15s", "sh", "-c", "mkdir begun; sleep 1000", ":::", "1", "2"]).start();
    let group = group_of(&run.err_line());
    engine.until_there("begun");
    run.signal(Signal::INT);
    let seen = run.end();
    assert!(
        seen.died_by(Signal::INT).err.contains("2 members: 0 ok, 0 failed, 0 lost, 2 cancelled"),
        "{}",
        seen.err
    );
    assert!(seen.err.contains("1 cut short, 1 never began"), "{}", seen.err);
    let status = engine.status(&group);
    assert_eq!((&status["state"], &status["cancelled"]), (&"cancelled".into(), &2.into()), "{status}");
    assert!(
        status["reason"].as_str().is_some_and(|why| why.starts_with("signal 2 (SIGINT) on ")),
        "{status}"
    );
    worker.until_nobody_is_left();
}

#[test]
fn records_are_written_as_on_one_machine() {
    let Some(engine) = Engine::start() else { return };
    let _worker = engine.worker("w1");
    until_in_time(|seconds| {
        let job = format!("sleep {}; exit {{}}", f64::from(seconds) / 10.0);
        let [file, joblog, page] =
            ["events", "joblog", "page"].map(|name| engine.path(&format!("{name}-{seconds}")));
        let run = engine.run().arg("--keep-going").arg("--events").arg(&file).arg("--joblog").arg(&joblog);
        run.arg("--report").arg(&page).args(["sh", "-c", &job, ":::", "0", "5"]).run().ended(1);

        let joblog = std::fs::read_to_string(joblog).expect("a job log");
        let rows = joblog.lines().skip(1);
        let mut codes: Vec<_> = rows.map(|line| line.split('\t').nth(6).expect("a seventh column")).collect();
        codes.sort_unstable();
        assert_eq!(codes, ["0", "5"], "{joblog}");

        let events = events(&file);
        assert_eq!(
            (&events[0]["jobs"], events[0]["group"].is_string()),
            (&Value::Null, true),
            "{}",
            events[0]
        );
        let ended: Vec<_> = events.iter().filter(|event| event["event"] == "attempt_ended").collect();
        assert!(ended.len() == 2 && ended.iter().all(|event| event["worker"] == "w1"), "{ended:?}");
        let last = events.last().expect("a line");
        assert_eq!((&last["event"], &last["code"]), (&"batch_ended".into(), &1.into()), "{last}");

        // At once and afterwards each is where it was: for as long as it took, and one after the other.
        let afterwards = engine.path("afterwards");
        engine.call("report").arg(&file).arg("-o").arg(&afterwards).run().ended(0);
        let mut in_time = true;
        for page in [page, afterwards] {
            let data = data(&std::fs::read_to_string(page).expect("a page"));
            let column = |name: &str| [0, 1].map(|member| data[name][member].as_u64().expect("nanoseconds"));
            let (begun, left) = (column("begun"), column("left"));
            // The worker may look at its clock late.
            in_time &= [0, 1].iter().all(|&member| left[member] - begun[member] >= 20_000_000);
            let (first, second) = if begun[0] < begun[1] { (0, 1) } else { (1, 0) };
            // Events are written with microseconds.
            assert!(left[first] <= begun[second] + 2_000, "{data}");
        }
        in_time
    });
}

#[test]
fn an_engine_that_goes_away_ends_the_run_with_its_own_code() {
    let Some(engine) = Engine::start() else { return };
    let mut run = engine.run().args(["--patience", "300ms", "true", ":::", "1"]).start();
    run.err_line();
    engine.kill();
    let seen = run.end();
    assert!(seen.ended(5).err.contains("what became of the members is not known here"), "{}", seen.err);
}

#[test]
fn what_was_heard_before_the_engine_went_back_in_time_is_neither_said_nor_counted_again() {
    let Some(engine) = Engine::start() else { return };
    let mut worker = engine.worker("w1");
    let job = "echo {}; mkdir begun-{} 2>&-; until [ -e go-{} ]; do sleep 0.01; done";
    let mut run = engine.run().args(["--lease", "2s", "sh", "-c", job, ":::", "1", "2", "3"]).start();
    engine.until_there("begun-1");
    engine.save();
    for member in ["go-1", "go-2"] {
        std::fs::write(engine.path(member), "").expect("a file");
    }
    // In any order, should the worker have been silent for longer than a lease.
    let mut lines = run.lines(2);
    lines.sort_unstable();
    assert_eq!(lines, ["1\n", "2\n"]);
    engine.until_there("begun-3");
    // Between two roll calls it has looked how the group stands. Then nobody is there who could bring the engine on again.
    for _ in 0..2 {
        run.signal(Signal::USR1);
        until_said(&mut run, "headcount: 1 still out");
    }
    worker.signal(Signal::KILL);
    worker.status();
    engine.kill();
    engine.begin_again();
    until_said(&mut run, "the engine went back in time");
    std::fs::write(engine.path("go-3"), "").expect("a file");
    let _other = engine.worker("w2");
    let seen = run.end();
    assert_eq!(seen.ended(0).out(), "3\n");
    assert!(seen.err.contains("3 members: 3 ok, 0 failed, 0 lost, 0 cancelled"), "{}", seen.err);
}
