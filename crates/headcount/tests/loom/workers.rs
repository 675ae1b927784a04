//! Models of the threads of one scope: a push against a worker that goes idle, slots handed on at a job's end, a limit
//! that is raised, a turn that is granted while it is given up.
//!
//! What a model waits for, it waits for without helping, unless it says so: a job that nobody started is a deadlock.

use std::sync::Arc;

use headcount::thread::model::{Asker, Workers};
use loom::thread;

use crate::{Gate, Slot, check};

models! {
    /// D3 and D4: the second job comes while the worker goes idle after the first, and is started all the same.
    a_push_finds_the_worker_that_goes_idle, 3 => {
        let workers = Workers::new(2, 1);
        let done = Gate::new();
        let open = done.clone();
        workers.push(1, || ());
        workers.push(1, move || open.open());
        done.pass();
        workers.help_until_empty();
    }

    /// The caller helps, and a worker ends the last job: both leave, and what the jobs did is seen after it.
    the_caller_and_the_last_worker_both_leave, 3 => {
        let workers = Workers::new(1, 2);
        let slot = Slot::new();
        for _ in 0..2 {
            let filled = Arc::clone(&slot);
            workers.push(1, move || filled.fill());
        }
        workers.help_until_empty();
        assert_eq!(slot.read(), 2);
    }

    /// D3: what a heavy job gives back is enough for two light ones, and these wait for each other.
    slots_of_a_heavy_job_are_handed_on_to_all_they_are_enough_for, 3 => {
        let workers = Workers::new(2, 2);
        let (first, second) = (Gate::new(), Gate::new());
        let (opens, passes, done) = (first.clone(), first, second.clone());
        workers.push(2, || ());
        workers.push(1, move || { passes.pass(); second.open(); });
        workers.push(1, move || opens.open());
        done.pass();
        workers.help_until_empty();
    }

    /// D3: the job that is held up needs another one that only a higher limit lets start.
    a_raised_limit_starts_who_waits, 3 => {
        let workers = Workers::new(1, 2);
        let (first, second) = (Gate::new(), Gate::new());
        let (opens, passes, done) = (first.clone(), first, second.clone());
        workers.push(1, move || { passes.pass(); second.open(); });
        workers.push(1, move || opens.open());
        workers.set_limit(2);
        done.pass();
        workers.help_until_empty();
    }

    /// A turn behind a job is granted at the job's end, and who waits for it wakes.
    a_turn_is_granted_at_a_jobs_end, 3 => {
        let workers = Workers::new(1, 2);
        let slot = Slot::new();
        let (first, second) = (Arc::clone(&slot), Arc::clone(&slot));
        workers.push(1, move || first.fill());
        assert!(workers.submit(&Asker::new(), move || second.fill()));
        workers.help_until_empty();
        assert_eq!(slot.read(), 2);
    }

    /// A turn is given up while it is granted: it is used or its slots come back, and who comes after it gets them.
    a_turn_is_given_up_while_it_is_granted, 3 => {
        let workers = Workers::new(1, 2);
        let asker = Arc::new(Asker::new());
        let gives_up = Arc::clone(&asker);
        workers.push(1, || ());
        let thread = thread::spawn(move || gives_up.give_up());
        workers.submit(&asker, || ());
        let done = Gate::new();
        let open = done.clone();
        workers.push(1, move || open.open());
        done.pass();
        workers.help_until_empty();
        thread.join().unwrap();
    }
}
