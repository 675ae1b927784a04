//! The futures crate: many futures in one task, and streams that keep some of them going.
//!
//! Without a spawn everything happens on one thread, however many there are: a peer in what it does, not in how.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use futures::StreamExt;
use futures::stream::{self, FuturesOrdered, FuturesUnordered};

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::members::{self, LIMIT, all_there, in_order, tiny};
use crate::timing::{allocations, resident};

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "FuturesUnordered",
        role: Role::Peer,
        timings: &[
            (Row::Tasks, |effort| members::tasks(effort, empty)),
            (Row::Resident, |effort| {
                resident::bytes(effort, async |members, bell| {
                    let target = resident::parked() + members;
                    let park = |_| resident::park(Arc::clone(&bell));
                    let mut futures: FuturesUnordered<_> = (0..members).map(park).collect();
                    // Nobody else polls them. One poll polls a few, and wakes this task if there are more.
                    poll_fn(|cx| {
                        let _ = futures.poll_next_unpin(cx);
                        if resident::parked() < target { Poll::Pending } else { Poll::Ready(()) }
                    })
                    .await;
                    futures
                })
            }),
            (Row::Allocations, |effort| allocations::each(effort, empty)),
        ],
    },
    Contestant {
        name: "FuturesOrdered",
        role: Role::Peer,
        timings: &[(Row::OrderedTasks, |effort| {
            members::tasks(effort, async |members| {
                let futures: FuturesOrdered<_> =
                    (0..members as u64).map(|number| async move { number }).collect();
                in_order(members, futures.collect::<Vec<_>>().await);
            })
        })],
    },
    Contestant {
        name: "buffer_unordered",
        role: Role::Peer,
        timings: &[(Row::LimitedTasks, |effort| {
            members::tasks(effort, async |members| {
                let futures = (0..members as u64).map(|number| async move { tiny(number) });
                let values = stream::iter(futures).buffer_unordered(LIMIT);
                all_there(members, values.fold(0, async |sum: u64, value| sum.wrapping_add(value)).await);
            })
        })],
    },
    Contestant {
        name: "buffer_unordered + spawn",
        role: Role::Peer,
        timings: &[(Row::LimitedTasks, |effort| {
            members::tasks(effort, async |members| {
                let spawn = |number| tokio::spawn(async move { tiny(number) });
                let joined = stream::iter((0..members as u64).map(spawn)).buffer_unordered(LIMIT);
                let add =
                    async |sum: u64, joined: Result<u64, _>| sum.wrapping_add(joined.expect("nobody fails"));
                all_there(members, joined.fold(0, add).await);
            })
        })],
    },
];

async fn empty(members: usize) {
    let futures: FuturesUnordered<_> = (0..members).map(|_| async {}).collect();
    assert_eq!(futures.count().await, members);
}
