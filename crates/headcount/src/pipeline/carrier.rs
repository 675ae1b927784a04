//! What carries a worker: a thread, or a task. The worker's code is written once, as a future.
//!
//! On a thread everything that such a future waits for blocks, so that it is over the first time it is polled ([`at_once`]).
//! On a task it is polled as futures are.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};

use super::seat::Seat;
use crate::who::pending::Mark;
use crate::who::threads::{Pause, pause};

/// A thread or a task.
pub trait Carrier: 'static {
    /// Until the seat is called.
    #[doc(hidden)]
    fn sit(seat: &Seat) -> impl Future<Output = ()> + Send;

    /// Gives way for a moment to those who may have something for this worker; false if that was tried often enough.
    #[doc(hidden)]
    fn linger(times: u32) -> impl Future<Output = bool> + Send;

    /// Lets others run, after having run for a while.
    #[doc(hidden)]
    fn breathe() -> impl Future<Output = ()> + Send;
}

/// A thread, which may be blocked.
#[derive(Debug)]
pub(super) struct Thread;

/// How often a thread gives way before it sleeps. Falling asleep and being woken costs both sides microseconds; giving way
/// costs a fraction of one and lets those run who share its core.
const TIMES: u32 = 4;

impl Carrier for Thread {
    async fn sit(seat: &Seat) {
        let _pausing = pause(Pause::HandOff);
        seat.wait();
    }

    async fn linger(times: u32) -> bool {
        if cfg!(any(loom, shuttle)) || times >= TIMES {
            return false;
        }
        std::thread::yield_now();
        true
    }

    async fn breathe() {}
}

/// A task, which must not block.
#[derive(Debug)]
pub(super) struct Task;

impl Carrier for Task {
    async fn sit(seat: &Seat) {
        let mut mark = Mark::default();
        poll_fn(|cx| {
            let polled = seat.poll(cx);
            if polled.is_pending() {
                mark.says(Pause::HandOff);
            }
            polled
        })
        .await;
    }

    async fn linger(times: u32) -> bool {
        if times > 0 {
            return false;
        }
        give_way().await;
        true
    }

    async fn breathe() {
        give_way().await;
    }
}

async fn give_way() {
    let mut given = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The output of a future that a [`Thread`] carries.
pub(super) fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("what a thread waits for blocks it"),
    }
}
