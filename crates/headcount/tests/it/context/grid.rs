//! The grid: so many children before the cancel, so many after it, waited for by threads or by futures: every combination.

use std::thread;

use headcount::{Canceller, Context};

use crate::{Poller, within};

/// From none to fifteen on either side.
const MOST: usize = 16;

fn children(parent: &Context, n: usize) -> Vec<(Context, Canceller)> {
    (0..n).map(|_| parent.with_cancel()).collect()
}

#[test]
fn every_child_before_and_after_is_cancelled_and_every_future_woken_once() {
    for before in 0..MOST {
        for after in 0..MOST {
            let (root, canceller) = Context::background().with_cancel();
            let early = children(&root, before);
            let pollers: Vec<_> = early.iter().map(|_| Poller::new()).collect();
            let mut waits: Vec<_> = early.iter().map(|(ctx, _)| Box::pin(ctx.wait_async())).collect();
            for (poller, wait) in pollers.iter().zip(&mut waits) {
                assert!(!poller.poll(wait.as_mut()));
            }
            canceller.cancel();
            let late = children(&root, after);
            assert!(
                early.iter().chain(&late).all(|(ctx, _)| ctx.is_cancelled()),
                "{before} before, {after} after"
            );
            for (poller, wait) in pollers.iter().zip(&mut waits) {
                assert_eq!(poller.wakes(), 1, "{before} before, {after} after");
                assert!(poller.poll(wait.as_mut()));
            }
            assert!(late.iter().all(|(ctx, _)| Poller::new().poll(std::pin::pin!(ctx.wait_async()))));
            assert_eq!(root.children(), 0);
        }
    }
}

#[test]
fn every_thread_before_and_after_returns() {
    within(|| {
        for before in 0..MOST {
            for after in 0..MOST {
                let (root, canceller) = Context::background().with_cancel();
                let launch = |children: &[(Context, Canceller)]| -> Vec<_> {
                    let contexts = children.iter().map(|(ctx, _)| ctx.clone());
                    contexts.map(|ctx| thread::spawn(move || ctx.wait().kind())).collect()
                };
                let early = children(&root, before);
                let mut threads = launch(&early);
                canceller.cancel();
                let late = children(&root, after);
                threads.extend(launch(&late));
                for thread in threads {
                    assert_eq!(thread.join().unwrap(), headcount::CancelKind::Cancelled);
                }
            }
        }
    });
}
