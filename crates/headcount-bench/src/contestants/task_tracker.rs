//! tokio-util `TaskTracker`: counts tokens, and can be awaited once it is closed.
//!
//! It is left open where nobody waits, as while tasks are being launched, and closed where somebody does. There is no
//! blocking wait.

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{Contestant, Role};
use crate::block_on::block_on;
use crate::row::Row;
use crate::timing::wake_async::{self, Awaited, Threads};
use crate::timing::{Effort, Sample, allocations, contended, members, one_thread, resident};

pub(super) const CONTESTANTS: &[Contestant] = &[Contestant {
    name: "TaskTracker",
    role: Role::Peer,
    timings: &[
        (Row::FromZero, |effort| {
            let group = TaskTracker::new();
            one_thread::alone(effort, || drop(black_box(group.token())))
        }),
        (Row::Beside, |effort| {
            let group = TaskTracker::new();
            let _kept = group.token();
            one_thread::alone(effort, || drop(black_box(group.token())))
        }),
        (Row::Waited, |effort| {
            let group = TaskTracker::new();
            group.close();
            let wait = || block_on(group.wait());
            one_thread::while_waited(effort, group.token(), wait, |_| drop(black_box(group.token())))
        }),
        (Row::TwoThreads, |effort| contend(effort, 2)),
        (Row::FourThreads, |effort| contend(effort, 4)),
        (Row::AtZero, |effort| {
            let group = TaskTracker::new();
            group.close();
            let mut context = Context::from_waker(Waker::noop());
            one_thread::alone(effort, || assert!(pin!(group.wait()).poll(&mut context).is_ready()))
        }),
        (Row::AsyncOne, |effort| wake_async::there_and_back::<Tracker>(effort, Threads::One)),
        (Row::AsyncMany, |effort| wake_async::there_and_back::<Tracker>(effort, Threads::Many)),
        (Row::Tasks, |effort| members::tasks(effort, empty)),
        (Row::Allocations, |effort| allocations::each(effort, empty)),
        (Row::Resident, |effort| {
            resident::bytes(effort, async |members, bell| {
                let group = TaskTracker::new();
                for _ in 0..members {
                    group.spawn(resident::park(Arc::clone(&bell)));
                }
                group
            })
        }),
    ],
}];

fn contend(effort: Effort, threads: usize) -> Sample {
    let group = TaskTracker::new();
    let _kept = group.token();
    contended::threads(effort, threads, |_| drop(black_box(group.token())))
}

async fn empty(members: usize) {
    let group = TaskTracker::new();
    for _ in 0..members {
        group.spawn(async {});
    }
    group.close();
    group.wait().await;
}

struct Tracker(TaskTracker);

impl Awaited for Tracker {
    type Member = TaskTrackerToken;
    fn new() -> Self {
        let group = TaskTracker::new();
        group.close();
        Tracker(group)
    }
    fn add(&mut self) -> TaskTrackerToken {
        self.0.token()
    }
    fn wait(&mut self) -> impl Future<Output = ()> + Send {
        self.0.wait()
    }
}
