//! What a member's panic does.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

use headcount::{CollectAll, Discard, FirstOk, MemberError, Panics, Quorum, ok};

use super::{Gate, Hand, panic_with};

type Payload = Box<dyn std::any::Any + Send>;

fn caught<T>(f: impl FnOnce() -> T) -> Payload {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("no panic came"),
        Err(payload) => payload,
    }
}

#[derive(Debug, PartialEq)]
struct Unchanged(Box<u32>);

#[test]
fn the_first_payload_is_resumed_in_the_waiter_unchanged() {
    let hand = Hand::new();
    for policy in 0..4 {
        let payload = match policy {
            0 => {
                let group = hand.group();
                group.spawn(|_| async { ok(0) });
                group.spawn(|_| async { panic_with(Unchanged(Box::new(7))) });
                caught(|| hand.finish(group.wait()))
            }
            1 => {
                let group = hand.policed::<(), _>(Discard);
                group.spawn(|_| async { panic_with(Unchanged(Box::new(7))) });
                caught(|| hand.finish(group.wait()))
            }
            2 => {
                let group = hand.policed::<(), _>(CollectAll);
                group.spawn(|_| async { panic_with(Unchanged(Box::new(7))) });
                caught(|| hand.finish(group.wait()))
            }
            _ => {
                let group = hand.policed::<(), _>(Quorum(1));
                group.spawn(|_| panic_any(Unchanged(Box::new(7))) as std::future::Ready<Result<(), String>>);
                caught(|| hand.finish(group.wait()))
            }
        };
        assert_eq!(payload.downcast_ref(), Some(&Unchanged(Box::new(7))));
    }
}

#[test]
fn siblings_are_cancelled_at_once_and_everyone_is_joined_before_the_panic_goes_on() {
    for policy in [true, false] {
        let (hand, gate) = (Hand::new(), Gate::closed());
        let spawner;
        let mut wait: std::pin::Pin<Box<dyn Future<Output = ()>>>;
        if policy {
            let group = hand.group::<()>();
            spawner = Some(group.spawner());
            let inside = gate.clone();
            group.spawn(move |_| async move { ok(inside.pass().await) });
            group.spawn(|_| async { panic_with("first") });
            wait = Box::pin(async { drop(group.wait().await) });
        } else {
            // Even where the policy would let all go on.
            let group = hand.policed::<(), _>(CollectAll);
            let (ctx, inside) = (group.context().clone(), gate.clone());
            group.spawn(move |_| async move { ok(inside.pass().await) });
            group.spawn(|_| async { panic_with("first") });
            spawner = None;
            wait = Box::pin(async { drop(group.wait().await) });
            assert!(!ctx.is_cancelled());
            hand.run();
            assert!(ctx.is_cancelled());
        }
        hand.run();
        assert!(spawner.is_none_or(|spawner| spawner.context().is_cancelled() && spawner.running() == 1));
        assert!(super::poll_once(wait.as_mut()).is_pending(), "one is out");
        gate.open();
        assert_eq!(crate::message(&*caught(|| hand.finish(wait))), "first");
    }
}

#[test]
fn of_several_panics_the_first_goes_on() {
    let hand = Hand::new();
    let group = hand.group::<()>();
    for n in 0..10_u32 {
        group.spawn(move |ctx| async move {
            if n != 4 {
                ctx.wait_async().await;
            }
            panic_with(n)
        });
    }
    let payload = caught(|| hand.finish(group.wait()));
    assert_eq!(payload.downcast_ref(), Some(&4_u32));
}

#[test]
fn a_panic_after_a_failure_is_not_lost() {
    let hand = Hand::new();
    let group = hand.group::<()>();
    group.spawn(|ctx| async move {
        ctx.wait_async().await;
        panic_with("in cleaning up")
    });
    group.spawn(|_| async { Err("failed") });
    assert_eq!(crate::message(&*caught(|| hand.finish(group.wait()))), "in cleaning up");

    let group = hand.policed(FirstOk);
    group.spawn(|ctx| async move {
        ctx.wait_async().await;
        panic_with("in cleaning up")
    });
    group.spawn(|_| async { ok(1) });
    assert_eq!(crate::message(&*caught(|| hand.finish(group.wait()))), "in cleaning up");
}

