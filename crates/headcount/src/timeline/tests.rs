//! What the recorder's bound does, what the figures are, and that the trace is one: with members made up here, told by hand.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::member::{HowEnded, TimelineMember};
use super::recorder::{Recorder, Snapshot, Who};
use super::{Timeline, TimelineSummary};
use crate::roll::Title;
use crate::time::Moment;

fn recorder(capacity: usize) -> Arc<Recorder> {
    Recorder::with_capacity(Title::new(Some("made up".into()), Location::caller()), capacity)
}

fn who(index: usize) -> Who {
    Who { name: Some(format!("m{index}").into()), place: Location::caller() }
}

fn ends(recorder: &Recorder, index: usize, how: HowEnded) {
    let why = (how != HowEnded::Ok).then(|| format!("why {index}"));
    recorder.ended(index, true, how, why, || (who(index), Moment::now()));
}

fn lives(recorder: &Recorder, index: usize, how: HowEnded) {
    recorder.spawned(index, who(index), None);
    recorder.begun(index);
    ends(recorder, index, how);
}

/// A member by its times, for what is computed from them.
fn timed(index: usize, spawned: u64, begun: u64, ended: u64, slot: bool) -> TimelineMember {
    let recorder = recorder(10);
    lives(&recorder, 0, HowEnded::Ok);
    let mut made = recorder.snapshot().members.remove(0);
    (made.index, made.spawned, made.begun) = (index, spawned, Some(begun));
    (made.ended, made.queued_for_slot) = (Some((ended, HowEnded::Ok)), slot);
    made
}

fn of(members: Vec<TimelineMember>) -> Snapshot {
    let snapshot = recorder(10).snapshot();
    Snapshot { now: members.iter().map(|member| member.end_or(0)).max().unwrap_or(0), members, ..snapshot }
}

fn chain(members: Vec<TimelineMember>) -> Vec<u64> {
    let summary = TimelineSummary::of(&of(members));
    summary.critical_path().expect("all were kept").iter().map(TimelineMember::number).collect()
}

#[test]
fn everyone_is_kept_up_to_the_capacity() {
    let recorder = recorder(64);
    (0..64).for_each(|index| lives(&recorder, index, HowEnded::Ok));
    let snapshot = recorder.snapshot();
    assert_eq!((snapshot.members.len(), snapshot.stride), (64, 1));
}

#[test]
fn beyond_the_capacity_an_even_sample_is_kept_and_counts_stay_exact() {
    let recorder = recorder(64);
    for index in 0..1000 {
        lives(&recorder, index, if index % 100 == 33 { HowEnded::Failed } else { HowEnded::Ok });
        let snapshot = recorder.snapshot();
        let sampled = snapshot.members.iter().filter(|member| member.sampled).count();
        assert!(sampled <= 64, "{sampled} after {index}");
        assert!(index < 64 || sampled >= 32, "{sampled} after {index}");
    }
    let snapshot = recorder.snapshot();
    assert_eq!(snapshot.stride, 16);
    let (sampled, others): (Vec<_>, Vec<_>) = snapshot.members.iter().partition(|member| member.sampled);
    assert!(sampled.iter().map(|member| member.index).eq((0..1000).step_by(16)));
    // All that failed are there, sampled or not, with what they said.
    assert_eq!(others.len(), 10);
    assert!(others.iter().all(|member| member.why() == Some(&format!("why {}", member.index))));
    let summary = TimelineSummary::of(&snapshot);
    assert_eq!((summary.spawned(), summary.tally().succeeded, summary.tally().failed), (1000, 990, 10));
    assert!(summary.critical_path().is_none(), "a sample knows no chain");
    assert!(summary.to_string().contains("every 16th member"), "{summary}");
}

#[test]
fn who_is_out_when_the_sample_is_thinned_is_followed_or_forgotten_whole() {
    let recorder = recorder(8);
    (0..20).for_each(|index| recorder.spawned(index, who(index), Some(1)));
    (0..20).for_each(|index| recorder.begun(index));
    (0..20).for_each(|index| ends(&recorder, index, HowEnded::Ok));
    let snapshot = recorder.snapshot();
    let kept: Vec<_> = snapshot.members.iter().map(|member| member.index).collect();
    assert_eq!(kept, [0, 4, 8, 12, 16]);
    assert!(snapshot.members.iter().all(|member| member.begun.is_some() && member.ended.is_some()));
}

