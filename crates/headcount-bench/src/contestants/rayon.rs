//! rayon: a scope whose members may borrow, on a pool with a thread for each core.
//!
//! It has no limit other than the size of its pool, which leaves it out of row 7.

use std::hint::black_box;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::members::{self, in_order};
use crate::timing::work::{self, ten, twenty};

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "rayon scope",
        role: Role::Peer,
        timings: &[(Row::Threads, |effort| {
            members::closures(effort, effort.members, |members| {
                rayon::scope(|scope| {
                    for _ in 0..members {
                        scope.spawn(|_| {});
                    }
                });
            })
        })],
    },
    Contestant {
        name: "rayon slots",
        role: Role::Peer,
        timings: &[(Row::OrderedThreads, |effort| {
            members::closures(effort, effort.members, |members| {
                let mut slots = vec![0; members];
                rayon::scope(|scope| {
                    for (number, slot) in slots.iter_mut().enumerate() {
                        scope.spawn(move |_| *slot = number as u64);
                    }
                });
                in_order(members, slots);
            })
        })],
    },
    // No closure a member: the range is cut into a few pieces.
    Contestant {
        name: "rayon par_iter",
        role: Role::Floor,
        timings: &[
            (Row::OrderedThreads, |effort| {
                members::closures(effort, effort.members, |members| {
                    let values: Vec<u64> = (0..members as u64).into_par_iter().map(black_box).collect();
                    in_order(members, values);
                })
            }),
            (Row::Work, |effort| {
                work::spread(effort, |items| {
                    let values: Vec<u64> = (0..items as u64).into_par_iter().map(twenty).collect();
                    assert_eq!(values.len(), items);
                })
            }),
            (Row::TinyWork, |effort| {
                members::closures(effort, effort.members, |members| {
                    let values: Vec<u64> = (0..members as u64).into_par_iter().map(ten).collect();
                    assert_eq!(values.len(), members);
                })
            }),
        ],
    },
];
