//! tokio `JoinSet`: gives what its tasks return as they end.
//!
//! It has no order and no limit of its own. Order is restored by returning the task's number and sorting into slots; the
//! limit is a semaphore, whose permit is waited for before a task is launched and goes with it.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::members::{self, LIMIT, all_there, in_order, tiny};
use crate::timing::{allocations, resident};

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "JoinSet",
        role: Role::Peer,
        timings: &[
            (Row::Tasks, |effort| members::tasks(effort, empty)),
            (Row::OrderedTasks, |effort| {
                members::tasks(effort, async |members| {
                    let mut set = JoinSet::new();
                    for number in 0..members as u64 {
                        set.spawn(async move { (number, number) });
                    }
                    let mut slots: Vec<Option<u64>> = vec![None; members];
                    while let Some(joined) = set.join_next().await {
                        let (number, value) = joined.expect("nobody fails");
                        slots[number as usize] = Some(value);
                    }
                    in_order(members, slots.into_iter().flatten());
                })
            }),
            (Row::Resident, |effort| {
                resident::bytes(effort, async |members, bell| {
                    let mut set = JoinSet::new();
                    for _ in 0..members {
                        set.spawn(resident::park(Arc::clone(&bell)));
                    }
                    set
                })
            }),
            (Row::Allocations, |effort| allocations::each(effort, empty)),
        ],
    },
    Contestant {
        name: "JoinSet + Semaphore",
        role: Role::Peer,
        timings: &[(Row::LimitedTasks, |effort| {
            members::tasks(effort, async |members| {
                let room = Arc::new(Semaphore::new(LIMIT));
                let mut set = JoinSet::new();
                for number in 0..members as u64 {
                    let permit = Arc::clone(&room).acquire_owned().await.expect("it is never closed");
                    set.spawn(async move {
                        let _permit = permit;
                        tiny(number)
                    });
                }
                let mut sum = 0_u64;
                while let Some(joined) = set.join_next().await {
                    sum = sum.wrapping_add(joined.expect("nobody fails"));
                }
                all_there(members, sum);
            })
        })],
    },
];

async fn empty(members: usize) {
    let mut set = JoinSet::new();
    for _ in 0..members {
        set.spawn(async {});
    }
    let mut joined = 0;
    while let Some(one) = set.join_next().await {
        one.expect("nobody fails");
        joined += 1;
    }
    assert_eq!(joined, members);
}
