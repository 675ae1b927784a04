//! Children: each leads its group, and nobody it leaves behind outlives it.

use std::time::Instant;

use crate::stage::{LIMIT, headcount, tell};

#[test]
fn each_child_leads_its_own_group() {
    let seen =
        headcount(["-j2", "sh", "-c", "echo $$ $(cut -d' ' -f5 /proc/$$/stat)", ":::", "a", "b", "c"]).run();
    seen.ended(0);
    assert_eq!(seen.out().lines().count(), 3);
    for line in seen.out().lines() {
        let (pid, group) = line.split_once(' ').unwrap();
        assert_eq!(pid, group);
    }
}

#[test]
fn what_a_member_leaves_behind_ends_with_it() {
    // Deaf to TERM, and holding the pipes: nobody may wait for it, and it may not stay.
    let command = "trap '' TERM HUP INT; sleep 1000 & (sleep 1000 & exec sleep 1000) & sleep 1000 >/dev/null 2>&1 & echo $0";
    let began = Instant::now();
    let inputs: String = (0..40).map(|n| format!("{n}\n")).collect();
    let seen = headcount(["-j4", "sh", "-c", command]).input(inputs).run();
    seen.ended(0);
    assert_eq!(seen.out().lines().count(), 40);
    assert!(began.elapsed() < LIMIT / 2, "nobody waited for the sleepers");
}

#[test]
fn what_the_leader_wrote_last_is_printed_though_others_hold_the_pipe() {
    let seen = headcount(["-q", "sh", "-c", "sleep 1000 & seq 20000; echo last", ":::", "a"]).run();
    seen.ended(0);
    assert!(seen.out().ends_with("20000\nlast\n"));
}

#[test]
fn who_left_for_a_session_of_its_own_is_named_at_the_end() {
    let command = "setsid sh -c 'echo here; exec sleep 1000' & read -r line < $0";
    let folder = crate::stage::folder();
    let gate = crate::stage::fifo(&folder, "gate");
    let mut playing =
        headcount(["--order", "live", "sh", "-c", command, gate.to_str().unwrap(), ":::", "a"]).start();
    assert_eq!(playing.lines(1), ["here\n"]);
    // It bears the name it is looked for by only after its exec.
    playing.until_there_is("sleep");
    tell(&gate, "go\n");
    let seen = playing.end();
    assert_eq!(seen.status.code(), Some(0));
    assert!(
        seen.err
            .starts_with("headcount: left running in a session of its own, out of our reach: sleep (pid "),
        "{}",
        seen.err
    );
    assert_eq!(seen.survivors.len(), 1, "a batch that ends well leaves it alone");
}

#[test]
fn who_left_for_a_session_of_its_own_ends_with_a_batch_that_is_stopped() {
    let command = "setsid sh -c 'trap \"\" TERM; echo here; sleep 1000; sleep 1000' & exec sleep 1000";
    let mut playing = headcount(["--order", "live", "sh", "-c", command, ":::", "a"]).start();
    assert_eq!(playing.lines(1), ["here\n"]);
    playing.signal(rustix::process::Signal::TERM);
    playing.end().died_by(rustix::process::Signal::TERM);
}
