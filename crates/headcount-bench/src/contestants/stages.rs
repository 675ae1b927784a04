//! Pipelines: headcount's, and those that one builds of channels.
//!
//! kanal, crossbeam-channel and flume have many receivers; of tokio's there is one, which the workers of a stage share
//! under a lock, as its documentation advises.

use std::sync::Arc;

use headcount::{Context, GroupError, OnThreads, Pipeline, ok};
use tokio::sync::{Mutex, mpsc};

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::stages::{self, AsyncChannel, Channel, ROOM, STAGES, WORKERS, through, through_async};

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "headcount Pipeline",
        role: Role::Ours,
        timings: &[(Row::Stages, |effort| {
            stages::threads(effort, |items| {
                let run = pipeline(items).run_fold(&Context::background(), 0, |sum, item| sum + item);
                nobody_fails(run)
            })
        })],
    },
    Contestant {
        name: "headcount Pipeline, tasks",
        role: Role::Ours,
        timings: &[(Row::Stages, |effort| {
            stages::tasks(effort, |items| async move {
                let run = pipeline(items).run_fold_async(&Context::background(), 0, |sum, item| sum + item);
                nobody_fails(run.await)
            })
        })],
    },
    Contestant {
        name: "batches of 64",
        role: Role::Floor,
        timings: &[(Row::Stages, |effort| stages::threads(effort, batches))],
    },
    Contestant {
        name: "kanal",
        role: Role::Peer,
        timings: &[(Row::Stages, |effort| stages::threads(effort, through::<Kanal>))],
    },
    Contestant {
        name: "kanal async",
        role: Role::Peer,
        timings: &[(Row::Stages, |effort| stages::tasks(effort, through_async::<Kanal>))],
    },
    Contestant {
        name: "crossbeam-channel",
        role: Role::Peer,
        timings: &[(Row::Stages, |effort| stages::threads(effort, through::<Crossbeam>))],
    },
    Contestant {
        name: "flume",
        role: Role::Peer,
        timings: &[(Row::Stages, |effort| stages::threads(effort, through::<Flume>))],
    },
    Contestant {
        name: "tokio mpsc",
        role: Role::Peer,
        timings: &[(Row::Stages, |effort| stages::tasks(effort, through_async::<Tokio>))],
    },
];

/// With the room that it has by itself: how much that is belongs to what is timed.
fn pipeline(items: u64) -> Pipeline<impl OnThreads<Item = u64> + 'static> {
    Pipeline::source(0..items)
        .stage("one", WORKERS, |_, item| ok(item + 1))
        .stage("two", WORKERS, |_, item| ok(item + 1))
        .stage("three", WORKERS, |_, item| ok(item + 1))
}

fn nobody_fails(sum: Result<u64, GroupError>) -> u64 {
    sum.expect("nobody fails")
}

/// What the hand-off costs when all of it is done sixty-four items at a time, and nobody minds how long an item waits.
fn batches(items: u64) -> u64 {
    const BATCH: u64 = 64;
    std::thread::scope(|scope| {
        let (first, mut input) = crossbeam_channel::bounded::<Vec<u64>>(ROOM / BATCH as usize);
        scope.spawn(move || {
            for from in (0..items).step_by(BATCH as usize) {
                first.send((from..items.min(from + BATCH)).collect()).expect("somebody receives");
            }
        });
        for _ in 0..STAGES {
            let (sender, receiver) = crossbeam_channel::bounded::<Vec<u64>>(ROOM / BATCH as usize);
            for _ in 0..WORKERS {
                let (from, to) = (input.clone(), sender.clone());
                scope.spawn(move || {
                    for mut batch in from {
                        batch.iter_mut().for_each(|item| *item += 1);
                        to.send(batch).expect("somebody receives");
                    }
                });
            }
            input = receiver;
        }
        input.iter().map(|batch| batch.iter().sum::<u64>()).sum()
    })
}

struct Kanal;

impl Channel for Kanal {
    type Sender = kanal::Sender<u64>;
    type Receiver = kanal::Receiver<u64>;
    fn bounded(room: usize) -> (Self::Sender, Self::Receiver) {
        kanal::bounded(room)
    }
    fn send(sender: &Self::Sender, item: u64) {
        sender.send(item).expect("somebody receives");
    }
    fn recv(receiver: &Self::Receiver) -> Option<u64> {
        receiver.recv().ok()
    }
}

impl AsyncChannel for Kanal {
    type Sender = kanal::AsyncSender<u64>;
    type Receiver = kanal::AsyncReceiver<u64>;
    fn bounded(room: usize) -> (Self::Sender, Self::Receiver) {
        kanal::bounded_async(room)
    }
    async fn send(sender: &Self::Sender, item: u64) {
        sender.send(item).await.expect("somebody receives");
    }
    async fn recv(receiver: &Self::Receiver) -> Option<u64> {
        receiver.recv().await.ok()
    }
}

struct Crossbeam;

impl Channel for Crossbeam {
    type Sender = crossbeam_channel::Sender<u64>;
    type Receiver = crossbeam_channel::Receiver<u64>;
    fn bounded(room: usize) -> (Self::Sender, Self::Receiver) {
        crossbeam_channel::bounded(room)
    }
    fn send(sender: &Self::Sender, item: u64) {
        sender.send(item).expect("somebody receives");
    }
    fn recv(receiver: &Self::Receiver) -> Option<u64> {
        receiver.recv().ok()
    }
}

struct Flume;

impl Channel for Flume {
    type Sender = flume::Sender<u64>;
    type Receiver = flume::Receiver<u64>;
    fn bounded(room: usize) -> (Self::Sender, Self::Receiver) {
        flume::bounded(room)
    }
    fn send(sender: &Self::Sender, item: u64) {
        sender.send(item).expect("somebody receives");
    }
    fn recv(receiver: &Self::Receiver) -> Option<u64> {
        receiver.recv().ok()
    }
}

struct Tokio;

impl AsyncChannel for Tokio {
    type Sender = mpsc::Sender<u64>;
    type Receiver = Arc<Mutex<mpsc::Receiver<u64>>>;
    fn bounded(room: usize) -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = mpsc::channel(room);
        (sender, Arc::new(Mutex::new(receiver)))
    }
    async fn send(sender: &Self::Sender, item: u64) {
        sender.send(item).await.expect("somebody receives");
    }
    async fn recv(receiver: &Self::Receiver) -> Option<u64> {
        receiver.lock().await.recv().await
    }
}
