//! One attempt at a member: its handler is called, and what came of it is reported until somebody has heard it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use headcount::{Context, PanicReport};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};

use super::job::{Failure, Handler, Job, Run};
use super::post::Post;
use super::{AttemptEnd, WorkerEvent};
use crate::again::Again;
use crate::store::{Finished, Report, Store, StoreError, Token};

/// How a call of a handler ended.
enum End {
    Done(Vec<u8>),
    Failed(Failure),
    Panicked(PanicReport),
    /// It did not heed its context, and was dropped.
    Dropped,
}

/// Who is stopped by the group's deadline here may be so a little before the engine sees it.
const NOT_YET: Duration = Duration::from_millis(100);

impl<S: Store> Post<S> {
    /// Runs an attempt that this worker holds, and reports it. Dropped in the middle it is gone, and its lease ends.
    pub(super) async fn attempt(
        self: Arc<Self>,
        token: Token,
        handler: Handler,
        job: Job,
        ctx: Context,
        place: OwnedSemaphorePermit,
    ) {
        let end = call(&handler, ctx.clone(), job, self.shop.patience_with_handlers).await;
        let report = match end {
            End::Done(result) => Report::Done(result),
            End::Panicked(report) => {
                Report::Failed { why: format!("panicked: {report}").into_bytes(), again: true }
            }
            End::Failed(Failure { why, again }) if !ctx.is_cancelled() => Report::Failed { why, again },
            // It did not end by itself: if the group goes on it is somebody else's turn, and if not it is cancelled.
            End::Failed(_) | End::Dropped => {
                let deadline = ctx.cancelled_because().is_some_and(|why| why.is_deadline());
                Report::Returned { after: if deadline { NOT_YET } else { Duration::ZERO } }
            }
        };
        self.report(token, report).await;
        drop(place);
    }

    /// Says how it ended, and that it is not held any more.
    pub(super) async fn report(&self, token: Token, report: Report) {
        let (how, said) = self.tell(&token, report).await;
        self.held.gone(&token);
        self.shop.ended(how, said);
        self.shop.event(|| WorkerEvent::Ended { group: self.group, token, how, said });
    }

    /// What was said in the end, and what was answered; nothing if nobody has answered while it mattered.
    async fn tell(&self, token: &Token, mut report: Report) -> (AttemptEnd, Option<Finished>) {
        if let Some(said) = self.desk.tell(token, &report).await {
            return (AttemptEnd::of(&report), Some(said));
        }
        let (mut again, mut last) = (Again::new(), Instant::now());
        loop {
            let how = AttemptEnd::of(&report);
            // Where nobody has taken it back the engine still hears of it after the lease; but not for ever. It is also asked where
            // it has said that this attempt does not run: because others have the member, or because it has heard our report.
            if let Some((until, lease)) = self.held.until(token) {
                last = until + lease;
            }
            match self.shop.store.finish(self.group, token, &report).await {
                Ok((said, now)) => {
                    self.saw(&now);
                    return (how, Some(said));
                }
                Err(StoreError::TooLarge { bytes, largest, .. }) => report = less(report, bytes, largest),
                Err(error)
                    if error.is_passing() && Instant::now() < last && !self.shop.hard.is_cancelled() =>
                {
                    self.shop.away(&error);
                    again.pause().await;
                }
                Err(_) => return (how, None),
            }
        }
    }
}

/// What is said instead of more than is kept: never a part of a result, and of a reason the beginning.
fn less(report: Report, bytes: usize, largest: usize) -> Report {
    match report {
        Report::Failed { mut why, again } if why.len() > largest => {
            why.truncate(largest);
            Report::Failed { why, again }
        }
        Report::Failed { again, .. } => Report::Failed { why: Vec::new(), again },
        _ => {
            let mut why = format!(
                "its result is {bytes} bytes, and {largest} are kept at most: put it where all machines find it, and return where"
            )
            .into_bytes();
            why.truncate(largest);
            Report::Failed { why, again: false }
        }
    }
}

/// Calls a handler, waits for its end, and some time for its end once its context is cancelled.
async fn call(handler: &Handler, ctx: Context, job: Job, patience: Duration) -> End {
    let called = catch_unwind(AssertUnwindSafe(|| handler(ctx.clone(), job)));
    let mut run: Run = match called {
        Ok(run) => run,
        Err(payload) => return End::Panicked(PanicReport::new(payload)),
    };
    let caught = std::future::poll_fn(|cx| {
        // After a panic it is not polled again, only dropped.
        match catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(result))) => Poll::Ready(End::Done(result)),
            Ok(Poll::Ready(Err(failure))) => Poll::Ready(End::Failed(failure)),
            Err(payload) => Poll::Ready(End::Panicked(PanicReport::new(payload))),
        }
    });
    let overrun = async {
        ctx.wait_async().await;
        sleep(patience).await;
    };
    let end = tokio::select! {
        biased;
        end = caught => end,
        () = overrun => End::Dropped,
    };
    match catch_unwind(AssertUnwindSafe(|| drop(run))) {
        Ok(()) => end,
        Err(payload) => End::Panicked(PanicReport::new(payload)),
    }
}
