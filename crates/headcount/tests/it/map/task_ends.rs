//! How maps on the caller's own task end: errors, panics, cancellation, deadlines.

use std::cell::Cell;
use std::error::Error;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use headcount::{
    Cancelled, CollectAll, Context, ErrorBudget, FirstOk, GroupError, MemberError, Panics, Quorum, ok, task,
};

use super::puppets::Puppets;
use crate::{message, within};

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

fn now<F: Future>(future: F) -> F::Output {
    match poll_once(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is not ready at its first poll"),
    }
}

/// Waits for its end, and passes that on.
async fn heed<T>(ctx: Context) -> Result<T, Cancelled> {
    Err(ctx.wait_async().await)
}

#[test]
fn the_first_error_cancels_the_rest_and_says_who_and_where() {
    let line = line!() + 1;
    let error: GroupError = now(task::map(0..).named("prices").limit(4).run(|ctx, n| async move {
        if n == 2 {
            return Err("out of cheese".into());
        }
        heed::<()>(ctx).await.map_err(Box::<dyn Error + Send + Sync>::from)
    }))
    .unwrap_err();
    let member = error.member().unwrap();
    assert_eq!((member.index(), member.place().line()), (2, line));
    assert_eq!(member.place().file(), file!());
    let text = error.to_string();
    assert!(text.contains("map \"prices\""), "{text}");
    assert!(text.contains("#3") && text.ends_with("failed: out of cheese"), "{text}");
    assert_eq!((error.others().len(), error.tally().failed), (0, 1));
    assert!(error.tally().cancelled >= 2, "those who waited: {}", error.tally());
}

#[test]
fn typed_errors_stay_what_they_are() {
    let map = task::map(0..3).typed::<std::num::ParseIntError>();
    let error = now(map.run(|_, n| async move { ["1", "x", "3"][n].parse::<u32>() })).unwrap_err();
    assert_eq!(error.into_root().unwrap(), "x".parse::<u32>().unwrap_err());
}

#[test]
fn errors_that_mean_cancelled_are_no_failures() {
    let puppets = Puppets::default();
    let map = task::map(0..2).cancelled_when(|error| error.to_string() == "stopped");
    let mut map = pin!(map.run(|ctx, n| {
        let member = puppets.member(n);
        async move {
            if n == 0 {
                ctx.wait_async().await;
                return Err("stopped");
            }
            member.await;
            Err::<(), _>("it broke")
        }
    }));
    assert!(poll_once(map.as_mut()).is_pending());
    puppets.end(1);
    let output = loop {
        if let Poll::Ready(output) = poll_once(map.as_mut()) {
            break output;
        }
    };
    let error = output.unwrap_err();
    assert_eq!(error.member().unwrap().index(), 1);
    assert_eq!((error.tally().failed, error.tally().cancelled), (1, 1));
}

#[test]
fn a_panic_goes_on_in_who_awaits_the_map_unchanged_and_when_all_are_over() {
    let puppets = Puppets::default();
    let map = task::map(0..3).run(|ctx, n| {
        let member = puppets.member(n);
        async move {
            if n == 1 {
                std::panic::panic_any(77_u8);
            }
            let _member = member;
            heed::<()>(ctx).await
        }
    });
    let payload = within_unwind(map);
    assert_eq!(payload.downcast_ref::<u8>(), Some(&77));
    assert_eq!(puppets.alive(), []);
}

/// The panic of a future that is ready after a few polls.
fn within_unwind<F: Future>(future: F) -> Box<dyn std::any::Any + Send> {
    let mut future = pin!(future);
    for _ in 0..10 {
        match catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut()))) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(_)) => panic!("it returned"),
            Err(payload) => return payload,
        }
    }
    panic!("it hangs");
}

