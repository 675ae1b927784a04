//! The models. `controls` runs some of them again, each in a process of its own with a fault planted.

use std::sync::Arc;
use std::time::Duration;

use headcount::{WaitGroup, raw};
use loom::thread;

use crate::{CountedWaker, Slot, check};

models! {
    /// E1 and E2: what a member did before its end is seen after the wait.
    what_a_member_did_is_seen_after_the_wait, 3 => {
        let group = WaitGroup::new();
        let slot = Slot::new();
        let (token, filled) = (group.add(), Arc::clone(&slot));
        let member = thread::spawn(move || { filled.fill(); drop(token); });
        group.wait();
        assert_eq!(slot.read(), 1);
        member.join().unwrap();
    }

    /// The same through two members, so that one of them is entered in the tally without the lock.
    what_two_members_did_is_seen_after_the_wait, 2 => {
        let group = WaitGroup::new();
        let slots = [Slot::new(), Slot::new()];
        let members = slots.clone().map(|slot| {
            let token = group.add();
            thread::spawn(move || { slot.fill(); drop(token); })
        });
        group.wait();
        assert_eq!([slots[0].read(), slots[1].read()], [1, 1]);
        members.into_iter().for_each(|member| member.join().unwrap());
    }

    /// Everyone who waits is woken by the one last member.
    two_waiters_are_both_woken, 2 => {
        let group = WaitGroup::new();
        let token = group.add();
        let other = group.clone();
        let waiter = thread::spawn(move || other.wait());
        let member = thread::spawn(move || drop(token));
        group.wait();
        waiter.join().unwrap();
        member.join().unwrap();
    }

    /// A member that launches another never lets the count look like zero.
    a_clone_keeps_the_round_open, 3 => {
        let group = WaitGroup::new();
        let slot = Slot::new();
        let (token, filled) = (group.add(), Arc::clone(&slot));
        let member = thread::spawn(move || {
            let child = token.clone();
            drop(token);
            filled.fill();
            drop(child);
        });
        group.wait();
        assert_eq!(slot.read(), 1);
        member.join().unwrap();
    }

    /// A waiter of round one returns although round two began before it woke, and lasts.
    a_round_ends_for_its_waiters_although_the_next_has_begun, 3 => {
        let group = WaitGroup::new();
        let first = group.add();
        let other = group.clone();
        let waiter = thread::spawn(move || {
            other.wait();
            other
        });
        drop(first);
        let second = group.add();
        // If the waiter began before `first` came back it returns by itself; if it began in round two it needs this.
        drop(second);
        waiter.join().unwrap().wait();
    }

    /// The same for a future made in round one and first polled in round two, which does not end.
    a_future_belongs_to_the_round_it_was_made_in, 3 => {
        let group = WaitGroup::new();
        let first = group.add();
        let mut wait = Box::pin(group.wait_async());
        let member = thread::spawn(move || drop(first));
        member.join().unwrap();
        let second = group.add();
        let waker = CountedWaker::new();
        assert!(waker.poll(&mut wait), "round one is over");
        drop(second);
    }

    /// A future listed in round one is released by its end, with round two open; one made in round two is not.
    the_end_of_a_round_releases_its_own_futures_only, 3 => {
        let group = WaitGroup::new();
        let first = group.add();
        let mut old = Box::pin(group.wait_async());
        let (old_waker, new_waker) = (CountedWaker::new(), CountedWaker::new());
        assert!(!old_waker.poll(&mut old));
        let member = thread::spawn(move || drop(first));
        let second = group.add();
        let mut new = Box::pin(group.wait_async());
        assert!(!new_waker.poll(&mut new), "`second` is out");
        member.join().unwrap();
        if old_waker.poll(&mut old) {
            // Zero was reached before `second` went out.
            assert!(!new_waker.poll(&mut new), "`second` is still out");
        }
        drop(second);
        assert!(old_waker.poll(&mut old) && new_waker.poll(&mut new));
        assert_eq!((old_waker.wakes(), new_waker.wakes()), (1, 1));
    }

    /// Members come and go while a waiter arrives: the count and the tally never part for good.
    rounds_race_with_the_beginning_of_a_wait, 3 => {
        let group = WaitGroup::new();
        let slot = Slot::new();
        let (adder, filled) = (group.clone(), Arc::clone(&slot));
        let outer = group.add();
        let member = thread::spawn(move || {
            drop(outer);
            let inner = adder.add();
            filled.fill();
            drop(inner);
        });
        group.wait();
        member.join().unwrap();
        group.wait();
        assert_eq!(slot.read(), 1);
        assert_eq!(group.outstanding(), 0);
    }

    /// A second member goes out and stays while the first comes back under a waiter's eyes: it is counted.
    a_member_that_goes_out_at_the_last_moment_is_waited_for_later, 2 => {
        let group = WaitGroup::new();
        let slot = Slot::new();
        let (first, other, filled) = (group.add(), group.clone(), Arc::clone(&slot));
        let member = thread::spawn(move || drop(first));
        let launcher = thread::spawn(move || {
            let second = other.add();
            filled.fill();
            drop(second);
        });
        group.wait();
        group.wait();
        launcher.join().unwrap();
        // The launcher's member has gone out and come back by now, whatever the first wait saw.
        group.wait();
        assert_eq!(slot.read(), 1);
        member.join().unwrap();
    }

    /// Two ends, of which the one that is entered first was counted last, and a third member on its way out, so that
    /// nothing but the tally itself orders the work of the first before the wait.
    the_tally_alone_publishes_what_was_done, 3 => {
        let group = WaitGroup::new();
        let slot = Slot::new();
        let (first, second) = (group.add(), group.add());
        let (other, filled) = (group.clone(), Arc::clone(&slot));
        let member = thread::spawn(move || {
            filled.fill();
            drop(first);
            drop(other.add());
        });
        let last = thread::spawn(move || drop(second));
        group.wait();
        assert_eq!(slot.read(), 1);
        member.join().unwrap();
        last.join().unwrap();
    }

    /// A wait that gives up races with the last member: it answers one or the other, and the next wait works.
    a_timeout_races_with_the_last_member, 3 => {
        let group = WaitGroup::new();
        let slot = Slot::new();
        let (token, filled) = (group.add(), Arc::clone(&slot));
        let member = thread::spawn(move || { filled.fill(); drop(token); });
        match group.wait_timeout(Duration::from_secs(1)) {
            Ok(()) => assert_eq!(slot.read(), 1),
            Err(_) => group.wait(),
        }
        assert_eq!(slot.read(), 1);
        member.join().unwrap();
    }

    /// The same on a future that is dropped: nothing is left in the list, whoever comes first.
    a_future_is_dropped_while_it_is_released, 3 => {
        let group = WaitGroup::new();
        let token = group.add();
        let mut wait = Box::pin(group.wait_async());
        let waker = CountedWaker::new();
        let pending = !waker.poll(&mut wait);
        let member = thread::spawn(move || drop(token));
        drop(wait);
        member.join().unwrap();
        assert!(pending && waker.wakes() <= 1);
        assert!(format!("{group:?}").contains("waiting: 0"));
        group.wait();
    }

    /// A dropped future is out of the list at once, not when the round ends.
    a_dropped_future_leaves_the_list, 1 => {
        let group = WaitGroup::new();
        let token = group.add();
        let mut wait = Box::pin(group.wait_async());
        assert!(!CountedWaker::new().poll(&mut wait));
        drop(wait);
        assert!(format!("{group:?}").contains("waiting: 0"), "still listed");
        drop(token);
    }

    /// A future polled again with another waker wakes that one, unless the first was used before.
    a_future_polled_again_wakes_its_newest_waker, 3 => {
        let group = WaitGroup::new();
        let token = group.add();
        let mut wait = Box::pin(group.wait_async());
        let (first, second) = (CountedWaker::new(), CountedWaker::new());
        assert!(!first.poll(&mut wait));
        let member = thread::spawn(move || drop(token));
        let ready = second.poll(&mut wait);
        member.join().unwrap();
        assert!(ready || second.wakes() == 1, "the task that polled last was not woken");
        assert!(second.poll(&mut wait));
    }

    /// A wait for "at most one" returns when the second to last member comes back, without the last.
    at_most_one_needs_only_one_of_two_ends, 3 => {
        let group = WaitGroup::new();
        let slot = Slot::new();
        let (first, second, filled) = (group.add(), group.add(), Arc::clone(&slot));
        let member = thread::spawn(move || { filled.fill(); drop(first); });
        group.wait_at_most(1);
        assert_eq!(slot.read(), 1);
        drop(second);
        group.wait();
        member.join().unwrap();
    }

    /// Two ends race to be the one that "at most one" of three needs two of.
    at_most_one_is_told_by_either_of_two_ends, 2 => {
        let group = WaitGroup::new();
        let kept = group.add();
        let members = [group.add(), group.add()].map(|token| thread::spawn(move || drop(token)));
        group.wait_at_most(1);
        assert_eq!(group.outstanding(), 1);
        drop(kept);
        members.into_iter().for_each(|member| member.join().unwrap());
    }

    /// The last handle goes while the last member wakes its waiter: the allocation lives until both are done.
    the_group_is_freed_once_and_after_the_last_use, 3 => {
        let group = WaitGroup::new();
        let token = group.add();
        let member = thread::spawn(move || drop(token));
        group.wait();
        drop(group);
        member.join().unwrap();
    }

    /// Nobody waits: whichever of handle and tokens goes last frees.
    a_group_left_alone_is_freed_by_its_last_token, 3 => {
        let group = WaitGroup::new();
        let (token, mut more) = (group.add(), group.add_many(2));
        let member = thread::spawn(move || drop(token));
        let one = more.next();
        drop(group);
        drop(more);
        drop(one);
        member.join().unwrap();
    }

    /// A waiter gives up and the group goes while watched members come back.
    an_abandoned_watch_ends_with_its_members, 2 => {
        let group = WaitGroup::new();
        let members = [group.add(), group.add()];
        assert!(group.wait_timeout(Duration::ZERO).is_err());
        let members = members.map(|token| thread::spawn(move || drop(token)));
        drop(group);
        members.into_iter().for_each(|member| member.join().unwrap());
    }

    /// Counting by hand, where an end may be entered before the beginning that it answers.
    raw_counting_survives_ends_that_overtake_beginnings, 2 => {
        let group = Arc::new(raw::WaitGroup::new());
        group.add(1);
        let (adder, doner) = (Arc::clone(&group), Arc::clone(&group));
        let adding = thread::spawn(move || { adder.add(1); adder.done(); });
        let ending = thread::spawn(move || { doner.done(); });
        group.wait();
        adding.join().unwrap();
        ending.join().unwrap();
        group.wait();
        assert_eq!(group.outstanding(), 0);
    }

    /// Raw: data, a wait, a second round.
    raw_rounds_publish_what_was_done, 3 => {
        let group = Arc::new(raw::WaitGroup::new());
        let slot = Slot::new();
        group.add(1);
        let (other, filled) = (Arc::clone(&group), Arc::clone(&slot));
        let member = thread::spawn(move || { filled.fill(); other.done(); });
        group.wait();
        assert_eq!(slot.read(), 1);
        group.add(1);
        group.done();
        group.wait();
        member.join().unwrap();
    }
}
