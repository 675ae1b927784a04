//! Items through three stages of two workers each, from a source to a sink, each hand-off bounded.
//!
//! A stage adds one to each item, so that the hand-offs are all there is to time. The source is a worker of its own and the
//! sink is the caller. Contestants that have channels and no pipelines bring a channel; the pipeline around it is here, closed
//! the way one closes such a thing by hand: the last sender of each channel is dropped.

use std::thread;

use super::members;
use super::{Effort, Sample};

/// How many items lie between two stages at most.
pub(crate) const ROOM: usize = 1024;
pub(crate) const STAGES: usize = 3;
pub(crate) const WORKERS: usize = 2;

/// Nanoseconds an item, for one that runs on threads. `run` takes so many items through and gives their sum.
pub(crate) fn threads(effort: Effort, run: impl Fn(u64) -> u64) -> Sample {
    members::closures(effort, effort.members, |items| checked(items, run(items as u64)))
}

/// The same on tokio, from a task.
pub(crate) fn tasks<F: Future<Output = u64> + Send + 'static>(
    effort: Effort,
    run: impl Fn(u64) -> F,
) -> Sample {
    members::tasks(effort, |items| {
        let run = run(items as u64);
        async move { checked(items, run.await) }
    })
}

fn checked(items: usize, sum: u64) {
    let items = items as u64;
    assert_eq!(sum, items * (items - 1) / 2 + items * STAGES as u64, "items are missing");
}

/// A bounded channel whose ends threads share by cloning.
pub(crate) trait Channel {
    type Sender: Clone + Send;
    type Receiver: Clone + Send;
    fn bounded(room: usize) -> (Self::Sender, Self::Receiver);
    fn send(sender: &Self::Sender, item: u64);
    fn recv(receiver: &Self::Receiver) -> Option<u64>;
}

/// A pipeline upon such a channel.
pub(crate) fn through<C: Channel>(items: u64) -> u64 {
    thread::scope(|scope| {
        let (first, mut input) = C::bounded(ROOM);
        scope.spawn(move || (0..items).for_each(|item| C::send(&first, item)));
        for _ in 0..STAGES {
            let (sender, receiver) = C::bounded(ROOM);
            for _ in 0..WORKERS {
                let (from, to) = (input.clone(), sender.clone());
                scope.spawn(move || {
                    while let Some(item) = C::recv(&from) {
                        C::send(&to, item + 1);
                    }
                });
            }
            input = receiver;
        }
        let mut sum = 0;
        while let Some(item) = C::recv(&input) {
            sum += item;
        }
        sum
    })
}

/// The same for tasks.
pub(crate) trait AsyncChannel {
    type Sender: Clone + Send + Sync + 'static;
    type Receiver: Clone + Send + Sync + 'static;
    fn bounded(room: usize) -> (Self::Sender, Self::Receiver);
    fn send(sender: &Self::Sender, item: u64) -> impl Future<Output = ()> + Send;
    fn recv(receiver: &Self::Receiver) -> impl Future<Output = Option<u64>> + Send;
}

/// A pipeline upon such a channel.
pub(crate) async fn through_async<C: AsyncChannel>(items: u64) -> u64 {
    let (first, mut input) = C::bounded(ROOM);
    tokio::spawn(async move {
        for item in 0..items {
            C::send(&first, item).await;
        }
    });
    for _ in 0..STAGES {
        let (sender, receiver) = C::bounded(ROOM);
        for _ in 0..WORKERS {
            let (from, to) = (input.clone(), sender.clone());
            tokio::spawn(async move {
                while let Some(item) = C::recv(&from).await {
                    C::send(&to, item + 1).await;
                }
            });
        }
        input = receiver;
    }
    let mut sum = 0;
    while let Some(item) = C::recv(&input).await {
        sum += item;
    }
    sum
}
