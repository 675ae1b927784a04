//! Watching begins and stops while members come and go: nobody is missed, nothing is used after it was freed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use headcount::{WaitGroup, raw};
use loom::thread;

use crate::{Slot, check};

const NOW: Duration = Duration::ZERO;

/// What `f` panics with is of no interest, only whether it does.
fn panics(f: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

models! {
    /// Found by a reader of the code: the last member is being entered, another goes out and comes back, and its end is on
    /// the way while watching stops. It must not stop then, or the end enters a tally in freed memory.
    watching_does_not_stop_under_an_end_on_its_way, 3 => {
        let group = WaitGroup::new();
        let first = group.add();
        assert!(group.wait_timeout(NOW).is_err(), "`first` is out; from here on the group is watched");
        let member = thread::spawn(move || drop(first));
        let second = group.add();
        drop(group);
        drop(second);
        member.join().unwrap();
    }

    /// The same with a group that lives on: an end entered too late would bring a later tally to zero too early.
    a_straggler_does_not_end_a_later_round, 3 => {
        let group = WaitGroup::new();
        let first = group.add();
        assert!(group.wait_timeout(NOW).is_err());
        let other = group.clone();
        let member = thread::spawn(move || drop(first));
        let churn = thread::spawn(move || drop(other.add()));
        let kept = group.add();
        assert!(group.wait_timeout(NOW).is_err(), "`kept` is out");
        drop(kept);
        member.join().unwrap();
        churn.join().unwrap();
        let kept = group.add();
        assert!(group.wait_timeout(NOW).is_err(), "`kept` is out again");
        drop(kept);
    }

    /// E3: members that go out, one and many, while watching begins, enter themselves in a tally that is there.
    members_go_out_as_watching_begins, 3 => {
        let group = WaitGroup::new();
        let first = group.add();
        let other = group.clone();
        let member = thread::spawn(move || {
            let one = other.add();
            let more = other.add_many(2);
            drop((one, more));
        });
        let _ = group.wait_timeout(NOW);
        drop(first);
        member.join().unwrap();
    }

    /// Blocks of tokens, counted out and back under a watch.
    a_block_is_entered_and_publishes, 3 => {
        let (group, slot) = (WaitGroup::new(), Slot::new());
        let kept = group.add();
        assert!(group.wait_timeout(NOW).is_err());
        let (block, filled) = (group.add_many(2), Arc::clone(&slot));
        drop(kept);
        let member = thread::spawn(move || { filled.fill(); drop(block); });
        group.wait();
        assert_eq!(slot.read(), 1);
        member.join().unwrap();
    }

    /// The same, counted out while it was quiet.
    a_quiet_block_publishes, 3 => {
        let (group, slot) = (WaitGroup::new(), Slot::new());
        let (block, filled) = (group.add_many(2), Arc::clone(&slot));
        let member = thread::spawn(move || { filled.fill(); drop(block); });
        group.wait();
        assert_eq!(slot.read(), 1);
        member.join().unwrap();
    }

    /// A block may be the last to go, before or after the handle.
    a_block_frees_what_all_used, 3 => {
        let group = WaitGroup::new();
        let (one, two) = (group.add(), group.add_many(2));
        let member = thread::spawn(move || drop(one));
        drop(group);
        drop(two);
        member.join().unwrap();
    }

    /// Who arrives to find few enough out has seen the work of those who are back.
    at_most_that_is_over_on_arrival_sees_the_work, 3 => {
        let (group, slot) = (WaitGroup::new(), Slot::new());
        let (first, others) = (group.add(), group.add_many(2));
        assert!(group.wait_timeout(NOW).is_err());
        let filled = Arc::clone(&slot);
        let member = thread::spawn(move || { filled.fill(); drop(first); });
        group.wait_at_most(2);
        assert_eq!(slot.read(), 1);
        member.join().unwrap();
        drop(others);
    }

    /// A late wake-up of one wait meets the next wait of the same thread, which is not over.
    a_late_wake_up_is_not_taken_for_another, 3 => {
        let (one, two, slot) = (WaitGroup::new(), WaitGroup::new(), Slot::new());
        let (first, second, filled) = (one.add(), two.add(), Arc::clone(&slot));
        let member = thread::spawn(move || { drop(first); filled.fill(); drop(second); });
        let _ = one.wait_timeout(Duration::from_secs(1));
        two.wait();
        assert_eq!(slot.read(), 1);
        member.join().unwrap();
    }

    /// One member too many is taken back while all the others come back and a wait begins: the wait ends.
    a_refused_member_is_taken_back_under_a_wait, 3 => {
        let group = Arc::new(raw::WaitGroup::new());
        group.add(1 << 31);
        let (over, back) = (Arc::clone(&group), Arc::clone(&group));
        let refused = thread::spawn(move || {
            // It is only refused while all the others are still out.
            if !panics(|| over.add(1)) {
                over.done();
            }
        });
        let members = thread::spawn(move || back.add(-(1 << 31)));
        group.wait();
        refused.join().unwrap();
        members.join().unwrap();
    }

    /// The same with tokens, and the group goes: watching ends and it is freed.
    a_refused_member_does_not_keep_the_group, 3 => {
        let group = WaitGroup::new();
        let tokens = group.add_many(1 << 31);
        assert!(group.wait_timeout(NOW).is_err());
        let other = group.clone();
        let refused = thread::spawn(move || _ = panics(|| drop(other.add())));
        drop(tokens);
        drop(group);
        refused.join().unwrap();
    }

    /// Two ends for one member: one of them panics, whichever, and the counter is right.
    raw_never_goes_below_zero, 3 => {
        let group = Arc::new(raw::WaitGroup::new());
        group.add(1);
        let other = Arc::clone(&group);
        let member = thread::spawn(move || panics(|| other.done()));
        let mine = panics(|| group.done());
        assert!(mine != member.join().unwrap());
        assert_eq!(group.outstanding(), 0);
    }
}
