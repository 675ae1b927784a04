//! headcount's `task::Group`.
//!
//! The group of the first rows is the one that most people get: it fails fast and keeps what members return, here `()`.
//! `Discard` keeps nothing. Under a limit `spawn` queues what has no room yet, `submit` waits until there is some.

use std::sync::Arc;

use headcount::{Context, Discard, ok, task};

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::members::{self, LIMIT, all_there, in_order, sum, tiny};
use crate::timing::{allocations, resident};

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "headcount task::Group",
        role: Role::Ours,
        timings: &[
            (Row::Tasks, |effort| members::tasks(effort, empty)),
            (Row::OrderedTasks, |effort| {
                members::tasks(effort, async |members| {
                    let group = task::Group::new(&Context::background());
                    for number in 0..members as u64 {
                        group.spawn(move |_| async move { ok(number) });
                    }
                    in_order(members, group.wait().await.expect("nobody fails"));
                })
            }),
            (Row::LimitedTasks, |effort| {
                members::tasks(effort, async |members| {
                    let group = task::Group::new(&Context::background()).limit(LIMIT);
                    for number in 0..members as u64 {
                        group.spawn(move |_| async move { ok(tiny(number)) });
                    }
                    all_there(members, sum(group.wait().await.expect("nobody fails")));
                })
            }),
            (Row::Resident, |effort| {
                resident::bytes(effort, async |members, bell| {
                    let group = task::Group::<()>::new(&Context::background());
                    for _ in 0..members {
                        let bell = Arc::clone(&bell);
                        group.spawn(|_| resident::park(bell));
                    }
                    group
                })
            }),
            (Row::Allocations, |effort| allocations::each(effort, empty)),
        ],
    },
    Contestant {
        name: "headcount Group Discard",
        role: Role::Ours,
        timings: &[(Row::Tasks, |effort| {
            members::tasks(effort, async |members| {
                let group = task::Group::<(), _, _>::with_policy(&Context::background(), Discard);
                for _ in 0..members {
                    group.spawn(|_| async { ok(()) });
                }
                assert_eq!(group.wait().await.succeeded, members as u64);
            })
        })],
    },
    // Back-pressure: who launches waits, and no member queues.
    Contestant {
        name: "headcount Group submit",
        role: Role::Ours,
        timings: &[(Row::LimitedTasks, |effort| {
            members::tasks(effort, async |members| {
                let group = task::Group::new(&Context::background()).limit(LIMIT);
                for number in 0..members as u64 {
                    let submitted = group.submit(move |_| async move { ok(tiny(number)) }).await;
                    submitted.expect("the group is not over");
                }
                all_there(members, sum(group.wait().await.expect("nobody fails")));
            })
        })],
    },
    // Waiting for the context that they are given, as members that have nothing else to wait for do.
    Contestant {
        name: "headcount Group, on context",
        role: Role::Ours,
        timings: &[(Row::Resident, |effort| {
            resident::bytes(effort, async |members, _| {
                let group = task::Group::<()>::new(&Context::background());
                for _ in 0..members {
                    group.spawn(|ctx| async move {
                        resident::here();
                        ctx.wait_async().await;
                        ok(())
                    });
                }
                group
            })
        })],
    },
    Contestant {
        name: "headcount Group, limit 64",
        role: Role::Ours,
        timings: &[(Row::Allocations, |effort| {
            allocations::each(effort, async |members| {
                let group = task::Group::<()>::new(&Context::background()).limit(LIMIT);
                for _ in 0..members {
                    group.spawn(|_| async { ok(()) });
                }
                assert_eq!(group.wait().await.expect("nobody fails").len(), members);
            })
        })],
    },
    // What row 6 is measured against: the same run without anything to return.
    Contestant {
        name: "task::Group of row 5",
        role: Role::Floor,
        timings: &[(Row::OrderedTasks, |effort| members::tasks(effort, empty))],
    },
];

async fn empty(members: usize) {
    let group = task::Group::<()>::new(&Context::background());
    for _ in 0..members {
        group.spawn(|_| async { ok(()) });
    }
    assert_eq!(group.wait().await.expect("nobody fails").len(), members);
}
