//! headcount's `task::map`: on the task that awaits it, and spawned over the workers.

use std::sync::Arc;

use headcount::{Context, ok, task};

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::members::{self, LIMIT, all_there, in_order, sum, tiny};
use crate::timing::{allocations, resident};

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "headcount task::map",
        role: Role::Ours,
        timings: &[
            (Row::Tasks, |effort| members::tasks(effort, empty)),
            (Row::OrderedTasks, |effort| {
                members::tasks(effort, async |members| {
                    let map = task::map(0..members as u64).context(&Context::background());
                    in_order(
                        members,
                        map.run(|_, number| async move { ok(number) }).await.expect("nobody fails"),
                    );
                })
            }),
            (Row::LimitedTasks, |effort| {
                members::tasks(effort, async |members| {
                    let map = task::map(0..members as u64).limit(LIMIT).as_finished();
                    let total = map.fold(0, |_, number| async move { ok(tiny(number)) }, u64::wrapping_add);
                    all_there(members, total.await.expect("nobody fails"));
                })
            }),
            (Row::Resident, |effort| {
                resident::bytes(effort, async |members, bell| {
                    let target = resident::parked() + members;
                    let map = task::map(0..members).limit(members);
                    let mut map = Box::pin(map.for_each(move |_, _| resident::park(Arc::clone(&bell))));
                    // Nobody else polls it. One poll polls a few, and wakes this task if there are more.
                    std::future::poll_fn(|cx| {
                        let _ = map.as_mut().poll(cx);
                        if resident::parked() < target {
                            std::task::Poll::Pending
                        } else {
                            std::task::Poll::Ready(())
                        }
                    })
                    .await;
                    // Kept as it is, not awaited.
                    Some(map)
                })
            }),
            (Row::Allocations, |effort| allocations::each(effort, empty)),
        ],
    },
    Contestant {
        name: "headcount map, spawned",
        role: Role::Ours,
        timings: &[
            (Row::OrderedTasks, |effort| {
                members::tasks(effort, async |members| {
                    let map = task::map(0..members as u64).spawned();
                    in_order(
                        members,
                        map.run(|_, number| async move { ok(number) }).await.expect("nobody fails"),
                    );
                })
            }),
            (Row::LimitedTasks, |effort| {
                members::tasks(effort, async |members| {
                    let map = task::map(0..members as u64).limit(LIMIT).spawned();
                    let values = map.run(|_, number| async move { ok(tiny(number)) });
                    all_there(members, sum(values.await.expect("nobody fails")));
                })
            }),
        ],
    },
    Contestant {
        name: "headcount map, streamed",
        role: Role::Ours,
        timings: &[(Row::LimitedTasks, |effort| {
            members::tasks(effort, async |members| {
                let map = task::map(0..members as u64).limit(LIMIT).spawned();
                let total = map.fold(0, |_, number| async move { ok(tiny(number)) }, u64::wrapping_add);
                all_there(members, total.await.expect("nobody fails"));
            })
        })],
    },
    // What row 6 is measured against: the same run without anything to return.
    Contestant {
        name: "task::map of row 5",
        role: Role::Floor,
        timings: &[(Row::OrderedTasks, |effort| members::tasks(effort, empty))],
    },
];

async fn empty(members: usize) {
    task::map(0..members).for_each(|_, _| async { ok(()) }).await.expect("nobody fails");
}
