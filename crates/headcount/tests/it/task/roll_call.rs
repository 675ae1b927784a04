//! Seen from the inside: who is out, and how they stand.

use std::sync::mpsc;

use headcount::{State, ok};

use super::{Gate, Hand};

fn states(group: &headcount::task::Group<()>) -> Vec<(u64, State)> {
    let mut states: Vec<_> =
        group.roll_call().iter().map(|member| (member.number(), member.state())).collect();
    states.sort_by_key(|(number, _)| *number);
    states
}

#[test]
fn the_roll_call_lists_running_queued_and_cancelled() {
    let (hand, gate) = (Hand::new(), Gate::closed());
    let group = hand.group().limit(2).named("prices");
    for n in 0..3 {
        let gate = gate.clone();
        group.spawn_named(format!("sku {n}"), move |_| async move { ok(gate.pass().await) });
    }
    hand.run();
    assert_eq!(states(&group), [(1, State::Running), (2, State::Running), (3, State::Queued)]);
    let text = group.roll_call().to_string();
    assert!(text.starts_with("prices: 3 of 3 still out (limit 2)\n"), "{text}");
    assert!(text.contains("#3  \"sku 2\"  queued"), "{text}");
    assert!(text.contains(file!()), "{text}");
    group.cancel();
    assert_eq!(states(&group), [(1, State::Cancelled), (2, State::Cancelled)], "who queued is gone");
    gate.open();
    hand.run();
    assert!(group.roll_call().is_empty());
    assert!(hand.finish(group.wait()).is_err());
}

#[test]
fn the_roll_call_forgets_who_is_over_and_keeps_the_numbers() {
    let hand = Hand::new();
    let group = hand.group();
    let gates: Vec<_> = (0..150).map(|_| Gate::closed()).collect();
    for gate in &gates {
        let gate = gate.clone();
        group.spawn(move |_| async move { ok(gate.pass().await) });
    }
    hand.run();
    for n in (0..150).filter(|n| n % 3 != 0) {
        gates[n].open();
    }
    hand.run();
    let numbers: Vec<_> = states(&group).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, Vec::from_iter((0..150).filter(|n| n % 3 == 0).map(|n| n + 1)));
    assert_eq!(group.running(), 50);
    gates.iter().for_each(Gate::open);
    hand.finish(group.wait()).unwrap();
}

#[test]
fn a_member_that_was_cancelled_by_hand_and_is_not_gone_is_listed_as_cancelled() {
    let hand = Hand::new();
    let (group, gate) = (hand.group(), Gate::closed());
    let inside = gate.clone();
    let canceller = group.spawn_with_cancel(move |_| async move { ok(inside.pass().await) });
    let inside = gate.clone();
    group.spawn(move |_| async move { ok(inside.pass().await) });
    hand.run();
    canceller.cancel();
    assert_eq!(states(&group), [(1, State::Cancelled), (2, State::Running)]);
    gate.open();
    hand.finish(group.wait()).unwrap();
}

#[test]
fn running_and_queued_add_up_to_those_who_are_out() {
    let hand = Hand::new();
    let group = hand.group().limit(3);
    let gates: Vec<_> = (0..100).map(|_| Gate::closed()).collect();
    for gate in &gates {
        let gate = gate.clone();
        group.spawn(move |_| async move { ok(gate.pass().await) });
    }
    for (over, gate) in gates.iter().enumerate() {
        hand.run();
        let out = 100 - over;
        assert_eq!((group.running(), group.queued()), (out.min(3), out.saturating_sub(3)));
        assert_eq!(group.roll_call().outstanding(), out);
        gate.open();
    }
    hand.finish(group.wait()).unwrap();
}

#[test]
fn a_group_of_which_nobody_is_out_says_so() {
    let hand = Hand::new();
    let group = hand.group::<()>().named("prices");
    assert_eq!(group.roll_call().to_string(), "prices: nobody is out");
    let text = format!("{group:?}");
    assert!(text.starts_with("task::Group { title: group \"prices\""), "{text}");
}

#[test]
fn the_roll_call_says_who_blocks_and_cannot_be_stopped() {
    let hand = Hand::new();
    let group = hand.group().named("files");
    let (begun, has_begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    group.spawn_blocking(move |_| {
        begun.send(()).unwrap();
        let _ = released.recv();
        ok(())
    });
    has_begun.recv_timeout(crate::LIMIT).expect("it begins on a thread of its own");
    let roll_call = group.roll_call();
    assert!(roll_call.iter().next().unwrap().is_blocking());
    assert!(roll_call.to_string().contains("  (blocks, cannot be stopped"), "{roll_call}");
    drop(release);
}