#[test]
fn failures_outside_of_the_sample_are_bounded_too() {
    let recorder = recorder(2);
    (0..5_000).for_each(|index| lives(&recorder, index, HowEnded::Panicked));
    let snapshot = recorder.snapshot();
    assert!(snapshot.members.len() <= 2 + super::recorder::FAILURES, "{}", snapshot.members.len());
    assert_eq!(TimelineSummary::of(&snapshot).tally().panicked, 5_000);
}

#[test]
fn long_texts_are_cut_where_a_character_ends() {
    let recorder = recorder(2);
    recorder.spawned(0, who(0), None);
    let long = "ü".repeat(4_000);
    recorder.ended(0, false, HowEnded::Failed, Some(long), || unreachable!("it is in the sample"));
    let why = recorder.snapshot().members[0].why().map(str::to_owned).expect("it said why");
    assert!(why.len() <= 510 && why.ends_with("ü…"), "{} bytes", why.len());
}

#[test]
fn a_name_of_any_length_leaves_a_summary_that_can_be_read() {
    let recorder = recorder(2);
    let name = Some("ü".repeat(100_000).into());
    recorder.spawned(0, Who { name, place: Location::caller() }, None);
    recorder.begun(0);
    ends(&recorder, 0, HowEnded::Failed);
    let text = TimelineSummary::of(&recorder.snapshot()).to_string();
    assert!(text.contains("üü\"…") && text.lines().all(|line| line.chars().count() < 400), "{text}");
}

#[test]
fn the_critical_path_goes_from_slot_to_slot() {
    // Two slots: 1 then 3 then 4 in one, 2 in the other.
    let members = vec![
        timed(0, 0, 0, 10, false),
        timed(1, 0, 0, 40, false),
        timed(2, 0, 10, 30, true),
        timed(3, 0, 30, 70, true),
    ];
    assert_eq!(chain(members), [1, 3, 4]);
    // Who had not to queue was held up by nobody, whatever ended before.
    assert_eq!(chain(vec![timed(0, 0, 0, 10, false), timed(1, 11, 12, 30, false)]), [2]);
    // A chain of members that took no time at all ends.
    let instant = (0..4).map(|index| timed(index, 5, 5, 5, true)).collect();
    assert_eq!(chain(instant), [1, 2, 3, 4]);
    assert_eq!(chain(vec![]), [0; 0]);
}

/// What the format asks of every event, and what ours promise beyond it.
fn check_trace(text: &str) -> Vec<Value> {
    let trace: Value = serde_json::from_str(text).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events").clone();
    let number = |event: &Value, key: &str| event[key].as_f64().unwrap_or_else(|| panic!("{key} in {event}"));
    let mut last = 0.0;
    let mut busy: std::collections::HashMap<u64, f64> = std::collections::HashMap::new();
    let mut named = std::collections::HashSet::new();
    for event in &events {
        assert!(event["name"].is_string() && event["pid"].is_u64() && event["tid"].is_u64(), "{event}");
        let (at, tid) = (number(event, "ts"), event["tid"].as_u64().unwrap_or(0));
        match event["ph"].as_str().expect("a phase") {
            "M" => {
                assert!(event["args"]["name"].is_string(), "{event}");
                named.insert((event["name"].as_str().map(str::to_owned), tid));
                continue;
            }
            "X" => {
                assert!(number(event, "dur") >= 0.0, "{event}");
                assert!(busy.get(&tid).is_none_or(|end| *end <= at + 0.0005), "overlaps: {event}");
                busy.insert(tid, at + number(event, "dur"));
                assert!(named.contains(&(Some("thread_name".into()), tid)), "a lane without a name: {event}");
            }
            "i" => assert_eq!(event["s"], "t"),
            "C" => assert!(event["args"]["members"].is_u64(), "{event}"),
            other => panic!("an event of the kind {other:?}"),
        }
        assert!(at >= last, "not in order: {event}");
        last = at;
    }
    assert!(named.contains(&(Some("process_name".into()), 0)));
    events
}

