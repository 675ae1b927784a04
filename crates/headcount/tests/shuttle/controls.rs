//! Negative controls: with a fault planted, shuttle must object, and in the words that fit the fault. A control that passes
//! quietly means that its model proves nothing.
//!
//! Each runs one model in a process of its own, because a fault is planted for a process.

use std::process::Command;

use headcount::fault::Fault;

use crate::PLANT;

/// Runs `model` with `fault` planted and wants to read `objection`.
fn must_object(fault: &str, model: &str, objection: &str) {
    let model = model.replace(' ', "");
    let itself = std::env::current_exe().expect("the path of this test");
    let output = Command::new(itself)
        .args(["--exact", "--nocapture", &model])
        .env(PLANT, fault)
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("this test can be started again");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("running 1 test"), "{model} is no test: {said}");
    assert!(!output.status.success(), "shuttle found nothing wrong with {fault} planted in {model}");
    assert!(
        said.contains(objection),
        "shuttle objected to {fault} in other words than {objection:?}: {said}"
    );
}

macro_rules! controls {
    ($($name:ident: $fault:ident, $model:path, $objection:literal)*) => {
        $(#[test] fn $name() {
            must_object(stringify!($fault), stringify!($model), $objection);
        })*
    };
}

const FAULTS: usize = Fault::TIMER.len() + Fault::CARRIERS.len() + Fault::LANES.len();
const _: () = assert!(FAULTS == 9, "a new fault needs a control");

controls! {
    an_end_without_a_last_look_is_caught:
        IdleUnlooked, timer::a_deadline_set_while_the_thread_ends_is_served, "deadlock"
    an_earlier_deadline_that_wakes_nobody_is_caught:
        EarlierUnheard, timer::an_earlier_deadline_is_heard, "deadlock"
    // An earlier deadline would be missed as well; this model can object in one way only.
    a_look_before_the_sleep_is_caught:
        LookThenSleep, timer::the_thread_does_not_stay_for_a_deadline_that_was_taken_back, "does not end"
    a_last_deadline_taken_back_in_silence_is_caught:
        LastGoneUnheard, timer::the_thread_does_not_stay_for_a_deadline_that_was_taken_back, "does not end"

    a_tray_that_nobody_comes_for_is_caught:
        TrayUnseen, groups::a_member_that_blocks_its_thread_holds_up_nobody, "deadlock"
    a_carrier_that_goes_home_unlooked_is_caught:
        HomeUnlooked, groups::slots_are_handed_on, "deadlock"
    a_last_carrier_that_tells_nobody_is_caught:
        LastUntold, groups::a_member_that_blocks_its_thread_holds_up_nobody, "deadlock"

    a_value_that_is_not_looked_for_is_caught:
        ValueUnlooked, maps::a_value_is_told_when_it_comes, "deadlock"
    a_lane_that_waits_unseen_is_caught:
        LaneUnseen, maps::members_may_wait_for_each_other, "deadlock"

    // Loom objects to these too; here they show that the larger models would see it. What they cannot see: a group that is
    // closed a moment too early, which takes a spawn at just that moment.
    a_pen_that_is_kept_is_caught:
        PenKept, groups::whoever_runs_is_waited_for, "deadlock"
    a_waker_taken_before_the_result_is_caught:
        WakerThenResult, groups::a_result_is_told_when_it_comes, "deadlock"
    a_look_before_a_slot_is_given_back_is_caught:
        LookThenGiveBack, groups::a_slot_is_handed_on_to_the_last, "deadlock"
    who_queues_unlooked_is_caught:
        QueuedUnlooked, groups::a_turn_is_refused_by_the_cancellation, "deadlock"
}
