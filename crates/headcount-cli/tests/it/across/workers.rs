//! `headcount work`: members are cared for as on one machine, and none is lost with a worker.

use rustix::process::Signal;

use super::server::Engine;

/// In its first attempt it stays; in the next one it ends.
const STAYS_ONCE: &str = "if mkdir first 2>&-; then sleep 1000; else echo attempt $HEADCOUNT_ATTEMPT; fi";

#[test]
fn another_worker_finishes_what_one_that_was_killed_has_begun() {
    let Some(engine) = Engine::start() else { return };
    let mut killed = engine.worker("w1");
    let mut run = engine.run().args(["--lease", "2s", "sh", "-c", STAYS_ONCE, ":::", "1"]).start();
    engine.until_there("first");
    killed.signal(Signal::KILL);
    killed.status();
    killed.until_nobody_is_left();
    let _other = engine.worker("w2");
    let seen = run.end();
    // The lease is short, because all of it is waited for: the other worker may be silent for so long as well.
    let attempt =
        seen.ended(0).out().strip_prefix("attempt ").and_then(|number| number.trim_end().parse().ok());
    assert!(attempt.is_some_and(|attempt: u32| attempt >= 2), "{}", seen.out());
    assert!(seen.err.contains("1 member: 1 ok, 0 failed, 0 lost, 0 cancelled"), "{}", seen.err);
}

#[test]
fn a_worker_that_is_told_to_end_finishes_what_it_has_and_begins_nothing() {
    let Some(engine) = Engine::start() else { return };
    let mut worker = engine.worker("w1");
    let job = "mkdir begun-{}; until [ -e go ]; do sleep 0.01; done; echo {} of $$";
    let mut run = engine.run().args(["--order", "input", "sh", "-c", job, ":::", "1", "2"]).start();
    engine.until_there("begun-1");
    worker.signal(Signal::TERM);
    let said = worker.err_line();
    assert_eq!(said, "headcount: no more members are taken; waiting for 1; once more gives them back\n");
    std::fs::write(engine.path("go"), "").expect("a file");
    let seen = worker.end();
    assert!(
        seen.died_by(Signal::TERM).err.contains("worker w1 ran 1: 1 ok, 0 failed, 0 given back"),
        "{}",
        seen.err
    );
    assert!(!engine.path("begun-2").exists(), "it began another one");
    let _other = engine.worker("w2");
    let out = run.end();
    let firsts: Vec<_> = out.ended(0).out().lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(firsts, ["1", "2"]);
}

#[test]
fn a_worker_that_is_told_twice_gives_back_what_it_has() {
    let Some(engine) = Engine::start() else { return };
    let mut worker = engine.worker("w1");
    let mut run = engine.run().args(["sh", "-c", STAYS_ONCE, ":::", "1"]).start();
    engine.until_there("first");
    for _ in 0..2 {
        worker.signal(Signal::INT);
        assert!(worker.err_line().starts_with("headcount: "));
    }
    let seen = worker.end();
    assert!(
        seen.died_by(Signal::INT).err.contains("worker w1 ran 1: 0 ok, 0 failed, 1 given back"),
        "{}",
        seen.err
    );
    let _other = engine.worker("w2");
    // Long before the lease would have been over, which is half a minute; and nobody is to blame.
    assert!(run.end().ended(0).err.contains("1 member: 1 ok, 0 failed, 0 lost, 0 cancelled"));
}

#[test]
fn a_worker_ends_by_itself_where_there_is_nothing_left_to_do() {
    let Some(engine) = Engine::start() else { return };
    let registered =
        engine.run().args(["--detach", "--keep-going", "sh", "-c", "exit {}", ":::", "0", "1", "0"]).run();
    let group = registered.ended(0).out().trim_end().to_owned();
    let seen = engine.call("work").args(["-j2", "--until-idle", "--name", "w1"]).run();
    assert!(seen.ended(0).err.contains("worker w1 ran 3: 2 ok, 1 failed, 0 given back"), "{}", seen.err);
    let seen = engine.call("work").arg("--until-idle").arg(&group).run();
    assert!(seen.ended(0).err.contains(" ran 0: "), "{}", seen.err);
}

#[test]
fn members_do_not_see_the_engines_address() {
    let Some(engine) = Engine::start() else { return };
    let _worker = engine.worker("w1");
    let seen = engine.run().args(["sh", "-c", "echo [$HEADCOUNT_ENGINE]", ":::", "1"]).run();
    assert_eq!(seen.ended(0).out(), "[]\n");
}
