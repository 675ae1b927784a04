//! Destructors and texts that panic: no member is lost, nothing hangs, the process lives.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use headcount::task::Group;
use headcount::{CollectAll, Context, Discard, FirstOk, MemberError, Panics, Quorum, ok};

use super::{Gate, Hand, panic_with};

/// Counts its end, and panics in it.
#[derive(Debug)]
struct Mine(Arc<AtomicUsize>);

impl Drop for Mine {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        panic!("a destructor panics");
    }
}

impl fmt::Display for Mine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mine")
    }
}

impl std::error::Error for Mine {}

#[derive(Clone, Debug, Default)]
struct Field(Arc<AtomicUsize>);

impl Field {
    fn lay(&self) -> Mine {
        Mine(Arc::clone(&self.0))
    }

    fn gone(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// A text that panics, with a payload that panics when it is dropped.
#[derive(Debug)]
struct Speechless(Field);

impl fmt::Display for Speechless {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic_any(self.0.lay())
    }
}

impl std::error::Error for Speechless {}

/// A fork's value whose destructor panics, and whose `Fork` is dropped before the member ends, after it, or when the group is
/// over.
#[test]
fn a_forks_value_that_panics_when_dropped_loses_nobody() {
    for when in ["before", "after", "at the end"] {
        for limit in [None, Some(1)] {
            let (hand, field, gate) = (Hand::new(), Field::default(), Gate::closed());
            let mut group = hand.group::<u8>().panics(Panics::AsError);
            if let Some(limit) = limit {
                group = group.limit(limit);
            }
            let (mine, pass) = (field.clone(), gate.clone());
            let mut fork = Some(group.fork(move |_| async move {
                pass.pass().await;
                ok(mine.lay())
            }));
            group.spawn(|_| async { ok(7) });
            hand.run();
            if when == "before" {
                drop(fork.take());
            }
            gate.open();
            hand.run();
            assert_eq!((group.running(), field.gone()), (0, usize::from(when == "before")), "{when}");
            if when == "after" {
                assert!(catch_unwind(AssertUnwindSafe(|| drop(fork.take()))).is_err());
            }
            assert_eq!(hand.finish(group.wait()).unwrap(), [7], "a destructor is nobody's failure");
            let _ = catch_unwind(AssertUnwindSafe(|| drop(fork.take())));
            assert_eq!(field.gone(), 1, "{when}");
        }
    }
}

#[test]
fn results_that_nobody_takes_are_dropped_one_by_one() {
    for many in [1, 2, 10, 100] {
        for way in 0..3 {
            let (hand, field) = (Hand::new(), Field::default());
            let group = hand.policed(CollectAll);
            for _ in 0..many {
                let mine = field.lay();
                group.spawn(move |_| async move { ok(mine) });
            }
            match way {
                0 => {
                    hand.run();
                    drop(group);
                }
                1 => {
                    hand.run();
                    drop(group.stream());
                }
                _ => {
                    let results = group.stream();
                    hand.run();
                    drop(results);
                }
            }
            assert_eq!(field.gone(), many, "way {way}");
        }
    }
}

#[test]
fn results_that_a_policy_does_not_give_are_dropped_one_by_one() {
    for many in [1, 2, 10] {
        let (hand, field) = (Hand::new(), Field::default());
        let laid = |group: &Group<Mine>| {
            for _ in 0..many {
                let mine = field.lay();
                group.spawn(move |_| async move { ok(mine) });
            }
        };
        let group = hand.group();
        laid(&group);
        group.spawn(|_| async { Err("failed") });
        let error = hand.finish(group.wait()).unwrap_err();
        assert_eq!((error.to_string().ends_with("failed: failed"), field.gone()), (true, many));

        let group = hand.group();
        laid(&group);
        group.spawn(|_| async { panic_with("panicked") });
        let payload = catch_unwind(AssertUnwindSafe(|| hand.finish(group.wait()))).unwrap_err();
        assert_eq!((crate::message(&*payload), field.gone()), ("panicked", 2 * many));
    }
}

#[test]
fn the_first_or_the_quorum_is_given_whatever_the_rest_do_in_their_end() {
    let (hand, field) = (Hand::new(), Field::default());
    let group = hand.policed(FirstOk);
    let quorum = hand.policed(Quorum(1));
    let gate = Gate::closed();
    for n in 0..4 {
        let member = |inside: Gate, mine: Mine| {
            move |_| async move {
                if n < 3 {
                    inside.pass().await;
                }
                ok((n, mine))
            }
        };
        group.spawn(member(gate.clone(), field.lay()));
        quorum.spawn(member(gate.clone(), field.lay()));
    }
    hand.run();
    gate.open();
    hand.run();
    let (n, mine) = hand.finish(group.wait()).unwrap();
    assert_eq!((n, field.gone()), (3, 3));
    std::mem::forget(mine);
    let mut given = hand.finish(quorum.wait()).unwrap();
    let (n, mine) = given.pop().unwrap();
    assert_eq!((n, given.len(), field.gone()), (3, 0, 6));
    std::mem::forget(mine);
}

#[test]
fn values_that_a_group_does_not_keep_harm_nobody() {
    let (hand, field) = (Hand::new(), Field::default());
    let group = hand.policed(Discard);
    for _ in 0..10 {
        let mine = field.lay();
        group.spawn(move |_| async move { ok(mine) });
    }
    assert_eq!(hand.finish(group.wait()).total(), 10);
    assert_eq!(field.gone(), 10);
}

#[test]
fn futures_that_panic_in_their_end_have_panicked() {
    for limit in [1, 100] {
        let (hand, field) = (Hand::new(), Field::default());
        let group = hand.policed(CollectAll).panics(Panics::AsError).limit(limit);
        for _ in 0..3 {
            let mine = field.lay();
            // The future's own end, after it has given its value.
            group.spawn(move |_| {
                let mut kept = Some(mine);
                std::future::poll_fn(move |_| {
                    let _held = &mut kept;
                    std::task::Poll::Ready(ok(1))
                })
            });
        }
        let outcomes = hand.finish(group.wait());
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(MemberError::Panicked(_)))));
        assert_eq!((outcomes.len(), field.gone()), (3, 3));
    }
}

