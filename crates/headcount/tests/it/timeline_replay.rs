//! Timelines of what was recorded elsewhere: told step by step, and never brought down by what cannot be.

use std::time::Duration;

use headcount::{HowEnded, Timeline, TimelineMember, TimelineReplay};
use proptest::prelude::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Two of four slots' worth of members: one well, one failed at its second attempt, one that never ran, one still out.
fn backup() -> Timeline {
    let mut replay = Timeline::replay("nightly backup").limit(2);
    let mut tell = || {
        replay.spawned(1, Some("etc".into()), ms(10))?;
        replay.begun(1, Some("1"), ms(10))?;
        replay.spawned(2, Some("home".into()), ms(10))?;
        replay.begun(2, Some("2"), ms(10))?;
        replay.spawned(3, None, ms(20))?;
        replay.spawned(4, Some("srv".into()), ms(20))?;
        replay.requeued(2, ms(40))?;
        replay.begun(4, Some("2"), ms(40))?;
        replay.ended(1, HowEnded::Ok, None, ms(50))?;
        replay.begun(2, Some("1"), ms(50))?;
        replay.ended(2, HowEnded::Failed, Some("exit code 1"), ms(70))?;
        replay.ended(3, HowEnded::Cancelled, Some("never began"), ms(80))
    };
    tell().expect("it can be so");
    replay.timeline()
}

#[test]
fn what_was_told_is_what_the_timeline_shows() {
    let timeline = backup();
    let members = timeline.members();
    let [etc, home, third, srv] = &members[..] else { panic!("{members:?}") };
    assert_eq!((etc.number(), etc.name(), etc.how_ended()), (1, Some("etc"), Some(HowEnded::Ok)));
    assert_eq!((etc.spawned(), etc.begun(), etc.ended()), (ms(10), Some(ms(10)), Some(ms(50))));
    assert_eq!((etc.place(), etc.thread()), (None, Some("1")));
    assert_eq!((home.begun(), home.ended(), home.why()), (Some(ms(50)), Some(ms(70)), Some("exit code 1")));
    assert_eq!((third.begun(), third.how_ended()), (None, Some(HowEnded::Cancelled)));
    assert_eq!((srv.begun(), srv.ended()), (Some(ms(40)), None));
    assert!(!home.queued_for_slot() && third.queued_for_slot());
}

#[test]
fn the_figures_are_those_of_a_group() {
    let text = backup().to_string();
    assert_eq!(
        text,
        "nightly backup: 4 members in 70.0 ms
  ended        1 ok, 1 failed, 1 cancelled, 1 still out
  at once      1.9 on average, 2 at most (limit 2)
  limit        50.0 ms with every slot taken and members queued; they waited 90.0 ms in all
  critical     40.0 ms of 70.0 ms: #4 \"srv\" 40.0 ms
  slowest      #1 \"etc\"     40.0 ms
               #4 \"srv\"     40.0 ms
               #2 \"home\"    20.0 ms
  failed       #2 \"home\" after 60.0 ms: exit code 1"
    );
}

#[test]
fn pages_and_traces_say_slot_and_leave_the_place_out() {
    let timeline = backup();
    let trace: serde_json::Value = serde_json::from_str(&timeline.to_chrome_json()).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    let etc = events.iter().find(|event| event["name"] == "etc").expect("it is there");
    assert_eq!((&etc["args"]["slot"], &etc["args"]["place"]), (&"1".into(), &serde_json::Value::Null));
    assert!(timeline.to_html().contains("\"carrier\":\"slot\""));
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut replay = Timeline::replay("odd");
    replay.spawned(1, None, ms(1)).unwrap();
    let before = format!("{:?}", replay.timeline().members());
    let refused = [
        (replay.spawned(0, None, ms(9)), "member #0 has no number that a member can have"),
        (replay.spawned(1, None, ms(9)), "member #1 was spawned, and is out already"),
        (replay.begun(7, None, ms(9)), "member #7 began, and is not out"),
        (replay.requeued(1, ms(9)), "member #1 was to be tried again, and did not run"),
        (replay.ended(2, HowEnded::Ok, None, ms(9)), "member #2 ended, and is not out"),
    ];
    for (told, wanted) in refused {
        assert_eq!(told.expect_err(wanted).to_string(), wanted);
    }
    assert_eq!(format!("{:?}", replay.timeline().members()), before);
    replay.begun(1, None, ms(2)).unwrap();
    assert_eq!(replay.begun(1, None, ms(3)).unwrap_err().member(), 1);
}

#[test]
fn no_time_goes_back() {
    let mut replay = Timeline::replay("clocks");
    replay.spawned(1, None, ms(50)).unwrap();
    replay.begun(1, None, ms(20)).unwrap();
    replay.ended(1, HowEnded::Ok, None, ms(10)).unwrap();
    let member = &replay.timeline().members()[0];
    assert_eq!((member.begun(), member.ended()), (Some(ms(50)), Some(ms(50))));
}

#[test]
fn failures_are_kept_with_their_begin_however_many_members_there_are() {
    let mut replay = Timeline::replay("many");
    let last = 300_000;
    for member in 1..=last {
        let how = if member == last { HowEnded::Failed } else { HowEnded::Ok };
        lives(&mut replay, member, how);
    }
    let members = replay.timeline().members();
    assert!(members.len() <= 100_001, "{}", members.len());
    let failed: Vec<_> =
        members.iter().filter(|member| member.how_ended() == Some(HowEnded::Failed)).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].number(), failed[0].begun()), (last, Some(ms(last))));
    assert_eq!(replay.timeline().summary().tally().succeeded, last - 1);
}

fn lives(replay: &mut TimelineReplay, member: u64, how: HowEnded) {
    replay.spawned(member, None, ms(member)).unwrap();
    replay.begun(member, Some("1"), ms(member)).unwrap();
    replay.ended(member, how, None, ms(member)).unwrap();
}

proptest! {
    #[test]
    fn whatever_is_told_the_sums_agree(
        steps in prop::collection::vec((0_u8..4, prop_oneof![0_u64..5, Just(u64::MAX)], 0_u64..50), 0..60)
    ) {
        let mut replay = Timeline::replay("anything").limit(2);
        let (mut spawned, mut ended) = (0, 0);
        for (step, member, at) in steps {
            match step {
                0 => spawned += u64::from(replay.spawned(member, None, ms(at)).is_ok()),
                1 => drop(replay.begun(member, None, ms(at))),
                2 => drop(replay.requeued(member, ms(at))),
                _ => ended += u64::from(replay.ended(member, HowEnded::Ok, None, ms(at)).is_ok()),
            }
        }
        let timeline = replay.timeline();
        let summary = timeline.summary();
        prop_assert_eq!(summary.spawned(), spawned);
        prop_assert_eq!(summary.tally().succeeded, ended);
        prop_assert_eq!(summary.outstanding(), spawned - ended);
        prop_assert!(summary.average_concurrency() <= summary.peak_concurrency() as f64 + 1e-9);
        prop_assert!(timeline.members().iter().all(|m: &TimelineMember| m.begun().unwrap_or_default() <= m.ended().unwrap_or(Duration::MAX)));
        prop_assert!(timeline.to_html().contains("anything"));
    }
}
