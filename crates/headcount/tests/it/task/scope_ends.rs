//! How a scope on the caller's own task ends, while others hold its handle.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;

use headcount::{Context, ok, task};

use super::poll_once;
use crate::within;

/// Counts its drops.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A scope whose body never ends, polled once, and its handle.
fn begun() -> (Pin<Box<dyn Future<Output = ()>>>, task::Scope<'static, u32>) {
    let (send, handle) = mpsc::channel();
    let mut scope: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
        let over = task::scope(&Context::background(), move |scope| {
            send.send(scope).unwrap();
            pending::<()>()
        });
        over.await.unwrap();
    });
    assert!(poll_once(scope.as_mut()).is_pending());
    (scope, handle.try_recv().unwrap())
}

#[test]
fn a_member_that_was_never_polled_is_dropped_with_its_scope() {
    for holds_the_scope in [false, true] {
        let (scope, handle) = begun();
        let dropped = Arc::new(AtomicUsize::new(0));
        let (witness, sibling) = (Dropped(Arc::clone(&dropped)), holds_the_scope.then(|| handle.clone()));
        handle.spawn(move |_| async move {
            drop((witness, sibling));
            ok(1)
        });
        assert_eq!(handle.roll_call().outstanding(), 1);
        drop(scope);
        assert_eq!(dropped.load(SeqCst), 1, "with the scope, and not with its handle");
        assert_eq!(handle.roll_call().outstanding(), 0);
    }
}

#[test]
fn who_is_spawned_after_the_scope_is_dropped_with_the_call() {
    let (scope, handle) = begun();
    drop(scope);
    let dropped = Arc::new(AtomicUsize::new(0));
    let witness = Dropped(Arc::clone(&dropped));
    handle.spawn(move |_| async move {
        drop(witness);
        ok(1)
    });
    assert_eq!((dropped.load(SeqCst), handle.roll_call().outstanding()), (1, 0));
}

#[test]
fn a_member_whose_destructor_spawns_leaves_nobody_behind() {
    struct Spawns(task::Scope<'static, u32>, Arc<AtomicUsize>);
    impl Drop for Spawns {
        fn drop(&mut self) {
            let witness = Dropped(Arc::clone(&self.1));
            self.0.spawn(move |_| async move {
                drop(witness);
                ok(2)
            });
        }
    }
    let (scope, handle) = begun();
    let dropped = Arc::new(AtomicUsize::new(0));
    let spawns = Spawns(handle.clone(), Arc::clone(&dropped));
    handle.spawn(move |_| async move {
        drop(spawns);
        ok(1)
    });
    drop(scope);
    assert_eq!((dropped.load(SeqCst), handle.roll_call().outstanding()), (1, 0));
}

/// Another thread spawns while the scope ends: whoever was counted out is polled and gives its value, whoever was refused never
/// runs, and everyone is dropped.
#[test]
fn a_spawn_that_races_with_the_end_is_waited_for_or_refused() {
    within(|| {
        for round in 0..2_000 {
            let (ran, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (runs, drops) = (Arc::clone(&ran), Arc::clone(&dropped));
            let mut other = None;
            let scope = task::scope(&Context::background(), |scope: task::Scope<'static, usize>| {
                let there = scope.clone();
                other = Some(std::thread::spawn(move || {
                    for _ in 0..3 {
                        let (ran, witness) = (Arc::clone(&runs), Dropped(Arc::clone(&drops)));
                        there.spawn(move |_| async move {
                            let _witness = witness;
                            ok(ran.fetch_add(1, SeqCst))
                        });
                    }
                }));
                scope.spawn(|_| async { ok(0) });
                async move {
                    for _ in 0..round % 40 {
                        smol::future::yield_now().await;
                    }
                }
            });
            let values = smol::block_on(scope).unwrap().len();
            let seen = ran.load(SeqCst);
            other.expect("the body was called").join().unwrap();
            assert_eq!((values - 1, ran.load(SeqCst)), (seen, seen), "round {round}");
            assert_eq!(dropped.load(SeqCst), 3, "round {round}");
        }
    });
}
