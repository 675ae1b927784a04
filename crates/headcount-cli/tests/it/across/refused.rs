//! What does not go across machines, and what cannot be found there: refused in words, with a hint, and without a password.

use std::process::Command;

use super::server::Engine;
use crate::stage::{Seen, Stage, headcount};

/// Nobody is there.
const NOBODY: &str = "redis://worker:tellnobody@127.0.0.1:1";

fn call(args: &[&str]) -> Seen {
    let mut command = Command::new(crate::binary::headcount());
    command.args(args).env_remove("HEADCOUNT_ENGINE");
    Stage::new(command).run()
}

#[test]
fn flags_of_one_machine_are_refused_with_a_hint() {
    let cases: [(&[&str], &str); 9] = [
        (&["--journal", "j"], "headcount wait"),
        (&["--order", "live"], "--order done or input"),
        (&["--retries", "1", "--jitter"], "leave it out"),
        (&["--rate", "1/s"], "headcount work -j"),
        (&["--load", "1"], "headcount work -j"),
        (&["--mem-free", "1M"], "headcount work -j"),
        (&["--jobs", "50%"], "a -j of its own"),
        (&["--workdir", "here"], "write a whole path"),
        (&["--env", "HEADCOUNT_NO_SUCH_VARIABLE"], "give it a value"),
    ];
    for (flags, hint) in cases {
        let seen = headcount(["--engine", NOBODY]).args(flags).args(["true", ":::", "1"]).run();
        assert!(seen.ended(2).err.contains(hint), "{flags:?}: {}", seen.err);
        assert!(seen.err.contains("\nhint: ") && !seen.err.contains("tellnobody"), "{flags:?}: {}", seen.err);
    }
}

#[test]
fn an_engine_that_is_out_of_reach_is_named_without_its_password() {
    let id = "0198c0de-0000-7000-8000-000000000000";
    let calls: [&[&str]; 7] = [
        &["run", "--engine", NOBODY, "true", ":::", "1"],
        &["work", "--patience", "100ms", "--engine", NOBODY],
        &["wait", "--engine", NOBODY, id],
        &["status", "--engine", NOBODY, id],
        &["missing", "--engine", NOBODY, id],
        &["cancel", "--engine", NOBODY, id],
        &["groups", "--engine", NOBODY],
    ];
    for args in calls {
        let seen = call(args);
        assert!(seen.ended(5).err.contains("redis://***@127.0.0.1:1"), "{args:?}: {}", seen.err);
        assert!(seen.err.contains("\nhint: ") && !seen.err.contains("tellnobody"), "{args:?}: {}", seen.err);
    }
}

#[test]
fn an_address_that_is_none_is_not_shown_because_it_may_be_a_password() {
    for args in
        [&["groups", "--engine", "tellnobody"][..], &["run", "--engine", "tellnobody", "true", ":::", "1"]]
    {
        let seen = call(args);
        assert!(seen.ended(2).err.contains("the address of --engine is none of an engine"), "{}", seen.err);
        assert!(!seen.err.contains("tellnobody"), "{}", seen.err);
    }
    assert!(call(&["groups"]).ended(2).err.contains("HEADCOUNT_ENGINE"));
    assert!(call(&["groups", "--engine", "@/no/such/file"]).ended(2).err.contains("/no/such/file"));
}

#[test]
fn a_group_that_is_not_there_is_said_to_be_unknown() {
    let Some(engine) = Engine::start() else { return };
    for subcommand in ["wait", "status", "missing", "cancel", "work"] {
        let seen = engine.call(subcommand).arg("0198c0de-0000-7000-8000-000000000000").run();
        assert!(
            seen.ended(5).err.contains("the engine knows no group 0198c0de"),
            "{subcommand}: {}",
            seen.err
        );
        let seen = engine.call(subcommand).arg("tomorrow").run();
        assert!(seen.ended(2).err.contains("tomorrow is no group's id"), "{subcommand}: {}", seen.err);
    }
}

#[test]
fn a_wrong_password_is_said_to_be_one_and_an_engine_that_forgets_is_refused() {
    let Some(engine) = Engine::with(&["--requirepass", "right"]) else { return };
    let id = "0198c0de-0000-7000-8000-000000000000";
    let seen = engine.call("status").arg(id).run();
    assert!(seen.ended(5).err.contains("it wants a password"), "{}", seen.err);
    let wrong = format!("{}?pass=tellnobody", engine.url());
    let seen = engine.call("status").args(["--engine", &wrong, id]).run();
    assert!(seen.ended(5).err.contains("user or password is not right"), "{}", seen.err);
    assert!(!seen.err.contains("tellnobody"), "{}", seen.err);
    // In a file, where it is in no process list.
    std::fs::write(engine.path("address"), format!("{}?pass=right\n", engine.url())).expect("a file");
    let seen = engine.call("groups").args(["--engine", "@address"]).run();
    assert!(seen.ended(0).out().starts_with("GROUP "), "{}", seen.out());

    let Some(engine) = Engine::with(&["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"]) else {
        return;
    };
    let seen = engine.run().args(["true", ":::", "1"]).run();
    assert!(seen.ended(5).err.contains("set it to noeviction"), "{}", seen.err);
}