#[test]
fn panics_may_be_errors() {
    let map = task::map(0..3).panics(Panics::AsError).policy(CollectAll);
    let outcomes = now(map.run(|_, n| async move { if n == 1 { panic!("out of cheese") } else { ok(n) } }));
    let [Ok(0), Err(MemberError::Panicked(report)), Ok(2)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(report.message(), Some("out of cheese"));
}

#[test]
fn a_panic_of_the_closure_before_there_is_a_future_is_its_items() {
    let map = task::map(0..3).panics(Panics::AsError);
    let error = now(map.run(|_, n| {
        assert_ne!(n, 1, "not this one");
        async move { ok(n) }
    }))
    .unwrap_err();
    assert_eq!(error.member().unwrap().index(), 1);
    assert!(error.panic().unwrap().message().unwrap().contains("not this one"));
}

#[test]
fn a_panic_of_the_source_goes_on() {
    let puppets = Puppets::default();
    let items = (0..).inspect(|n| assert!(*n < 2, "no further"));
    let payload = within_unwind(task::map(items).panics(Panics::AsError).run(|ctx, n| {
        let member = puppets.member(n);
        async move {
            let _member = member;
            heed::<()>(ctx).await
        }
    }));
    assert!(message(&*payload).contains("no further"));
    assert_eq!(puppets.alive(), []);
}

#[test]
fn a_panic_of_the_fold_goes_on() {
    let map = task::map(0..5).panics(Panics::AsError);
    let payload = within_unwind(map.fold(
        0,
        |_, n| async move { ok(n) },
        |_, n| {
            if n == 3 { std::panic::panic_any("too many") } else { n }
        },
    ));
    assert_eq!(message(&*payload), "too many");
}

#[test]
fn a_panic_of_a_destructor_is_what_came_of_its_member() {
    struct Grumpy;
    impl Drop for Grumpy {
        fn drop(&mut self) {
            panic!("let me sleep");
        }
    }
    let map = task::map(0..2).panics(Panics::AsError).policy(CollectAll);
    let outcomes = now(map.run(|_, n| {
        let grumpy = (n == 0).then(|| Grumpy);
        std::future::poll_fn(move |_| {
            let _there = &grumpy;
            Poll::Ready(ok(n))
        })
    }));
    assert!(matches!(&outcomes[..], [Err(MemberError::Panicked(_)), Ok(1)]), "{outcomes:?}");
}

#[test]
fn a_map_whose_context_is_cancelled_before_its_first_poll_pulls_nothing() {
    let (ctx, canceller) = Context::background().with_cancel();
    let pulled = Cell::new(0);
    let items = (0..3).inspect(|_| pulled.set(pulled.get() + 1));
    let map = task::map(items).context(&ctx).run(|_, n| async move { ok(n) });
    canceller.cancel();
    let error = now(map).unwrap_err();
    assert!(error.cancelled().is_some(), "{error}");
    assert_eq!(pulled.get(), 0);
}

#[test]
fn a_cancellation_reaches_members_and_ends_an_endless_source() {
    let (ctx, canceller) = Context::background().with_cancel();
    let mut map = pin!(task::map(0..).context(&ctx).limit(5).run(|ctx, _| heed::<()>(ctx)));
    assert!(poll_once(map.as_mut()).is_pending());
    canceller.cancel_because("enough");
    let Poll::Ready(result) = poll_once(map.as_mut()) else { panic!("all heed it") };
    let error = result.unwrap_err();
    assert_eq!(error.cancelled().unwrap().source().unwrap().to_string(), "enough");
    assert_eq!(error.tally().cancelled, 6, "five, and the one that would have been next");
}

#[test]
fn items_that_have_all_ended_are_not_spoilt_by_a_late_cancellation() {
    let (ctx, canceller) = Context::background().with_cancel();
    let mut canceller = Some(canceller);
    let values = now(task::map(0..3).context(&ctx).limit(1).run(|_, n| {
        if n == 2 {
            canceller.take().unwrap().cancel();
        }
        async move { ok(n) }
    }));
    assert_eq!(values.unwrap(), [0, 1, 2]);
}

#[test]
fn dropped_half_way_nobody_stays() {
    let puppets = Puppets::default();
    {
        let mut map = pin!(task::map(0..10).limit(4).run(|_, n| {
            let member = puppets.member(n);
            async move { ok(member.await) }
        }));
        assert!(poll_once(map.as_mut()).is_pending());
        puppets.end(1);
        assert!(poll_once(map.as_mut()).is_pending());
        assert_eq!(puppets.alive(), [0, 2, 3, 4]);
    }
    assert_eq!(puppets.alive(), []);
}

#[test]
fn policies_end_a_map_when_they_have_seen_enough() {
    let first = now(task::map(0..)
        .policy(FirstOk)
        .run(|_, n| async move { if n < 3 { Err("too small") } else { Ok(n) } }));
    assert_eq!(first.unwrap(), 3);
    let some = now(task::map(0..)
        .limit(1)
        .policy(Quorum(3))
        .run(|_, n| async move { if n % 2 == 0 { Ok(n) } else { Err("odd") } }));
    assert_eq!(some.unwrap(), [0, 2, 4]);
    let map = task::map(0..10).policy(ErrorBudget(2));
    let (values, errors) =
        now(map.run(|_, n| async move { if n % 5 == 0 { Err("five") } else { Ok(n) } })).unwrap();
    assert_eq!((values.len(), errors.len()), (8, 2));
    let map = task::map(0..).policy(ErrorBudget(2));
    let error = now(map.run(|_, n| async move { Err::<(), _>(n.to_string()) })).unwrap_err();
    assert_eq!(error.member().unwrap().index(), 0);
}

#[test]
#[should_panic(expected = "limit 0")]
fn a_limit_of_zero_is_refused() {
    let _ = task::map(0..3).limit(0);
}

#[test]
fn a_deadline_ends_a_map() {
    let error = within(|| {
        let ctx = Context::background().with_timeout(Duration::from_millis(20));
        smol::block_on(task::map(0..).context(&ctx).limit(3).run(|ctx, _| heed::<()>(ctx))).unwrap_err()
    });
    assert!(error.cancelled().unwrap().is_deadline());
}

#[test]
fn a_member_that_misses_its_own_deadline_has_failed() {
    let error = within(|| {
        let map = task::map(0..3).timeout_each(Duration::from_millis(20));
        let run = map.run(|ctx, n| async move {
            assert!(ctx.deadline().is_some());
            if n == 1 {
                pending::<()>().await;
            }
            ok(n)
        });
        smol::block_on(run).unwrap_err()
    });
    assert_eq!(error.member().unwrap().index(), 1);
    assert!(error.downcast_ref::<Cancelled>().unwrap().is_deadline());
}

#[test]
fn a_members_own_deadline_does_not_hide_that_the_map_is_cancelled() {
    let (ctx, canceller) = Context::background().with_cancel();
    let map = task::map(0..3).context(&ctx).timeout_each(Duration::from_secs(3600));
    let mut map = pin!(map.run(|ctx, _| heed::<()>(ctx)));
    assert!(poll_once(map.as_mut()).is_pending());
    canceller.cancel();
    let Poll::Ready(result) = poll_once(map.as_mut()) else { panic!("all heed it") };
    assert!(!result.unwrap_err().cancelled().unwrap().is_deadline());
}

/// In paused time, so that five seconds are none.
#[cfg(feature = "tokio")]
#[test]
fn who_does_not_heed_a_cancellation_is_dropped_after_a_while() {
    let outcomes = within(|| {
        let mut builder = ::tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let ctx = Context::background().with_timeout(Duration::from_millis(10));
            let map = task::map(0..2).context(&ctx).policy(CollectAll);
            let begun = ::tokio::time::Instant::now();
            let outcomes = map
                .run(|ctx, n| async move {
                    if n == 0 {
                        pending::<()>().await;
                    }
                    heed::<()>(ctx).await
                })
                .await;
            assert_eq!(begun.elapsed().as_secs(), 5);
            outcomes
        })
    });
    assert!(
        matches!(&outcomes[..], [Err(MemberError::Aborted), Err(MemberError::Cancelled(_))]),
        "{outcomes:?}"
    );
}
