//! Pipelines of streams (feature `stream`): what is silent holds up nobody, and is let go when nobody wants it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::{Duration, Instant};

use ::tokio::sync::mpsc;
use headcount::{Context, Pipeline, ok};
use smol::stream::{self, Stream, StreamExt};

use super::tasks::{all_gone, alone};
use super::{Census, Count};
use crate::{message, within};

fn background() -> Context {
    Context::background()
}

/// What comes through a channel.
fn received<T>(mut channel: mpsc::UnboundedReceiver<T>) -> impl Stream<Item = T> {
    stream::poll_fn(move |cx| channel.poll_recv(cx))
}

/// A stream that never gives anything, and is counted.
fn silent(census: &Census) -> impl Stream<Item = u64> + Send + use<> {
    let one = census.one();
    stream::poll_fn(move |_| {
        let _kept = &one;
        Poll::Pending
    })
}

/// Gives the numbers below `end`; before some of them it has nothing and wakes later.
fn halting(end: u64) -> impl Stream<Item = u64> {
    let (mut next, mut halted) = (0, false);
    stream::poll_fn(move |cx| {
        if next % 7 == 3 && !std::mem::replace(&mut halted, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        halted = false;
        next += 1;
        Poll::Ready((next <= end).then_some(next - 1))
    })
}

#[test]
fn all_items_of_all_streams_come_once_and_in_the_order_of_each() {
    within(|| {
        for (streams, workers) in [(1, 1), (1, 4), (3, 1), (3, 4)] {
            let pipeline = move || {
                let sources = (0..streams).map(|nth| halting(500).map(move |n| (nth, n)));
                Pipeline::source_streams(sources)
                    .buffer(8)
                    .stage("pass", workers, |_, item| ok(item))
                    .ordered()
            };
            let mut builder = ::tokio::runtime::Builder::new_multi_thread();
            let runtime = builder.worker_threads(2).build().unwrap();
            let many: Vec<_> = runtime.block_on(pipeline().run_collect_async(&background())).unwrap();
            let one: Vec<_> = alone(move || pipeline().run_collect_async(&background())).unwrap();
            for all in [one, many] {
                assert_eq!(all.len(), 500 * streams);
                for nth in 0..streams {
                    let of_one = all.iter().filter(|(of, _)| *of == nth).map(|(_, n)| *n);
                    assert!(of_one.eq(0..500), "stream {nth} of {streams}, {workers} workers");
                }
            }
        }
    });
}

#[test]
fn an_item_is_answered_before_the_next_one_comes() {
    let answers = alone(|| async {
        let (ask, asked) = mpsc::unbounded_channel();
        let (answer, mut answers) = mpsc::unbounded_channel();
        let pipeline = Pipeline::source_stream(received(asked)).stage("double", 2, |_, n: u64| ok(n * 2));
        let run = ::tokio::spawn(async move {
            pipeline.run_for_each_async(&background(), |n| answer.send(n).unwrap()).await
        });
        let mut all = Vec::new();
        for n in 0..100 {
            ask.send(n).unwrap();
            all.push(answers.recv().await.unwrap());
        }
        drop(ask);
        run.await.unwrap().unwrap();
        all
    });
    assert!(answers.into_iter().eq((0..100).map(|n| n * 2)));
}

#[test]
fn a_cancellation_reaches_who_waits_for_a_silent_stream() {
    alone(|| async {
        let (census, come) = (Census::default(), Arc::new(Count::default()));
        let (ctx, canceller) = background().with_cancel();
        let quiet = silent(&census);
        let there = Arc::clone(&come);
        let spoken = stream::once(1_u64).chain(quiet).inspect(move |_| _ = there.add());
        let run =
            ::tokio::spawn(
                async move { Pipeline::source_stream(spoken).run_for_each_async(&ctx, drop).await },
            );
        while come.get() == 0 {
            ::tokio::task::yield_now().await;
        }
        canceller.cancel();
        let error = run.await.unwrap().unwrap_err();
        assert!(error.cancelled().is_some(), "{error}");
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn a_silent_stream_is_let_go_when_the_sink_has_enough() {
    alone(|| async {
        let census = Census::default();
        let spoken = stream::iter(0..3).chain(silent(&census));
        let mut all = Vec::new();
        let pipeline = Pipeline::source_stream(spoken).stage("pass", 2, |_, n| ok(n));
        let run = pipeline.run_async(&background(), |n| {
            all.push(n);
            if all.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        run.await.unwrap();
        all.sort_unstable();
        assert_eq!((all, census.alive()), (vec![0, 1, 2], 0));
    });
}

#[test]
fn a_run_that_is_dropped_drops_its_streams() {
    alone(|| async {
        let census = Census::default();
        let pipeline = Pipeline::source_streams([silent(&census), silent(&census)]);
        let ctx = background();
        let mut run = Box::pin(pipeline.run_for_each_async(&ctx, drop));
        let polled = std::future::poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx).is_pending())).await;
        assert!(polled, "it ended without an item");
        ::tokio::task::yield_now().await;
        assert_eq!(census.alive(), 2);
        drop(run);
        all_gone(&census).await;
    });
}

#[test]
fn a_panic_of_a_stream_goes_on_in_the_caller() {
    let panic = std::panic::catch_unwind(|| {
        alone(|| async {
            let torn = stream::iter(0..9).inspect(|n| assert!(*n < 5, "torn at {n}"));
            Pipeline::source_stream(torn).run_for_each_async(&background(), drop).await
        })
    });
    assert_eq!(message(&*panic.unwrap_err()), "torn at 5");
}

#[test]
fn no_more_is_asked_for_than_there_is_room_for() {
    let (asked, taken) = alone(|| async {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let endless = stream::repeat_with(move || counted.fetch_add(1, SeqCst));
        let pipeline = Pipeline::source_stream(endless).buffer(4);
        let mut taken = 0;
        let run = pipeline.run_async(&background(), |_| {
            taken += 1;
            // All others get their turn while the sink is at one item.
            if taken == 100 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        run.await.unwrap();
        (asked.load(SeqCst), taken)
    });
    // What was taken, what lay on the belt, and the one that there was no room for; the sink may have had as many in hand.
    assert!((100..=100 + 4 + 4 + 1).contains(&asked), "{asked} asked for, {taken} taken");
}

#[test]
fn the_time_that_a_stream_is_silent_counts_as_waiting() {
    const PAUSE: Duration = Duration::from_millis(5);
    let report = alone(|| async {
        let (ask, asked) = mpsc::unbounded_channel();
        let pipeline = Pipeline::source_stream(received(asked));
        let meter = pipeline.meter();
        let run = ::tokio::spawn(async move { pipeline.run_for_each_async(&background(), drop).await });
        for n in 0..3 {
            // On one thread: afterwards everybody waits who has nothing to do.
            for _ in 0..50 {
                ::tokio::task::yield_now().await;
            }
            let begun = Instant::now();
            while begun.elapsed() < PAUSE {}
            ask.send(n).unwrap();
        }
        drop(ask);
        run.await.unwrap().unwrap();
        meter.report()
    });
    let source = report.stage("source").unwrap();
    assert_eq!(source.items_out(), 3);
    assert!(source.waiting() >= PAUSE * 3, "{report}");
}
