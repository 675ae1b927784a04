//! The guard: whoever kills the command with -9 has killed its members too.

use std::fs;

use rustix::process::Signal;

use crate::stage::{Playing, headcount};

/// Deaf to every signal that can be heard, with children that are too: in the background, without the pipes, in a
/// session of its own with them, and in one without.
pub(crate) const STUBBORN: &str = "trap '' TERM INT HUP; (sleep 1000; sleep 1000) & sleep 1000 >/dev/null 2>&1 & \
                        setsid sleep 1000 & setsid sh -c 'sleep 1000; sleep 1000' >/dev/null 2>&1 & \
                        echo up; while :; do sleep 1000; done";

/// The guard of a run, as the system names it.
pub(crate) fn guard(playing: &Playing) -> Option<String> {
    let own = playing.pid().to_string();
    let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
    let is_guard = |pid: &&str| {
        fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.starts_with(b"headcount\0--be-the-guard\0"))
    };
    children.split_whitespace().find(is_guard).map(str::to_owned)
}

/// Started, with so many members that said so and a guard.
fn guarded(args: &[&str], members: usize) -> Playing {
    let mut playing = headcount(args).start();
    assert_eq!(playing.lines(members), vec!["up\n"; members]);
    playing.until("a guard", |playing| guard(playing).is_some());
    playing
}

#[test]
fn whoever_kills_the_command_kills_its_members() {
    let args = ["-j2", "--order", "live", "sh", "-c", STUBBORN, ":::", "1", "2", "3"];
    let mut playing = guarded(&args, 2);
    playing.until("everyone", |playing| playing.survivors().len() >= 12);
    playing.signal(Signal::KILL);
    playing.status();
    playing.until_nobody_is_left();
}

#[test]
fn stopped_members_too() {
    let command = "sleep 1000 & echo up; kill -STOP $$";
    let mut playing = guarded(&["--order", "live", "sh", "-c", command, ":::", "1"], 1);
    playing.signal(Signal::KILL);
    playing.status();
    playing.until_nobody_is_left();
}

#[test]
fn the_guard_has_a_group_of_its_own_and_no_pipe_of_a_member() {
    let mut playing = guarded(&["--order", "live", "sh", "-c", "echo up; exec sleep 1000", ":::", "1"], 1);
    let guard = guard(&playing).unwrap();
    let stat = fs::read_to_string(format!("/proc/{guard}/stat")).unwrap();
    let group = stat.rsplit_once(") ").unwrap().1.split(' ').nth(2).unwrap();
    assert_eq!(group, guard, "no Ctrl-C reaches it");
    playing.until_there_is("sleep");
    let survivors = playing.survivors();
    let member = survivors[0].split(' ').next().unwrap();
    let pipe = fs::read_link(format!("/proc/{member}/fd/1")).unwrap();
    assert!(pipe.to_str().unwrap().starts_with("pipe:["), "{pipe:?}");
    let open = fs::read_dir(format!("/proc/{guard}/fd")).unwrap().flatten();
    // It may close one just now.
    assert!(open.filter_map(|file| fs::read_link(file.path()).ok()).all(|file| file != pipe));
    playing.signal(Signal::TERM);
    playing.end().died_by(Signal::TERM);
    assert!(!fs::exists(format!("/proc/{guard}")).unwrap(), "it does not outlive a command that ends well");
}

#[test]
fn who_left_long_before_and_let_go_of_everything_is_found_too() {
    let command = "(setsid sh -c 'echo here; exec sleep 1000 >/dev/null 2>&1' &) ; exec sleep 1000";
    let mut playing = headcount(["--order", "live", "sh", "-c", command, ":::", "1"]).start();
    assert_eq!(playing.lines(1), ["here\n"]);
    playing.until("a guard", |playing| guard(playing).is_some());
    playing.until("both to sleep", |playing| {
        let survivors = playing.survivors();
        survivors.len() == 2 && survivors.iter().all(|who| who.contains(" sleep"))
    });
    playing.signal(Signal::KILL);
    playing.status();
    playing.until_nobody_is_left();
}

#[test]
fn every_batch_has_a_name_of_its_own() {
    let name = || headcount(["sh", "-c", "echo $HEADCOUNT_BATCH", ":::", "1", "2"]).run().out().to_owned();
    let (one, other) = (name(), name());
    let lines: Vec<&str> = one.lines().collect();
    assert!(lines.len() == 2 && lines[0] == lines[1] && !lines[0].is_empty(), "{one}");
    assert_ne!(one, other);
}

#[test]
fn nobody_calls_the_guard_by_hand() {
    let output = std::process::Command::new(crate::binary::headcount())
        .arg("--be-the-guard")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "headcount: the guard has nobody to guard\nhint: only headcount run starts it\n"
    );
}