#[test]
fn the_trace_is_valid_and_tells_everything() {
    let recorder = recorder(100);
    for (index, how) in HowEnded::ALL.into_iter().enumerate() {
        recorder.spawned(index, who(index), Some(1));
        recorder.begun(index);
        ends(&recorder, index, how);
    }
    recorder.spawned(5, Who { name: None, place: Location::caller() }, None);
    recorder.ended(5, false, HowEnded::Cancelled, Some("\"quoted\"\n</script>".into()), || unreachable!());
    recorder.spawned(6, who(6), None);
    let text = Timeline::new(recorder).to_chrome_json();
    assert!(!text.contains("</script>"));
    let events = check_trace(&text);
    let called = |name: &str| events.iter().find(|event| event["name"] == name).expect("an event").clone();
    assert_eq!(called("m1")["args"]["ended"], "failed");
    assert_eq!(called("m1")["args"]["why"], "why 1");
    assert_eq!(called("#6")["ph"], "i");
    assert_eq!(called("#6")["args"]["why"], "\"quoted\"\n</script>");
    assert_eq!(called("m6")["cat"], "queued");
    assert!(events.iter().any(|event| event["ph"] == "C"));
}

proptest! {
    #[test]
    fn whatever_happens_the_trace_is_valid(
        steps in prop::collection::vec((0_usize..4, 0_usize..5), 0..120), capacity in 1_usize..40
    ) {
        let recorder = recorder(capacity);
        let (mut spawned, mut queued, mut running) = (0, Vec::new(), Vec::new());
        for (what, which) in steps {
            match what {
                0 => { recorder.spawned(spawned, who(spawned), Some(2)); queued.push(spawned); spawned += 1; }
                1 if !queued.is_empty() => {
                    let index = queued.remove(0);
                    recorder.begun(index);
                    running.push(index);
                }
                2 if !running.is_empty() => ends(&recorder, running.remove(which % running.len()), HowEnded::ALL[which]),
                3 if !queued.is_empty() => {
                    let index = queued.pop().unwrap_or(0);
                    recorder.ended(index, false, HowEnded::Cancelled, None, || unreachable!("no failure"));
                }
                _ => {}
            }
        }
        let timeline = Timeline::new(recorder);
        check_trace(&timeline.to_chrome_json());
        let summary = timeline.summary();
        prop_assert_eq!(summary.spawned(), spawned as u64);
        prop_assert_eq!(summary.outstanding(), (queued.len() + running.len()) as u64);
        prop_assert_eq!(summary.tally().total() + summary.outstanding(), spawned as u64);
        prop_assert!(summary.average_concurrency() <= summary.peak_concurrency() as f64 + 1e-9);
        prop_assert!(summary.lost_to_limit() <= summary.duration());
    }
}

#[test]
fn the_summary_reads_like_this() {
    let members = vec![timed(0, 0, 0, 2_000_000, false), timed(1, 0, 2_000_000, 3_500_000, true)];
    let mut snapshot = of(members);
    snapshot.members[1].ended = Some((3_500_000, HowEnded::Failed));
    snapshot.members[1].why = Some("no route to host\nand more".into());
    let census = &mut snapshot.census;
    (census.spawned, census.first, census.last, census.peak) = (2, Some(0), 3_500_000, 1);
    (census.ran, census.waited, census.held_up, census.limit) = (3_500_000, 2_000_000, 2_000_000, Some(1));
    census.ended = [1, 1, 0, 0, 0];
    let (place, title) = (snapshot.members[0].place, &snapshot.title);
    let place = place.map(|place| format!("{}:{}", place.file(), place.line())).expect("it has one");
    let wanted = format!(
        "{title}: 2 members in 3.5 ms
  ended        1 ok, 1 failed
  at once      1.0 on average, 1 at most (limit 1)
  limit        2.0 ms with every slot taken and members queued; they waited 2.0 ms in all
  critical     3.5 ms of 3.5 ms: #1 \"m0\" 2.0 ms, then in its slot #2 \"m0\" 1.5 ms
  slowest      #1 \"m0\"     2.0 ms  {place}
               #2 \"m0\"     1.5 ms  {place}
  failed       #2 \"m0\" after 3.5 ms: no route to host…  {place}"
    );
    assert_eq!(TimelineSummary::of(&snapshot).to_string(), wanted);
    assert_eq!(TimelineSummary::of(&snapshot).lost_to_limit(), Duration::from_millis(2));
}