#[test]
fn as_errors_all_panics_are_kept_and_counted() {
    let hand = Hand::new();
    let group = hand.policed(CollectAll).panics(Panics::AsError);
    for n in 0..10_u32 {
        group.spawn(
            move |_| async move { if n % 2 == 0 { Ok(n) } else { panic_with(Unchanged(Box::new(n))) } },
        );
    }
    for (n, outcome) in (0..).zip(hand.finish(group.wait())) {
        match outcome {
            Ok(value) => assert_eq!((value, n % 2), (n, 0)),
            Err(MemberError::Panicked(report)) => {
                assert_eq!(*report.into_payload().downcast::<Unchanged>().unwrap(), Unchanged(Box::new(n)));
            }
            Err(other) => panic!("{other}"),
        }
    }

    let group = hand.group::<()>().panics(Panics::AsError);
    for n in 0..4 {
        group.spawn(move |ctx| async move {
            if n != 3 {
                ctx.wait_async().await;
            }
            panic_with(format!("panic {n}"))
        });
    }
    let error = hand.finish(group.wait()).unwrap_err();
    assert_eq!((error.panic().unwrap().message(), error.member().unwrap().index()), (Some("panic 3"), 3));
    assert_eq!((error.others().len(), error.tally().panicked), (3, 4));
    assert!(error.to_string().contains("panicked (and 3 others failed): panic 3"), "{error}");
}

#[test]
fn several_panics_are_all_in_the_tally() {
    let hand = Hand::new();
    let group = hand.policed::<(), _>(Discard).panics(Panics::AsError);
    (0..5).for_each(|n| group.spawn(move |_| async move { if n < 3 { panic_with(n) } else { ok(()) } }));
    let tally = hand.finish(group.wait());
    assert_eq!((tally.panicked, tally.succeeded, tally.total()), (3, 2, 5));
}

#[test]
fn a_blocking_member_and_a_fork_panic_like_others() {
    let hand = Hand::new();
    crate::within(move || {
        let group = hand.group::<()>();
        group.spawn_blocking(|_| panic_with(1_u8));
        assert_eq!(caught(|| smol::block_on(group.wait())).downcast_ref(), Some(&1_u8));
        let group = hand.group::<()>();
        let fork = group.fork(|_| async { panic_with::<String>(2_u8) });
        assert_eq!(caught(|| hand.finish(group.wait())).downcast_ref(), Some(&2_u8));
        assert_eq!(fork.take(), None);
    });
}

#[test]
fn a_panic_takes_nobody_along_who_queues() {
    let hand = Hand::new();
    let group = hand.policed(CollectAll).panics(Panics::AsError).limit(1);
    group.spawn(|_| async { panic_with("first") });
    (1..10).for_each(|n| group.spawn(move |_| async move { ok(n) }));
    assert_eq!(hand.finish(group.wait()).iter().filter(|outcome| outcome.is_ok()).count(), 9);
}

#[test]
fn a_policy_that_panics_ends_the_group_and_its_panic_goes_on() {
    struct Nervous;
    impl<T, E> headcount::Policy<T, E> for Nervous {
        const KEEPS: bool = true;
        type Output = ();
        fn judge(&mut self, _: &headcount::Outcome<'_, T, E>) -> headcount::Verdict {
            panic!("I cannot decide")
        }
        fn output(self, _: headcount::Ended<T, E>) {}
    }
    let hand = Hand::new();
    for way in 0..3 {
        let group = hand.policed(Nervous);
        group.spawn(|ctx| async move { Err(ctx.wait_async().await) });
        match way {
            0 => group.spawn(|_| async { ok(()) }),
            1 => group.spawn(|_| async { Err("failed") }),
            _ => drop(group.fork(|_| async { ok(()) })),
        }
        hand.run();
        assert!(group.context().is_cancelled() && group.running() == 0);
        assert_eq!(crate::message(&*caught(|| hand.finish(group.wait()))), "I cannot decide");
    }
}

/// In a process of its own, which is this test again.
#[test]
fn abort_ends_the_process_and_names_the_member() {
    const CHILD: &str = "HEADCOUNT_TEST_ABORTS";
    if std::env::var_os(CHILD).is_some() {
        let hand = Hand::new();
        let group = hand.group::<()>().panics(Panics::Abort);
        group.spawn_named("the odd one", |_| async { panic_with("for good") });
        hand.run();
        println!("still here");
        std::process::exit(0);
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "task::panics::abort_ends_the_process_and_names_the_member", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && !said.contains("still here"), "{said}");
    assert!(said.contains("member #1 \"the odd one\" (") && said.contains("end the process"), "{said}");
    #[cfg(unix)]
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(6));
}
