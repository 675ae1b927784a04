//! Negative controls: with a fault planted, the model checker must object, and in the words that fit the fault. A
//! control that passes quietly means that its model proves nothing.
//!
//! Each runs one model in a process of its own, because a model that fails takes the process with it.

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
    assert!(!output.status.success(), "loom found nothing wrong with {fault} planted in {model}");
    assert!(said.contains(objection), "loom objected to {fault} in other words than {objection:?}: {said}");
}

macro_rules! controls {
    ($($name:ident: $fault:ident, $model:path, $objection:literal)*) => {
        $(#[test] fn $name() {
            must_object(stringify!($fault), stringify!($model), $objection);
        })*
    };
}

const FAULTS: usize = Fault::PROTOCOLS.len()
    + Fault::GROUPS.len()
    + Fault::THREADS.len()
    + Fault::TASK_MAPS.len()
    + Fault::PIPELINES.len();
const _: () = assert!(FAULTS == 47, "a new fault needs a control");

controls! {
    a_done_that_publishes_nothing_is_caught:
        RelaxedDone, models::what_a_member_did_is_seen_after_the_wait, "Causality violation"
    // Seen first as a group that is never freed: who settles must also see the count as low as the tally is.
    a_record_that_publishes_nothing_is_caught:
        RelaxedRecord, models::the_tally_alone_publishes_what_was_done, "Allocation leaked"
    a_look_before_the_lock_is_caught:
        LookThenList, models::what_a_member_did_is_seen_after_the_wait, "deadlock"
    an_unannounced_sleep_is_caught:
        SleepUnannounced, models::what_a_member_did_is_seen_after_the_wait, "deadlock"
    a_round_left_open_is_caught:
        RoundNotClosed, models::a_future_belongs_to_the_round_it_was_made_in, "round one is over"
    quiet_too_soon_is_caught:
        QuietTooSoon, models::a_member_that_goes_out_at_the_last_moment_is_waited_for_later, "Causality violation"
    a_tally_unlooked_is_caught:
        TallyUnlooked, quiet::watching_does_not_stop_under_an_end_on_its_way, "Causality violation"
    a_mark_of_closing_that_is_kept_is_caught:
        ClosingKept, quiet::watching_does_not_stop_under_an_end_on_its_way, "Causality violation"
    an_unannounced_at_most_is_caught:
        AtMostUnannounced, models::at_most_one_needs_only_one_of_two_ends, "deadlock"
    a_stale_waker_is_caught:
        StaleWaker, models::a_future_polled_again_wakes_its_newest_waker, "was not woken"
    a_future_that_stays_listed_is_caught:
        DropStaysListed, models::a_dropped_future_leaves_the_list, "still listed"
    waking_without_a_hold_is_caught:
        NoHoldWhileWaking, models::the_group_is_freed_once_and_after_the_last_use, "Causality violation"
    a_seat_taken_unlooked_is_caught:
        SeatUnlooked, context::a_child_made_during_the_cancel_is_cancelled, "a child was missed"
    a_canceller_that_does_not_help_is_caught:
        SecondDoesNotHelp, context::two_cancellers_each_return_when_all_is_cancelled, "returned too early"
    a_callback_registered_unlooked_is_caught:
        CallUnlooked, context::a_callback_registered_during_the_cancel_runs_once, "did not run once"
    a_callback_registered_unannounced_is_caught:
        CallUnannounced, context::a_callback_is_run_by_a_canceller_that_is_left_alone, "did not run once"
    an_end_that_publishes_nothing_is_caught:
        RelaxedEnd, groups::a_value_is_taken_once_while_the_group_becomes_a_stream, "Causality violation"
    a_page_left_without_publishing_is_caught:
        RelaxedPage, groups::the_last_of_a_page_passes_on_what_the_first_did, "Causality violation"
    a_value_taken_unlooked_is_caught:
        TakenUnlooked, groups::a_value_is_taken_once_while_the_group_becomes_a_stream, "Causality violation"
    a_calling_off_unseen_is_caught:
        CalledOffUnseen, groups::a_member_is_called_off_while_it_goes_to_sleep, "deadlock"
    a_pen_that_is_kept_is_caught:
        PenKept, groups::a_member_spawned_by_a_member_during_the_wait_is_waited_for, "deadlock"
    a_group_closed_unlooked_is_caught:
        CloseUnlooked, groups::a_spawn_races_with_the_wait, "it ran, and nobody had waited for it"
    a_waker_taken_before_the_result_is_caught:
        WakerThenResult, groups::a_result_wakes_who_takes_results, "deadlock"
    a_hint_before_the_end_is_caught:
        HintThenDone, groups::an_end_without_a_result_ends_the_stream, "deadlock"
    a_look_before_the_scopes_waker_is_left_is_caught:
        LookThenLeave, groups::a_member_of_a_scope_is_woken_from_elsewhere, "deadlock"
    a_look_before_a_slot_is_given_back_is_caught:
        LookThenGiveBack, lanes::a_slot_is_given_back_while_somebody_queues, "deadlock"
    who_queues_unlooked_is_caught:
        QueuedUnlooked, lanes::a_member_queues_while_its_group_is_cancelled, "somebody queues in a group that is over"
    a_turn_granted_unlooked_is_caught:
        TurnUnlooked, lanes::a_turn_is_given_up_while_it_is_granted, "a free slot"
    a_look_before_a_member_is_ready_is_caught:
        LookThenReady, carriers::a_member_is_spawned_while_a_carrier_goes_home, "deadlock"
    a_dropped_carrier_that_does_not_look_again_is_caught:
        DroppedUnlooked, carriers::a_carrier_is_dropped_while_a_member_is_spawned, "deadlock"
    an_idle_worker_that_says_nothing_is_caught:
        IdleUnannounced, workers::a_push_finds_the_worker_that_goes_idle, "deadlock"
    slots_offered_to_nobody_are_caught:
        SlotsUnoffered, workers::slots_of_a_heavy_job_are_handed_on_to_all_they_are_enough_for, "deadlock"
    a_limit_raised_without_a_look_is_caught:
        LimitUnlooked, workers::a_raised_limit_starts_who_waits, "deadlock"
    a_turn_that_is_not_looked_at_again_is_caught:
        TurnUnheard, workers::a_turn_is_granted_at_a_jobs_end, "deadlock"
    a_turn_that_keeps_its_slots_is_caught:
        TurnKept, workers::a_turn_is_given_up_while_it_is_granted, "deadlock"
    an_end_that_is_not_looked_for_is_caught:
        EndUnlooked, threads::the_last_end_ends_the_stream, "deadlock"
    an_item_put_out_without_ringing_is_caught:
        IdleUnrung, pipelines::an_item_reaches_a_taker_that_goes_to_sleep, "deadlock"
    a_sleep_without_a_last_look_is_caught:
        ListThenSleep, pipelines::an_item_reaches_a_taker_that_goes_to_sleep, "deadlock"
    room_that_nobody_is_told_of_is_caught:
        RoomUnheard, pipelines::a_pusher_waits_for_room_and_gets_it, "deadlock"
    a_close_that_nobody_is_told_of_is_caught:
        CloseUnheard, pipelines::the_close_reaches_a_taker_that_goes_to_sleep, "deadlock"
    a_leaving_that_nobody_is_told_of_is_caught:
        GoneUnheard, pipelines::a_pusher_that_waits_for_room_is_told_that_nobody_is_left, "deadlock"
    trays_that_are_not_looked_into_are_caught:
        TraysUnlooked, maps::neighbours_run_side_by_side, "deadlock"
    a_second_call_uncounted_is_caught:
        SecondUncounted, hedges::a_second_call_that_begins_is_waited_for, "Causality violation"
    shelves_looked_at_too_early_are_caught:
        ShelvesUnlooked, maps::results_are_taken_in_order_and_the_window_opens, "deadlock"
    a_rest_at_an_open_window_is_caught:
        RestUnlooked, maps::results_are_taken_in_order_and_the_window_opens, "deadlock"
    a_look_at_the_sleeper_before_the_bell_is_caught:
        BellUnlooked, task_maps::a_member_is_woken_while_its_map_goes_to_sleep, "deadlock"
    a_map_that_sleeps_unlooked_is_caught:
        SleepUnlooked, task_maps::a_member_is_woken_while_its_map_goes_to_sleep, "deadlock"
}
