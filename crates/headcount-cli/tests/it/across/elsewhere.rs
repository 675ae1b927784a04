//! Those who ask for a group from somewhere else: `wait`, `status`, `missing`, `cancel`, `groups`.

use rustix::process::Signal;

use super::server::{Engine, group_of};

#[test]
fn who_registers_and_goes_leaves_a_group_that_anybody_can_wait_for() {
    let Some(engine) = Engine::start() else { return };
    let job = ["sh", "-c", "echo out {}; [ {} != 2 ]"];
    let seen = engine
        .run()
        .args(["--detach", "--keep-going", "--name", "nightly"])
        .args(job)
        .args([":::", "1", "2", "3"])
        .run();
    let group = seen.ended(0).out().trim_end().to_owned();
    let seen = engine.call("missing").arg(&group).run();
    assert_eq!(
        seen.ended(0).out(),
        "headcount: 3 still out\n  #1  1  queued\n  #2  2  queued\n  #3  3  queued\n"
    );
    let seen = engine.call("missing").args(["--json", "-n1", &group]).run();
    let out: serde_json::Value = serde_json::from_str(seen.ended(0).out()).expect("JSON");
    assert_eq!((&out["out"], out["members"].as_array().map(Vec::len)), (&3.into(), Some(1)), "{out}");
    let status = engine.status(&group);
    assert_eq!(
        (&status["state"], &status["queued"], &status["name"]),
        (&"open".into(), &3.into(), &"nightly".into()),
        "{status}"
    );
    let seen = engine.call("groups").run();
    assert!(
        seen.ended(0).out().lines().any(|line| line.starts_with(&group) && line.ends_with("nightly")),
        "{}",
        seen.out()
    );

    let mut early = engine.call("wait").args(["--output", &group]).start();
    let _worker = engine.worker("w1");
    let early = early.end();
    let late = engine.call("wait").args(["--output", &group]).run();
    for waited in [early, late] {
        assert_eq!(waited.ended(1).out(), "out 1\nout 2\nout 3\n");
        assert!(waited.err.contains("3 members: 2 ok, 1 failed, 0 lost, 0 cancelled"), "{}", waited.err);
        assert!(waited.err.contains("member 2 failed: exit code 1 on w1"), "{}", waited.err);
    }
    assert_eq!(
        engine.call("missing").arg(&group).run().ended(0).out(),
        "headcount: nobody is out; the group is failed\n"
    );
}

#[test]
fn a_group_is_cancelled_from_another_terminal_and_its_run_says_why() {
    let Some(engine) = Engine::start() else { return };
    let worker = engine.worker("w1");
    let mut run =
        engine.run().args(["--lease", "15s", "sh", "-c", "mkdir begun; sleep 1000", ":::", "1", "2"]).start();
    let group = group_of(&run.err_line());
    engine.until_there("begun");
    engine.call("cancel").args(["--reason", "wrong input", &group]).run().ended(0);
    let seen = run.end();
    assert!(seen.ended(1).err.contains("stopped by headcount cancel (wrong input)"), "{}", seen.err);
    worker.until_nobody_is_left();
    let seen = engine.call("wait").arg(&group).run();
    assert!(seen.ended(1).err.contains("wrong input"), "{}", seen.err);
    assert!(seen.err.contains("1 cut short, 1 never began"), "{}", seen.err);
}

#[test]
fn a_wait_that_is_interrupted_leaves_the_group_as_it_is() {
    let Some(engine) = Engine::start() else { return };
    let seen = engine.run().args(["--detach", "true", ":::", "1"]).run();
    let group = seen.ended(0).out().trim_end().to_owned();
    let mut wait = engine.call("wait").arg(&group).start();
    wait.until("its threads", |wait| {
        std::fs::read_dir(format!("/proc/{}/task", wait.pid().as_raw_nonzero()))
            .is_ok_and(|tasks| tasks.count() > 1)
    });
    wait.signal(Signal::TERM);
    wait.end().died_by(Signal::TERM);
    assert_eq!(engine.status(&group)["state"], "open");
}

#[test]
fn a_group_that_nobody_works_for_is_cancelled_to_the_last_of_many() {
    let Some(engine) = Engine::start() else { return };
    let inputs: String = (0..3_000).map(|number| format!("{number}\n")).collect();
    let seen = engine.run().args(["--detach", "true"]).input(inputs).run();
    let group = seen.ended(0).out().trim_end().to_owned();
    let mut wait = engine.call("wait").arg(&group).start();
    engine.call("cancel").arg(&group).run().ended(0);
    let status = engine.status(&group);
    assert_eq!((&status["state"], &status["cancelled"]), (&"cancelled".into(), &3_000.into()), "{status}");
    assert!(wait.end().ended(1).err.contains("3000 members: 0 ok, 0 failed, 0 lost, 3000 cancelled"));
}

#[test]
fn a_run_that_is_ended_before_anybody_works_for_it_leaves_nobody_registered() {
    let Some(engine) = Engine::start() else { return };
    let folder = crate::stage::folder();
    let list = folder.path().join("list");
    std::fs::write(&list, "x\n".repeat(3_000)).expect("a file");
    let mut run = engine.run().arg("-a").arg(&list).arg("true").start();
    let group = group_of(&run.err_line());
    run.until("all to be registered", |_| engine.status(&group)["sealed"] == true);
    run.signal(Signal::TERM);
    let seen = run.end();
    let account = "3000 members: 0 ok, 0 failed, 0 lost, 3000 cancelled";
    assert!(seen.died_by(Signal::TERM).err.contains(account), "{}", seen.err);
    assert_eq!(engine.status(&group)["state"], "cancelled");
}
