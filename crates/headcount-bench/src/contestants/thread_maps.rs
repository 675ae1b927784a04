//! headcount's `thread::map`: no closure a member, but one for all, and what it returns in order.
//!
//! In the rows of scopes it stands beside who launches members one by one. Its threads, too, are its own: each run
//! starts them and sees them gone.

use headcount::{ok, thread};

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::members::{self, LIMIT, all_there, in_order, sum, tiny};
use crate::timing::work::{self, ten, twenty};

pub(super) const CONTESTANTS: &[Contestant] = &[Contestant {
    name: "headcount thread::map",
    role: Role::Ours,
    timings: &[
        (Row::Threads, |effort| {
            members::closures(effort, effort.members, |members| {
                thread::map(0..members).for_each(|_, _| ok(())).expect("nobody fails");
            })
        }),
        (Row::OrderedThreads, |effort| {
            members::closures(effort, effort.members, |members| {
                let values = thread::map(0..members as u64).run(|_, number| ok(number));
                in_order(members, values.expect("nobody fails"));
            })
        }),
        (Row::LimitedThreads, |effort| {
            members::closures(effort, effort.members, |members| {
                let values = thread::map(0..members as u64).limit(LIMIT).run(|_, number| ok(tiny(number)));
                all_there(members, sum(values.expect("nobody fails")));
            })
        }),
        (Row::Work, |effort| {
            work::spread(effort, |items| {
                let values = thread::map(0..items as u64).run(|_, number| ok(twenty(number)));
                assert_eq!(values.expect("nobody fails").len(), items);
            })
        }),
        (Row::TinyWork, |effort| {
            members::closures(effort, effort.members, |members| {
                let values = thread::map(0..members as u64).run(|_, number| ok(ten(number)));
                assert_eq!(values.expect("nobody fails").len(), members);
            })
        }),
    ],
}];