#[test]
fn of_a_member_that_panics_and_panics_again_in_its_end_the_first_payload_counts() {
    let (hand, field) = (Hand::new(), Field::default());
    let group = hand.group::<()>();
    let mine = field.lay();
    group.spawn(move |_| {
        let mut kept = Some(mine);
        std::future::poll_fn(move |_| {
            let _held = &mut kept;
            panic_any("the first") as std::task::Poll<Result<(), String>>
        })
    });
    let payload = catch_unwind(AssertUnwindSafe(|| hand.finish(group.wait()))).unwrap_err();
    assert_eq!((crate::message(&*payload), field.gone()), ("the first", 1));
}

#[test]
fn closures_that_panic_in_their_end_lose_nobody() {
    for way in 0..4 {
        let (hand, field) = (Hand::new(), Field::default());
        let group = hand.policed::<(), _>(Discard).panics(Panics::AsError).limit(1);
        if way == 0 {
            group.cancel();
        }
        for _ in 0..5 {
            let (mine, other) = (field.lay(), field.lay());
            group.spawn(move |_| async move { ok(drop(mine)) });
            group.spawn_blocking(move |_| ok(drop(other)));
        }
        match way {
            0 => {}
            1 => group.cancel(),
            2 => hand.drop_tasks(),
            _ => {
                drop(group);
                hand.run();
                assert_eq!(field.gone(), 10);
                continue;
            }
        }
        let tally = hand.finish(group.wait());
        assert_eq!((tally.total(), tally.panicked, field.gone()), (10, 10, 10), "way {way}: {tally}");
    }
}

#[test]
fn payloads_that_panic_in_their_end_lose_nobody() {
    let (hand, field) = (Hand::new(), Field::default());
    let group = hand.policed::<(), _>(CollectAll).panics(Panics::AsError);
    for _ in 0..3 {
        let mine = field.lay();
        group.spawn(move |_| async move { panic_with(mine) });
    }
    drop(hand.finish(group.wait()));
    assert_eq!(field.gone(), 3);

    // Those that are not the first.
    let group = hand.group::<()>();
    for _ in 0..3 {
        let mine = field.lay();
        group.spawn(move |_| async move { panic_with(mine) });
    }
    let payload = catch_unwind(AssertUnwindSafe(|| hand.finish(group.wait()))).unwrap_err();
    assert_eq!(field.gone(), 5);
    std::mem::forget(payload);

    // And those that nobody waited for.
    let group = hand.group::<()>();
    for _ in 0..3 {
        let mine = field.lay();
        group.spawn(move |_| async move { panic_with(mine) });
    }
    hand.run();
    drop(group);
    assert_eq!(field.gone(), 8);
}

#[test]
fn errors_that_panic_in_their_end_lose_nobody() {
    let (hand, field) = (Hand::new(), Field::default());
    for way in 0..4 {
        let before = field.gone();
        let group = hand.policed::<(), _>(CollectAll);
        for _ in 0..3 {
            let mine = field.lay();
            group.spawn(move |_| async move { Err(mine) });
        }
        match way {
            0 => {
                hand.run();
                drop(group);
            }
            1 => {
                group.spawn(|_| async { panic_with("panicked") });
                let payload = catch_unwind(AssertUnwindSafe(|| hand.finish(group.wait()))).unwrap_err();
                assert_eq!(crate::message(&*payload), "panicked");
            }
            2 => {
                hand.run();
                drop(group.stream());
            }
            _ => {
                let results = group.stream();
                hand.run();
                drop(results);
            }
        }
        assert_eq!(field.gone(), before + 3, "way {way}");
    }
    let before = field.gone();
    let group = hand.policed::<(), _>(Discard);
    for _ in 0..3 {
        let mine = field.lay();
        group.spawn(move |_| async move { Err(mine) });
    }
    assert_eq!(hand.finish(group.wait()).failed, 3);
    assert_eq!(field.gone(), before + 3);
}

#[test]
fn an_error_whose_text_panics_with_a_payload_that_panics_loses_nobody() {
    let (hand, field) = (Hand::new(), Field::default());
    let group = Group::<(), Speechless>::typed(&Context::background()).on(hand.clone());
    for n in 0..3 {
        let field = field.clone();
        group.spawn(move |ctx| async move {
            if n != 2 {
                ctx.wait_async().await;
            }
            Err(Speechless(field))
        });
    }
    let error = hand.finish(group.wait()).unwrap_err();
    assert_eq!((error.member().unwrap().index(), error.tally().failed), (2, 3));
}

#[test]
fn a_cancelled_when_whose_payload_panics_loses_nobody() {
    let (hand, field) = (Hand::new(), Field::default());
    let mines = field.clone();
    let group = hand.group::<()>().cancelled_when(move |_| panic_any(mines.lay()));
    for n in 0..3 {
        group.spawn(move |ctx| async move {
            if n != 2 {
                ctx.wait_async().await;
            }
            Err(format!("failure {n}"))
        });
    }
    assert_eq!(hand.finish(group.wait()).unwrap_err().tally().failed, 3);
}
