//! Bare `tokio::spawn`, and the least that must stand beside it to know when all are over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::members::{self, LIMIT, all_there, in_order, tiny};
use crate::timing::wake_async::{Threads, runtime};
use crate::timing::work::{self, twenty};
use crate::timing::{allocations, resident};

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "tokio spawn + counter",
        role: Role::Floor,
        timings: &[(Row::Tasks, |effort| members::tasks(effort, empty))],
    },
    Contestant {
        name: "tokio spawn",
        role: Role::Floor,
        timings: &[
            (Row::Resident, |effort| {
                resident::bytes(effort, async |members, bell| {
                    for _ in 0..members {
                        tokio::spawn(resident::park(Arc::clone(&bell)));
                    }
                })
            }),
            (Row::Allocations, |effort| allocations::each(effort, empty)),
        ],
    },
    Contestant {
        name: "handles in a Vec",
        role: Role::Peer,
        timings: &[(Row::OrderedTasks, |effort| {
            members::tasks(effort, async |members| {
                let spawn = |number| tokio::spawn(async move { number });
                let handles: Vec<_> = (0..members as u64).map(spawn).collect();
                let mut values = Vec::with_capacity(members);
                for handle in handles {
                    values.push(handle.await.expect("nobody fails"));
                }
                in_order(members, values);
            })
        })],
    },
    Contestant {
        name: "tokio spawn, handles",
        role: Role::Peer,
        timings: &[(Row::Work, |effort| {
            work::spread(effort, |items| spread(items, |number| tokio::spawn(async move { twenty(number) })))
        })],
    },
    Contestant {
        name: "tokio spawn_blocking",
        role: Role::Peer,
        timings: &[(Row::Work, |effort| {
            work::spread(effort, |items| {
                spread(items, |number| tokio::task::spawn_blocking(move || twenty(number)))
            })
        })],
    },
    // No task a member: as many as the limit allows, which share out the numbers among themselves.
    Contestant {
        name: "shared index",
        role: Role::Floor,
        timings: &[(Row::LimitedTasks, |effort| {
            members::tasks(effort, async |members| {
                let next = Arc::new(AtomicUsize::new(0));
                let work = |_| tokio::spawn(share(Arc::clone(&next), members));
                let handles: Vec<_> = (0..LIMIT).map(work).collect();
                let mut sum = 0_u64;
                for handle in handles {
                    sum = sum.wrapping_add(handle.await.expect("nobody fails"));
                }
                all_there(members, sum);
            })
        })],
    },
];

/// The counter: one word, which the standard library calls a reference count. It rings when the last one lets go.
struct Counter(Arc<Notify>);

impl Drop for Counter {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn empty(members: usize) {
    let bell = Arc::new(Notify::new());
    let counter = Arc::new(Counter(Arc::clone(&bell)));
    for _ in 0..members {
        let counted = Arc::clone(&counter);
        tokio::spawn(async move { drop(counted) });
    }
    drop(counter);
    bell.notified().await;
}

async fn share(next: Arc<AtomicUsize>, members: usize) -> u64 {
    let mut sum = 0_u64;
    loop {
        // Relaxed: only the number is handed out.
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= members {
            return sum;
        }
        sum = sum.wrapping_add(tiny(number as u64));
    }
}

/// Launches a task for each of `items` by `spawn`, from one of the runtime's threads, and takes what they return in order.
fn spread(items: usize, spawn: impl Fn(u64) -> JoinHandle<u64> + Send + 'static) {
    let runtime = runtime(Threads::Many);
    let all = runtime.spawn(async move {
        let handles: Vec<_> = (0..items as u64).map(spawn).collect();
        let mut values = Vec::with_capacity(items);
        for handle in handles {
            values.push(handle.await.expect("nobody fails"));
        }
        values
    });
    assert_eq!(runtime.block_on(all).expect("nobody fails").len(), items);
}
