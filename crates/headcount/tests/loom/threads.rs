//! Models of a group of threads: its book upon its workers, on the checker's own threads.
//!
//! The workers' protocols have models of their own, in `workers`; here is what a group adds to them.

use std::sync::Arc;

use headcount::thread::model::{Group, Outcome};
use loom::thread;

use crate::{Slot, check};

/// The values of members that have all succeeded.
fn values(outcomes: Vec<Outcome>) -> Vec<u32> {
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|error| panic!("{error}"))).collect()
}

models! {
    /// What a member did on a thread, and its value, are seen when the scope is over, whether the caller helped or not.
    what_a_member_did_is_seen_at_the_end, 3 => {
        let group = Group::new(2, 2);
        let slot = Slot::new();
        let filled = Arc::clone(&slot);
        group.spawn(move |_| { filled.fill(); Ok(7) });
        assert_eq!(values(group.finish()), [7]);
        assert_eq!(slot.read(), 1);
    }

    /// With the limit 1 the slot goes from a member to the one that it spawned, and what the first did is seen by the second.
    a_slot_goes_from_a_member_to_its_sibling, 3 => {
        let group = Group::new(1, 1);
        let (spawner, slot) = (group.clone(), Slot::new());
        let (first, second) = (Arc::clone(&slot), Arc::clone(&slot));
        group.spawn(move |_| {
            spawner.spawn(move |_| { second.fill(); Ok(2) });
            first.fill();
            Ok(1)
        });
        assert_eq!(values(group.finish()), [1, 2]);
        assert_eq!(slot.read(), 2);
    }

    /// A wait that does not help: a thread runs the member, and its end wakes the wait.
    a_wait_sees_what_the_last_member_did, 3 => {
        let group = Group::new(1, 1);
        let slot = Slot::new();
        let filled = Arc::clone(&slot);
        group.spawn(move |_| { filled.fill(); Ok(7) });
        group.wait_idle();
        assert_eq!(slot.read(), 1);
        assert_eq!(values(group.finish()), [7]);
    }

    /// Results that are waited for come, and the last end ends the stream.
    the_last_end_ends_the_stream, 3 => {
        let group = Group::new(1, 1);
        group.spawn(|_| Ok(7));
        assert_eq!(values(group.stream(usize::MAX)), [7]);
        assert!(group.finish().is_empty());
    }

    /// A stream that is given up before the member's end: the value comes by it, or with the others at the end; once.
    what_a_stream_does_not_take_is_in_the_output, 3 => {
        let group = Group::new(1, 1);
        group.spawn(|_| Ok(7));
        let taken = group.stream(0);
        assert!(taken.is_empty());
        assert_eq!(values(group.finish()), [7]);
    }

    /// A cancellation while somebody waits for a slot: it is launched or refused, and the wait ends in any case.
    a_cancellation_ends_the_wait_for_a_slot, 3 => {
        let group = Group::new(1, 1);
        let canceller = group.clone();
        group.spawn(|ctx| { ctx.wait(); Ok(1) });
        let thread = thread::spawn(move || canceller.cancel());
        assert!(!group.submit(|_| Ok(2)), "the slot is free only when the group is over");
        thread.join().unwrap();
        assert_eq!(group.finish().len(), 1);
    }
}
