//! crossbeam-utils `WaitGroup`: a handle is a member, and waiting consumes one.
//!
//! Its count never passes through zero while somebody holds the group, so it has no row 1 from zero. There is no async
//! wait. A group serves one wait, so in the rows that wait again and again a new one is made each time: untimed in the
//! rows that wake, part of the price in row 3.

use std::hint::black_box;
use std::mem;

use crossbeam_utils::sync::WaitGroup;

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::wake::{self, Blocking};
use crate::timing::{Effort, Sample, contended, one_thread};

pub(super) const CONTESTANTS: &[Contestant] = &[Contestant {
    name: "crossbeam-utils",
    role: Role::Peer,
    timings: &[
        (Row::Beside, |effort| {
            let group = WaitGroup::new();
            one_thread::alone(effort, || drop(black_box(group.clone())))
        }),
        (Row::Waited, |effort| {
            let kept = WaitGroup::new();
            let waiting = kept.clone();
            one_thread::while_waited(effort, kept, || waiting.wait(), |kept| drop(black_box(kept.clone())))
        }),
        (Row::TwoThreads, |effort| contend(effort, 2)),
        (Row::FourThreads, |effort| contend(effort, 4)),
        (Row::AtZero, |effort| one_thread::alone(effort, || WaitGroup::new().wait())),
        (Row::WakeTwoCores, |effort| wake::there_and_back::<Group>(effort, wake::ASLEEP)),
        (Row::WakeOneCore, |effort| wake::there_and_back::<Group>(effort, wake::ONE_CORE)),
        (Row::WakeSoon, |effort| wake::there_and_back::<Group>(effort, wake::SOON)),
    ],
}];

fn contend(effort: Effort, threads: usize) -> Sample {
    let group = WaitGroup::new();
    contended::threads(effort, threads, |_| drop(black_box(group.clone())))
}

#[derive(Default)]
struct Group(WaitGroup);

impl Blocking for Group {
    type Member = WaitGroup;
    fn new() -> Self {
        Group::default()
    }
    fn add(&mut self) -> WaitGroup {
        self.0.clone()
    }
    fn wait(&mut self) {
        mem::take(&mut self.0).wait();
    }
}
