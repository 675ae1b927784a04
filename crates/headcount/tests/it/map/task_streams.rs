//! Spawned maps whose values are taken one by one, and maps of streams.

use std::sync::Arc;
#[cfg(feature = "stream")]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use ::tokio::task::yield_now;
use headcount::{ok, task};

use super::task_spawned::on_both;

#[test]
fn a_stream_gives_values_in_order_or_as_they_finish() {
    on_both(|| async {
        for as_finished in [false, true] {
            let map = task::map(0..1_000_u64).limit(20);
            let map = if as_finished { map.as_finished() } else { map };
            let mut results = map.spawned().stream(|_, n| async move {
                for _ in 0..n % 3 {
                    yield_now().await;
                }
                ok(n)
            });
            let mut values = Vec::new();
            while let Some(value) = results.next().await {
                values.push(value.unwrap());
            }
            assert!(results.next().await.is_none());
            if as_finished {
                values.sort_unstable();
            }
            assert!(values.into_iter().eq(0..1_000));
        }
    });
}

#[test]
fn an_endless_stream_runs_ahead_so_far_and_no_further() {
    on_both(|| async {
        let begun = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&begun);
        let mut results = task::map(0..).limit(4).spawned().stream(move |_, n: usize| {
            counted.fetch_add(1, SeqCst);
            async move { ok(n) }
        });
        for taken in 0..10_000 {
            assert_eq!(results.next().await.unwrap().unwrap(), taken);
            assert!(begun.load(SeqCst) <= taken + 1 + 128, "{} begun, {taken} taken", begun.load(SeqCst));
        }
        drop(results);
    });
}

#[test]
fn an_error_is_the_last_of_a_stream() {
    on_both(|| async {
        let mut results = task::map(0..)
            .limit(4)
            .named("prices")
            .spawned()
            .stream(|_, n| async move { if n == 50 { Err("out of cheese") } else { Ok(n) } });
        let mut taken = 0;
        let error = loop {
            match results.next().await.expect("an error at the end") {
                Ok(_) => taken += 1,
                Err(error) => break error,
            }
        };
        assert!(taken >= 50);
        assert_eq!(error.member().unwrap().index(), 50);
        assert!(error.to_string().contains("map \"prices\""), "{error}");
        assert!(results.next().await.is_none());
    });
}

#[test]
fn values_are_folded_in_order() {
    on_both(|| async {
        let map = task::map(0..2_000_u64).limit(10).spawned();
        let text = map.fold(
            Vec::new(),
            |_, n| async move {
                if n % 2 == 0 {
                    yield_now().await;
                }
                ok(n)
            },
            |mut all, n| {
                all.push(n);
                all
            },
        );
        assert!(text.await.unwrap().into_iter().eq(0..2_000));
    });
}

/// A source that waits: one lane waits for it, and the others go on.
#[cfg(feature = "stream")]
#[test]
fn items_of_a_stream_are_run_as_they_come() {
    use std::task::Poll;

    struct Ticks(u32, bool);
    impl futures_core::Stream for Ticks {
        type Item = u32;

        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> Poll<Option<u32>> {
            self.1 = !self.1;
            if self.1 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.0 += 1;
            Poll::Ready((self.0 <= 1_000).then_some(self.0))
        }
    }

    on_both(|| async {
        let woken = Arc::new(AtomicBool::new(false));
        let values = task::map_stream(Ticks(0, false)).limit(5).spawned().run(move |_, n| {
            let woken = Arc::clone(&woken);
            async move {
                if n % 4 == 0 {
                    yield_now().await;
                    woken.store(true, SeqCst);
                }
                ok(n)
            }
        });
        assert!(values.await.unwrap().into_iter().eq(1..=1_000));
        let values = task::map_stream(Ticks(0, false)).limit(5).run(|_, n| async move { ok(n) });
        assert!(values.await.unwrap().into_iter().eq(1..=1_000));
    });
}
