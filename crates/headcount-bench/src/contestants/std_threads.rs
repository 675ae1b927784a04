//! `std::thread::scope`: a thread a member.
//!
//! A hundredth of the members are enough: each costs as much as a hundred of the others'.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::Effort;
use crate::timing::members::{self, LIMIT, all_there, in_order, sum, tiny};
use crate::timing::work::{self, twenty};

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "std::thread::scope",
        role: Role::Peer,
        timings: &[
            (Row::Threads, |effort| {
                members::closures(effort, fewer(effort), |members| {
                    thread::scope(|scope| {
                        for _ in 0..members {
                            scope.spawn(|| {});
                        }
                    });
                })
            }),
            (Row::OrderedThreads, |effort| {
                members::closures(effort, fewer(effort), |members| {
                    let values: Vec<u64> = thread::scope(|scope| {
                        let spawn = |number| scope.spawn(move || number);
                        let threads: Vec<_> = (0..members as u64).map(spawn).collect();
                        threads.into_iter().map(|thread| thread.join().expect("nobody fails")).collect()
                    });
                    in_order(members, values);
                })
            }),
        ],
    },
    // A thread for each core: the usual way to do the same for many by hand.
    Contestant {
        name: "scoped threads, shared index",
        role: Role::Peer,
        timings: &[(Row::Work, |effort| {
            work::spread(effort, |items| {
                let next = AtomicUsize::new(0);
                let share = || -> Vec<(usize, u64)> {
                    // Relaxed: only the number is handed out.
                    let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                    numbers
                        .take_while(|number| *number < items)
                        .map(|number| (number, twenty(number as u64)))
                        .collect()
                };
                let cores = thread::available_parallelism().map_or(1, usize::from);
                let mut values = thread::scope(|scope| {
                    let threads: Vec<_> = (0..cores).map(|_| scope.spawn(share)).collect();
                    let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("nobody fails");
                    threads.into_iter().flat_map(join).collect::<Vec<_>>()
                });
                values.sort_unstable_by_key(|(number, _)| *number);
                assert_eq!(values.len(), items);
            })
        })],
    },
    // As many threads as the limit allows, which share out the numbers among themselves.
    Contestant {
        name: "shared index",
        role: Role::Floor,
        timings: &[(Row::LimitedThreads, |effort| {
            members::closures(effort, effort.members, |members| {
                let next = AtomicUsize::new(0);
                let share = || {
                    // Relaxed: only the number is handed out.
                    let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                    sum(numbers.take_while(|number| *number < members).map(|number| tiny(number as u64)))
                };
                let total = thread::scope(|scope| {
                    let threads: Vec<_> = (0..LIMIT).map(|_| scope.spawn(share)).collect();
                    sum(threads.into_iter().map(|thread| thread.join().expect("nobody fails")))
                });
                all_there(members, total);
            })
        })],
    },
];

fn fewer(effort: Effort) -> usize {
    effort.members.div_ceil(100)
}
