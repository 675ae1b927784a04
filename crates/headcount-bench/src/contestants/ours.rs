//! headcount: `WaitGroup` with its tokens, and `raw::WaitGroup` with a bare count.
//!
//! A raw group counts for whoever can reach it, so where its members go to another thread they hold an `Arc`, as a port
//! from Go would; in the rows that only count it is reached by reference.

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use headcount::{Token, WaitGroup, raw};

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::wake::{self, Blocking};
use crate::timing::wake_async::{self, Awaited, Threads};
use crate::timing::{Effort, Sample, contended, one_thread};

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "headcount",
        role: Role::Ours,
        timings: &[
            (Row::FromZero, |effort| {
                let group = WaitGroup::new();
                one_thread::alone(effort, || drop(black_box(group.add())))
            }),
            (Row::Beside, |effort| {
                let group = WaitGroup::new();
                let _kept = group.add();
                one_thread::alone(effort, || drop(black_box(group.add())))
            }),
            (Row::Waited, |effort| {
                let group = WaitGroup::new();
                let wait = || group.wait();
                one_thread::while_waited(effort, group.add(), wait, |_| drop(black_box(group.add())))
            }),
            (Row::TwoThreads, |effort| contend(effort, 2)),
            (Row::FourThreads, |effort| contend(effort, 4)),
            (Row::AtZero, |effort| {
                let group = WaitGroup::new();
                one_thread::alone(effort, || group.wait())
            }),
            (Row::WakeTwoCores, |effort| wake::there_and_back::<WaitGroup>(effort, wake::ASLEEP)),
            (Row::WakeOneCore, |effort| wake::there_and_back::<WaitGroup>(effort, wake::ONE_CORE)),
            (Row::WakeSoon, |effort| wake::there_and_back::<WaitGroup>(effort, wake::SOON)),
            (Row::AsyncOne, |effort| wake_async::there_and_back::<WaitGroup>(effort, Threads::One)),
            (Row::AsyncMany, |effort| wake_async::there_and_back::<WaitGroup>(effort, Threads::Many)),
        ],
    },
    Contestant {
        name: "headcount raw",
        role: Role::Ours,
        timings: &[
            (Row::FromZero, |effort| {
                let group = raw::WaitGroup::new();
                one_thread::alone(effort, || raw_pair(&group))
            }),
            (Row::Beside, |effort| {
                let group = raw::WaitGroup::new();
                group.add(1);
                one_thread::alone(effort, || raw_pair(&group))
            }),
            (Row::Waited, |effort| {
                let group = Arc::new(raw::WaitGroup::new());
                let wait = || group.wait();
                one_thread::while_waited(effort, RawMember::add(&group), wait, |_| raw_pair(&group))
            }),
            (Row::TwoThreads, |effort| raw_contend(effort, 2)),
            (Row::FourThreads, |effort| raw_contend(effort, 4)),
            (Row::AtZero, |effort| {
                let group = raw::WaitGroup::new();
                one_thread::alone(effort, || group.wait())
            }),
            (Row::WakeTwoCores, |effort| wake::there_and_back::<Raw>(effort, wake::ASLEEP)),
            (Row::WakeOneCore, |effort| wake::there_and_back::<Raw>(effort, wake::ONE_CORE)),
            (Row::WakeSoon, |effort| wake::there_and_back::<Raw>(effort, wake::SOON)),
            (Row::AsyncOne, |effort| wake_async::there_and_back::<Raw>(effort, Threads::One)),
            (Row::AsyncMany, |effort| wake_async::there_and_back::<Raw>(effort, Threads::Many)),
        ],
    },
    // The async wait at zero, polled once: what a task pays to find out that it need not wait.
    Contestant {
        name: "headcount wait_async",
        role: Role::Ours,
        timings: &[(Row::AtZero, |effort| {
            let group = WaitGroup::new();
            let mut context = Context::from_waker(Waker::noop());
            one_thread::alone(effort, || assert!(pin!(group.wait_async()).poll(&mut context).is_ready()))
        })],
    },
];

fn contend(effort: Effort, threads: usize) -> Sample {
    let group = WaitGroup::new();
    let _kept = group.add();
    contended::threads(effort, threads, |_| drop(black_box(group.add())))
}

fn raw_contend(effort: Effort, threads: usize) -> Sample {
    let group = raw::WaitGroup::new();
    group.add(1);
    contended::threads(effort, threads, |_| raw_pair(&group))
}

fn raw_pair(group: &raw::WaitGroup) {
    group.add(1);
    black_box(group).done();
}

impl Blocking for WaitGroup {
    type Member = Token;
    fn new() -> Self {
        WaitGroup::new()
    }
    fn add(&mut self) -> Token {
        WaitGroup::add(self)
    }
    fn wait(&mut self) {
        WaitGroup::wait(self);
    }
}

impl Awaited for WaitGroup {
    type Member = Token;
    fn new() -> Self {
        WaitGroup::new()
    }
    fn add(&mut self) -> Token {
        WaitGroup::add(self)
    }
    fn wait(&mut self) -> impl Future<Output = ()> + Send {
        self.wait_async()
    }
}

struct Raw(Arc<raw::WaitGroup>);

/// Done when dropped.
struct RawMember(Arc<raw::WaitGroup>);

impl RawMember {
    fn add(group: &Arc<raw::WaitGroup>) -> RawMember {
        group.add(1);
        RawMember(Arc::clone(group))
    }
}

impl Drop for RawMember {
    fn drop(&mut self) {
        self.0.done();
    }
}

impl Blocking for Raw {
    type Member = RawMember;
    fn new() -> Self {
        Raw(Arc::default())
    }
    fn add(&mut self) -> RawMember {
        RawMember::add(&self.0)
    }
    fn wait(&mut self) {
        self.0.wait();
    }
}

impl Awaited for Raw {
    type Member = RawMember;
    fn new() -> Self {
        Raw(Arc::default())
    }
    fn add(&mut self) -> RawMember {
        RawMember::add(&self.0)
    }
    fn wait(&mut self) -> impl Future<Output = ()> + Send {
        self.0.wait_async()
    }
}
