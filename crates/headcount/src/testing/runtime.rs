//! The body as a future, on a Tokio runtime of its own.
//!
//! The runtime belongs to the test: all of its threads work below the test's root, so what a task makes that was spawned with
//! `tokio::spawn` is counted too. When the body has ended the runtime goes on, so that those who are leaving can leave, until
//! the calling thread has looked who is out and *dismisses* it. A body that takes too long is dismissed too, and dropped.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::Check;
use super::conduct::{Conducted, say, start};
use crate::raw;
use crate::roll::roots;

/// Which runtime.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    pub(super) multi_thread: bool,
    pub(super) worker_threads: Option<usize>,
    pub(super) start_paused: bool,
}

impl Choice {
    fn build(&self, root: u64) -> std::io::Result<Runtime> {
        let mut builder =
            if self.multi_thread { Builder::new_multi_thread() } else { Builder::new_current_thread() };
        if let Some(n) = self.worker_threads {
            builder.worker_threads(n);
        }
        // Forgotten: it holds until the thread ends.
        builder.enable_all().start_paused(self.start_paused).on_thread_start(move || {
            std::mem::forget(roots::enter(root));
        });
        builder.build()
    }
}

/// Held by the calling thread. The runtime is dismissed when this is dropped, also by a panic.
struct Dismissal(Arc<raw::WaitGroup>);

impl Drop for Dismissal {
    fn drop(&mut self) {
        self.0.done();
    }
}

impl Check {
    #[track_caller]
    pub(super) fn conduct_async<F: Future<Output: Send + 'static>>(
        self,
        body: impl FnOnce() -> F + Send + 'static,
    ) -> Conducted<F::Output> {
        let choice = self.runtime.clone();
        assert!(
            !(choice.multi_thread && choice.start_paused),
            "Check::start_paused needs the flavour with one thread: Tokio pauses no other clock"
        );
        let root = roots::new();
        let runtime = match choice.build(root) {
            Ok(runtime) => runtime,
            Err(error) => panic!("Tokio cannot make a runtime for the test: {error}"),
        };
        // The lower kind of wait group: it is in no roll call.
        let dismissed = Arc::new(raw::WaitGroup::new());
        dismissed.add(1);
        let dismissal = Dismissal(Arc::clone(&dismissed));
        let (ended, end) = channel();
        start(move || {
            let _inside = roots::enter(root);
            let run = || runtime.block_on(unless(&dismissed, async { body().await }));
            if let Some(result) = catch_unwind(AssertUnwindSafe(run)).transpose() {
                say(&ended, result);
                runtime.block_on(async {
                    let_the_clock_run();
                    dismissed.wait_async().await;
                });
            }
            runtime.shutdown_background();
        });
        let conducted = self.judge(root, &end);
        drop(dismissal);
        conducted
    }
}

/// The output of `body`, if it is there before the dismissal.
async fn unless<F: Future>(dismissed: &raw::WaitGroup, body: F) -> Option<F::Output> {
    let (mut body, mut dismissed) = (pin!(body), pin!(dismissed.wait_async()));
    poll_fn(|cx| match dismissed.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => body.as_mut().poll(cx).map(Some),
    })
    .await
}

/// Resumes Tokio's clock if it is paused, by whomever: who is leaving may sleep first, and patience is in real time.
fn let_the_clock_run() {
    /// A running clock shows it.
    const A_WHILE: Duration = Duration::from_micros(1);
    // Tokio has no such question, and panics when a clock is resumed that runs.
    let (before, real) = (tokio::time::Instant::now(), Instant::now());
    while real.elapsed() < A_WHILE {
        std::hint::spin_loop();
    }
    if tokio::time::Instant::now() == before {
        tokio::time::resume();
    }
}
