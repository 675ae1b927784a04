//! awaitgroup: workers of one group, awaited by its one owner.
//!
//! It counts down with a relaxed operation, so unlike everybody else it does not promise that the waiter sees what the
//! workers did. There is no blocking wait.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Waker};

use awaitgroup::{WaitGroup, Worker};

use super::{Contestant, Role};
use crate::block_on::block_on;
use crate::row::Row;
use crate::timing::wake_async::{self, Awaited, Threads};
use crate::timing::{Effort, Sample, contended, one_thread};

pub(super) const CONTESTANTS: &[Contestant] = &[Contestant {
    name: "awaitgroup",
    role: Role::Peer,
    timings: &[
        (Row::FromZero, |effort| {
            let group = WaitGroup::new();
            one_thread::alone(effort, || black_box(group.worker()).done())
        }),
        (Row::Beside, |effort| {
            let group = WaitGroup::new();
            let _kept = group.worker();
            one_thread::alone(effort, || black_box(group.worker()).done())
        }),
        // The wait borrows the group, so while it lasts new workers are cloned from an old one.
        (Row::Waited, |effort| {
            let mut group = WaitGroup::new();
            let kept = group.worker();
            let wait = move || block_on(group.wait());
            one_thread::while_waited(effort, kept, wait, |kept| black_box(kept.clone()).done())
        }),
        (Row::TwoThreads, |effort| contend(effort, 2)),
        (Row::FourThreads, |effort| contend(effort, 4)),
        (Row::AtZero, |effort| {
            let mut group = WaitGroup::new();
            let mut context = Context::from_waker(Waker::noop());
            one_thread::alone(effort, || assert!(pin!(group.wait()).poll(&mut context).is_ready()))
        }),
        (Row::AsyncOne, |effort| wake_async::there_and_back::<Owner>(effort, Threads::One)),
        (Row::AsyncMany, |effort| wake_async::there_and_back::<Owner>(effort, Threads::Many)),
    ],
}];

fn contend(effort: Effort, threads: usize) -> Sample {
    let group = WaitGroup::new();
    let _kept = group.worker();
    contended::threads(effort, threads, |_| black_box(group.worker()).done())
}

struct Owner(WaitGroup);

impl Awaited for Owner {
    type Member = Worker;
    fn new() -> Self {
        Owner(WaitGroup::new())
    }
    fn add(&mut self) -> Worker {
        self.0.worker()
    }
    fn wait(&mut self) -> impl Future<Output = ()> + Send {
        self.0.wait()
    }
}
