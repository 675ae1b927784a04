//! Groups of tasks: one module for each family of promises.
//!
//! Most run on [`Hand`], an executor that runs nothing by itself: the test says who is polled next, and a group that could
//! not go on is found at once, not after a time. What needs a clock runs on Tokio with its time paused ([`paused`]).
#![expect(clippy::unit_arg, reason = "`ok(gate.pass().await)` says all that most members here do")]

mod cancelling;
mod destructors;
mod errors;
mod leaks;
mod limits;
mod nesting;
mod panics;
mod policies;
mod results;
mod roll_call;
mod streams;
mod submit;
mod waiting;

#[cfg(feature = "tokio")]
mod by_hand;
#[cfg(feature = "tokio")]
mod cycles;
#[cfg(feature = "tokio")]
mod dropping;
#[cfg(feature = "tokio")]
mod grace;
#[cfg(feature = "tokio")]
mod grid;
#[cfg(feature = "tokio")]
mod runtimes;
mod scope_ends;
#[cfg(feature = "tokio")]
mod scopes;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context as TaskContext, Poll, Wake, Waker};

use ::tokio::sync::Semaphore;
use headcount::task::{BoxTask, Group, Spawn};
use headcount::{BoxError, Context, Policy};

#[cfg(feature = "tokio")]
use crate::within;

/// An executor that runs nothing by itself.
#[derive(Clone, Default)]
struct Hand(Arc<Tasks>);

#[derive(Default)]
struct Tasks {
    ready: Mutex<VecDeque<Arc<Task>>>,
    all: Mutex<Vec<Weak<Task>>>,
}

struct Task {
    future: Mutex<Option<BoxTask>>,
    queued: AtomicBool,
    home: Weak<Tasks>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let Some(home) = self.home.upgrade() else { return };
        if !self.queued.swap(true, SeqCst) {
            home.ready.lock().unwrap().push_back(self);
        }
    }
}

impl Spawn for Hand {
    fn spawn(&self, task: BoxTask) {
        let home = Arc::downgrade(&self.0);
        let task = Arc::new(Task { future: Mutex::new(Some(task)), queued: AtomicBool::new(true), home });
        self.0.all.lock().unwrap().push(Arc::downgrade(&task));
        self.0.ready.lock().unwrap().push_back(task);
    }
}

impl Hand {
    fn new() -> Self {
        Self::default()
    }

    /// A group of the default policy that runs here.
    fn group<T: Send + 'static>(&self) -> Group<T> {
        Group::new(&Context::background()).on(self.clone())
    }

    /// A group of another policy that runs here.
    fn policed<T, P>(&self, policy: P) -> Group<T, BoxError, P>
    where
        T: Send + 'static,
        P: Policy<T, BoxError> + 'static,
    {
        Group::with_policy(&Context::background(), policy).on(self.clone())
    }

    fn ready(&self) -> usize {
        self.0.ready.lock().unwrap().len()
    }

    /// Polls the task that is the `nth` of those that are ready; false if there are not so many.
    fn step(&self, nth: usize) -> bool {
        let Some(task) = self.0.ready.lock().unwrap().remove(nth) else { return false };
        task.queued.store(false, SeqCst);
        let mut future = task.future.lock().unwrap();
        let waker = Waker::from(Arc::clone(&task));
        let over = future
            .as_mut()
            .is_none_or(|future| future.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_ready());
        if over {
            *future = None;
        }
        true
    }

    /// Runs until nobody is ready.
    fn run(&self) {
        while self.step(0) {}
    }

    /// Runs until `future` is ready; fails if that can never be.
    #[track_caller]
    fn finish<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let alarm = Arc::new(Alarm::default());
        let waker = Waker::from(Arc::clone(&alarm));
        loop {
            alarm.0.store(false, SeqCst);
            if let Poll::Ready(output) = future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
                return output;
            }
            self.run();
            assert!(alarm.0.load(SeqCst), "nobody can go on, and the future is not ready");
        }
    }

    /// Drops all tasks where they stand, as a runtime that shuts down does.
    fn drop_tasks(&self) {
        self.0.ready.lock().unwrap().clear();
        let all = std::mem::take(&mut *self.0.all.lock().unwrap());
        for task in all.iter().filter_map(Weak::upgrade) {
            let future = task.future.lock().unwrap().take();
            drop(future);
        }
        self.0.ready.lock().unwrap().clear();
    }
}

#[derive(Default)]
struct Alarm(AtomicBool);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// Polls once, with a waker that does nothing.
fn poll_once<F: Future + ?Sized>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

/// Something to wait at: closed until it is opened.
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

impl Gate {
    fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets everybody pass, now and later.
    fn open(&self) {
        self.0.add_permits(1 << 20);
    }

    /// Lets one pass.
    fn open_for_one(&self) {
        self.0.add_permits(1);
    }

    async fn pass(&self) {
        self.0.acquire().await.unwrap().forget();
    }
}

/// Counts what is alive of it.
#[derive(Clone)]
struct Census(Arc<AtomicUsize>);

impl Census {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn one(&self) -> Counted {
        self.0.fetch_add(1, SeqCst);
        Counted(Arc::clone(&self.0))
    }

    fn alive(&self) -> usize {
        self.0.load(SeqCst)
    }
}

#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("counted")
    }
}

impl std::error::Error for Counted {}

/// How many are inside at once, and how many have been at most.
#[derive(Clone, Default)]
struct Crowd(Arc<(AtomicUsize, AtomicUsize)>);

impl Crowd {
    fn enter(&self) -> Inside {
        let inside = self.0.0.fetch_add(1, SeqCst) + 1;
        self.0.1.fetch_max(inside, SeqCst);
        Inside(self.clone())
    }

    fn now(&self) -> usize {
        self.0.0.load(SeqCst)
    }

    fn most(&self) -> usize {
        self.0.1.load(SeqCst)
    }
}

struct Inside(Crowd);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, SeqCst);
    }
}

/// Runs on a Tokio runtime of one thread whose time stands still until nobody can go on, within a limit of real time.
#[cfg(feature = "tokio")]
#[track_caller]
fn paused<F>(f: impl FnOnce() -> F + Send + 'static) -> F::Output
where
    F: Future,
    F::Output: Send + 'static,
{
    within(|| {
        let mut builder = ::tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async { f().await })
    })
}

/// Runs on a Tokio runtime of several threads, within a limit.
#[cfg(feature = "tokio")]
#[track_caller]
fn threaded<F>(f: impl FnOnce() -> F + Send + 'static) -> F::Output
where
    F: Future,
    F::Output: Send + 'static,
{
    within(|| {
        let mut builder = ::tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(3).enable_time().build().unwrap();
        runtime.block_on(async { f().await })
    })
}

/// Panics, and has a type all the same.
fn panic_with<T>(payload: impl std::any::Any + Send) -> Result<T, std::convert::Infallible> {
    std::panic::panic_any(payload)
}
