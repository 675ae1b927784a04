//! How groups end, and what is said of it.

use std::time::Duration;

use headcount::ok;
use headcount_cluster::{
    Backoff, Failure, Group, GroupId, GroupState, MemberError, Payload, Policy, Settings, Store, Worker,
};
use tokio::time::{Instant, sleep};

use super::{LEASE, engine, group_of, limited, settings, square, start, worker};

/// Fails with the number it is given; 0 succeeds.
fn failing<S: Store>(engine: &S) -> Worker<S> {
    worker(engine).handle("fail", |_ctx, code: u64| async move {
        if code == 0 { Ok(()) } else { Err(std::io::Error::other(format!("code {code}"))) }
    })
}

#[tokio::test(start_paused = true)]
async fn the_error_names_the_first_who_failed_and_counts_the_others() {
    let engine = engine();
    let group = Group::open(engine.clone(), Settings { retries: 1, ..settings() }).await.unwrap();
    for code in [0, 7, 0, 8] {
        group.spawn_named(&format!("with {code}"), "fail", &code).await.unwrap();
    }
    let group = group.seal().await.unwrap();
    let worker = start(failing(&engine).limit(1).until_idle());
    let error = limited(group.wait()).await.expect_err("two failed");
    let failed = error.failed().expect("it is over");
    assert_eq!(failed.member().map(|member| member.number()), Some(Some(2)));
    let root = failed.root().unwrap();
    assert_eq!((root.attempt, root.why.as_deref()), (Some(2), Some(&b"code 7"[..])));
    let text = format!(
        "group \"trial\" ({}): member #2 \"with 7\" failed in its attempt 2: code 7 (and 1 other failed)",
        group.id()
    );
    assert_eq!(error.to_string(), text);
    let tally = failed.account().tally;
    assert_eq!((tally.done, tally.failed), (2, 2));
    let outcomes = limited(group.outcomes::<()>()).await.unwrap();
    let outcomes: Vec<_> = outcomes.into_iter().map(|(_, ended)| ended).collect();
    let failed = |why: &[u8]| Err(MemberError::Failed { attempt: 2, why: why.to_vec() });
    assert_eq!(outcomes, [Ok(()), failed(b"code 7"), Ok(()), failed(b"code 8")]);
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn members_that_were_cancelled_because_of_a_failure_are_no_others() {
    let engine = engine();
    let group =
        Group::open(engine.clone(), Settings { policy: Policy::FailFast, ..settings() }).await.unwrap();
    group.spawn("sleep", &1000_u64).await.unwrap();
    group.spawn("sleep", &1000_u64).await.unwrap();
    for _ in 0..1000 {
        group.spawn("fail", &9_u64).await.unwrap();
    }
    let group = group.seal().await.unwrap();
    let begin = Instant::now();
    let worker = start(failing(&engine).limit(3).until_idle());
    let error = limited(group.wait()).await.expect_err("one failed");
    assert!(error.to_string().ends_with("member #3 failed: code 9"), "{error}");
    let tally = error.failed().unwrap().account().tally;
    assert_eq!((tally.failed, tally.cancelled), (1, 1001));
    assert!(begin.elapsed() <= LEASE / 3, "whoever ran was told with the heartbeat: {:?}", begin.elapsed());
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn policies_are_those_of_one_machine() {
    let engine = engine();
    for (policy, codes, state) in [
        (Policy::FirstSuccess, [1, 2, 0], GroupState::Done),
        (Policy::FirstSuccess, [1, 2, 3], GroupState::Failed),
        (Policy::Quorum(2), [0, 1, 0], GroupState::Done),
        (Policy::Quorum(2), [0, 1, 2], GroupState::Failed),
        (Policy::KeepGoing, [0, 0, 0], GroupState::Done),
    ] {
        let group = group_of(&engine, Settings { policy, ..settings() }, "fail", codes).await;
        let worker = start(failing(&engine).groups([group.id()]));
        let ended = limited(group.wait()).await;
        assert_eq!(ended.is_ok(), state == GroupState::Done, "{policy:?} {codes:?}: {ended:?}");
        assert_eq!(group.summary().await.unwrap().state, state);
        limited(worker).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_cancelled_says_why() {
    let engine = engine();
    let group = group_of(&engine, settings(), "sleep", vec![1000; 3000]).await;
    let worker = start(worker(&engine).groups([group.id()]));
    sleep(Duration::from_secs(1)).await;
    group.cancel("the user closed the window").await.unwrap();
    let error = limited(group.wait()).await.expect_err("cancelled");
    let expected = format!(
        "group \"trial\" ({}) was cancelled: the user closed the window (3000 members: 0 ok, 0 failed, 0 lost, 3000 cancelled)",
        group.id()
    );
    assert_eq!(error.to_string(), expected);
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_group_that_nobody_serves_ends_with_its_deadline() {
    let engine = engine();
    let deadline = Duration::from_secs(100);
    let group =
        group_of(&engine, Settings { deadline: Some(deadline), ..settings() }, "sleep", [1; 1200]).await;
    let begin = Instant::now();
    let error = limited(group.wait()).await.expect_err("its time was up");
    assert_eq!(error.failed().unwrap().account().state, GroupState::Expired);
    assert!(begin.elapsed() >= deadline && begin.elapsed() < deadline + Duration::from_secs(8));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_reaches_who_runs() {
    let engine = engine();
    let deadline = Some(Duration::from_secs(100));
    let group = group_of(&engine, Settings { deadline, ..settings() }, "sleep", [1000; 2]).await;
    let begin = Instant::now();
    let worker = start(worker(&engine).groups([group.id()]));
    let error = limited(group.wait()).await.expect_err("its time was up");
    let account = error.failed().unwrap().account();
    assert_eq!((account.state, account.tally.cancelled), (GroupState::Expired, 2));
    assert!(begin.elapsed() < Duration::from_secs(108), "{:?}", begin.elapsed());
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_registrar_that_is_dropped_cancels_its_group_at_once() {
    let engine = engine();
    let registrar = Group::open(engine.clone(), settings()).await.unwrap();
    registrar.spawn("sleep", &1_u64).await.unwrap();
    let group = Group::attach(engine, registrar.id()).await.unwrap();
    let begin = Instant::now();
    drop(registrar);
    let error = limited(group.wait()).await.expect_err("it was never sealed");
    assert_eq!(error.failed().unwrap().account().state, GroupState::Cancelled);
    assert!(error.to_string().contains("gave up before saying how many"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_registrar_that_dies_leaves_a_group_that_is_abandoned() {
    let (engine, id) = (engine(), GroupId::new());
    // Whoever registers by hand, and then is no more.
    engine.open(id, &settings()).await.unwrap();
    engine.add(id, &[("1".into(), square(2))]).await.unwrap();
    let group = Group::attach(engine, id).await.unwrap();
    let error = limited(group.wait()).await.expect_err("nobody will seal it");
    let account = error.failed().unwrap().account();
    assert_eq!((account.state, account.tally.cancelled), (GroupState::Abandoned, 1));
    assert!(error.to_string().contains("was abandoned: whoever registered members has gone"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_member_with_the_message() {
    let engine = engine();
    let group = group_of(&engine, settings(), "panic", [1, 2]).await;
    let worker = worker(&engine).handle("panic", |_ctx, n: u64| {
        assert!(n != 1, "before anything is awaited");
        async move {
            tokio::task::yield_now().await;
            assert!(n != 2, "while it runs");
            ok(())
        }
    });
    let worker = start(worker.until_idle());
    let outcomes = limited(group.outcomes::<()>()).await.unwrap();
    let why: Vec<_> = outcomes.iter().map(|(_, ended)| ended.as_ref().unwrap_err().to_string()).collect();
    assert_eq!(why, ["panicked: before anything is awaited", "panicked: while it runs"]);
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_as_the_settings_say_and_the_handler_wants() {
    let engine = engine();
    let (retries, backoff) = (2, Backoff::Fixed(Duration::from_secs(10)));
    let group = Group::open(engine.clone(), Settings { retries, backoff, ..settings() }).await.unwrap();
    for args in ["at the third", "for good", "never"] {
        let payload = Payload { handler: "try".into(), place: None, args: args.into() };
        group.spawn_payload(Some(args), &payload).await.unwrap();
    }
    let group = group.seal().await.unwrap();
    let worker = worker(&engine).handle_bytes("try", |_ctx, job| async move {
        match (&job.args[..], job.attempt) {
            (b"at the third", 3) => Ok(b"3".to_vec()),
            (b"for good", _) => Err(Failure::for_good("no such file")),
            (_, attempt) => Err(Failure::new(format!("attempt {attempt}"))),
        }
    });
    let begin = Instant::now();
    let worker = start(worker.until_idle());
    let outcomes = limited(group.outcomes::<u64>()).await.unwrap();
    let outcomes: Vec<_> = outcomes.into_iter().map(|(_, ended)| ended).collect();
    let failed = |attempt, why: &str| Err(MemberError::Failed { attempt, why: why.into() });
    assert_eq!(outcomes, [Ok(3), failed(1, "no such file"), failed(3, "attempt 3")]);
    assert!(begin.elapsed() >= Duration::from_secs(20) && begin.elapsed() < Duration::from_secs(22));
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_or_kept_fails_and_says_so() {
    let engine = engine();
    let group = Group::open(engine.clone(), Settings { largest: 200, ..settings() }).await.unwrap();
    group.spawn("square", "seven").await.unwrap();
    group.spawn("long", &()).await.unwrap();
    group.spawn("long error", &()).await.unwrap();
    let group = group.seal().await.unwrap();
    let worker = worker(&engine)
        .handle("long", |_ctx, ()| async { ok("x".repeat(1000)) })
        .handle("long error", |_ctx, ()| async { Err::<(), _>("y".repeat(1000)) });
    let worker = start(worker.until_idle());
    let outcomes = limited(group.outcomes::<u64>()).await.unwrap();
    let why: Vec<_> = outcomes.iter().map(|(_, ended)| ended.as_ref().unwrap_err().to_string()).collect();
    assert!(
        why[0].starts_with("what it was spawned with (\"seven\") is not what handler \"square\" takes"),
        "{why:?}"
    );
    assert!(
        why[1].starts_with("its result is 1002 bytes, and 200 are kept at most: put it where"),
        "{why:?}"
    );
    assert_eq!(why[2], "y".repeat(200));
    limited(worker).await.unwrap();
}
