//! headcount's `thread::Scope`.
//!
//! As in the rows of tasks: the scope of the first rows fails fast and keeps what members return, here `()`; `Discard`
//! keeps nothing. Under a limit `spawn` queues what has no room yet, `submit` waits until there is some. The threads are
//! the scope's own, so that each run starts them and sees them gone; rayon's are there before.

use headcount::{Context, Discard, ok, thread};

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::members::{self, LIMIT, all_there, in_order, sum, tiny};

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "headcount thread::Scope",
        role: Role::Ours,
        timings: &[
            (Row::Threads, |effort| members::closures(effort, effort.members, empty)),
            (Row::OrderedThreads, |effort| {
                members::closures(effort, effort.members, |members| {
                    let values = thread::Scope::new(&Context::background()).run(|group| {
                        for number in 0..members as u64 {
                            group.spawn(move |_| ok(number));
                        }
                    });
                    in_order(members, values.expect("nobody fails"));
                })
            }),
            (Row::LimitedThreads, |effort| {
                members::closures(effort, effort.members, |members| {
                    let values = thread::Scope::new(&Context::background()).limit(LIMIT).run(|group| {
                        for number in 0..members as u64 {
                            group.spawn(move |_| ok(tiny(number)));
                        }
                    });
                    all_there(members, sum(values.expect("nobody fails")));
                })
            }),
        ],
    },
    Contestant {
        name: "headcount Scope Discard",
        role: Role::Ours,
        timings: &[(Row::Threads, |effort| {
            members::closures(effort, effort.members, |members| {
                let scope = thread::Scope::<(), _, _>::with_policy(&Context::background(), Discard);
                let tally = scope.run(|group| {
                    for _ in 0..members {
                        group.spawn(|_| ok(()));
                    }
                });
                assert_eq!(tally.succeeded, members as u64);
            })
        })],
    },
    // Back-pressure: who launches blocks, as Go's does under `SetLimit`, and no member queues.
    Contestant {
        name: "headcount Scope submit",
        role: Role::Ours,
        timings: &[(Row::LimitedThreads, |effort| {
            members::closures(effort, effort.members, |members| {
                let values = thread::Scope::new(&Context::background()).limit(LIMIT).run(|group| {
                    for number in 0..members as u64 {
                        let submitted = group.submit(move |_| ok(tiny(number)));
                        submitted.expect("the group is not over");
                    }
                });
                all_there(members, sum(values.expect("nobody fails")));
            })
        })],
    },
    // What row 6 is measured against: the same run without anything to return.
    Contestant {
        name: "thread::Scope of row 5",
        role: Role::Floor,
        timings: &[(Row::OrderedThreads, |effort| members::closures(effort, effort.members, empty))],
    },
];

fn empty(members: usize) {
    let values = thread::Scope::<()>::new(&Context::background()).run(|group| {
        for _ in 0..members {
            group.spawn(|_| ok(()));
        }
    });
    assert_eq!(values.expect("nobody fails").len(), members);
}
