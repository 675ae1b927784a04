//! Members are spawned, numbered, taken to the engine, and sealed.

use std::time::Duration;

use headcount_cluster::{Group, GroupId, GroupState, Payload, Settings, SpawnError, Store, StoreError};
use tokio::time::sleep;

use super::flaky::{Fate, Flaky};
use super::{engine, group_of, limited, settings, start, worker};

#[tokio::test(start_paused = true)]
async fn results_come_in_the_order_of_spawning() {
    let engine = engine();
    let group = group_of(&engine, settings(), "square", 1..=1200).await;
    let worker = start(worker(&engine).until_idle());
    let results = limited(group.results::<u64>()).await.unwrap();
    assert!(results.into_iter().eq((1..=1200).map(|n| n * n)));
    assert_eq!(limited(worker).await.unwrap().done, 1200);
}

#[tokio::test(start_paused = true)]
async fn members_are_with_the_engine_soon_and_before_the_seal() {
    let engine = engine();
    let group = Group::open(engine.clone(), settings()).await.unwrap();
    let worker = start(worker(&engine));
    let cat = group.spawn_named("cat.png", "square", &7_u64).await.unwrap();
    assert_eq!((cat.to_string().as_str(), group.spawned()), ("#1 \"cat.png\"", 1));
    while group.summary().await.unwrap().tally.done < 1 {
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(group.summary().await.unwrap().state, GroupState::Open, "more may come");
    let dog = group.spawn("square", &8_u64).await.unwrap();
    group.flush().await.unwrap();
    assert_eq!(group.summary().await.unwrap().tally.registered, 2);
    let group = group.seal().await.unwrap();
    let outcomes = limited(group.outcomes::<u64>()).await.unwrap();
    assert_eq!(outcomes, [(cat, Ok(49)), (dog, Ok(64))]);
    worker.abort();
}

#[tokio::test(start_paused = true)]
async fn a_registrar_that_is_slow_is_not_taken_for_gone() {
    let engine = engine();
    let settings = super::settings();
    let group = Group::open(engine.clone(), settings.clone()).await.unwrap();
    for n in 1..=5_u64 {
        sleep(3 * settings.owner_lease).await;
        engine.reap(group.id()).await.unwrap();
        group.spawn("square", &n).await.unwrap();
    }
    let group = group.seal().await.unwrap();
    let worker = start(worker(&engine).until_idle());
    assert_eq!(limited(group.wait()).await.unwrap().tally.done, 5);
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn lost_answers_while_registering_cost_nothing() {
    let engine = engine();
    let mut calls = 0;
    let flaky = Flaky::new(&engine, move |asked| {
        calls += 1;
        match (asked, calls % 3) {
            ("open" | "add" | "seal" | "keep", 1) => Fate::Unheard,
            ("open" | "add" | "seal" | "keep", 2) => Fate::Refused,
            _ => Fate::Answered,
        }
    });
    let group = group_of(&flaky, settings(), "square", 1..=2345).await;
    let now = engine.summary(group.id()).await.unwrap();
    assert_eq!((now.sealed, now.tally.registered), (true, 2345));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_stays_away_is_an_error_and_not_a_wait_without_end() {
    let engine = engine();
    let mut opened = false;
    let flaky = Flaky::new(&engine, move |_| {
        let first = !std::mem::replace(&mut opened, true);
        if first { Fate::Answered } else { Fate::Refused }
    });
    let group = Group::open(flaky, settings()).await.unwrap();
    group.spawn("square", &1_u64).await.unwrap();
    let error = limited(group.seal()).await.expect_err("nobody can be registered");
    assert_eq!(error.to_string(), "the engine was asked to add: it is away");
}

#[tokio::test(start_paused = true)]
async fn who_begins_anew_after_a_crash_registers_nobody_twice() {
    let engine = engine();
    let id = GroupId::new();
    let first = Group::open_as(engine.clone(), id, settings()).await.unwrap();
    for n in 1..=700_u64 {
        first.spawn("square", &n).await.unwrap();
    }
    first.flush().await.unwrap();
    // It crashed: nothing of it runs any more, also not what it does when it is dropped.
    std::mem::forget(first);
    let again = Group::open_as(engine.clone(), id, settings()).await.unwrap();
    for n in 1..=1000_u64 {
        again.spawn("square", &n).await.unwrap();
    }
    let group = again.seal().await.unwrap();
    assert_eq!(group.summary().await.unwrap().tally.registered, 1000);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_spawned_is_said_at_once_and_harms_nobody() {
    let engine = engine();
    let group = Group::open(engine.clone(), Settings { largest: 100, ..settings() }).await.unwrap();
    let heavy = Payload { handler: "square".into(), place: None, args: vec![b' '; 100] };
    let error = group.spawn_payload(Some("heavy"), &heavy).await.expect_err("too large");
    assert!(matches!(&error, SpawnError::Engine(why) if matches!(**why, StoreError::TooLarge { .. })));
    assert!(error.to_string().starts_with("member \"heavy\" brings 121 bytes, and 100 are kept"), "{error}");
    let odd = std::collections::HashMap::from([((1, 2), 3)]);
    let error = group.spawn("square", &odd).await.expect_err("JSON has no such keys");
    assert!(matches!(error, SpawnError::Args(_)), "{error}");
    group.spawn_named(&"long ".repeat(300), "square", &2_u64).await.unwrap();
    let group = group.seal().await.unwrap();
    let worker = start(worker(&engine).until_idle());
    assert_eq!(limited(group.results::<u64>()).await.unwrap(), [4]);
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_over_takes_nobody_and_says_so() {
    let engine = engine();
    let group = Group::open(engine.clone(), settings()).await.unwrap();
    group.spawn("square", &1_u64).await.unwrap();
    group.flush().await.unwrap();
    group.cancel("enough").await.unwrap();
    assert!(!group.is_over(), "nobody has told us yet");
    group.spawn("square", &2_u64).await.unwrap();
    group.flush().await.unwrap();
    assert!(group.is_over());
    // As on one machine that is no error; how the group ended is.
    group.spawn("square", &3_u64).await.unwrap();
    let group = group.seal().await.unwrap();
    let error = limited(group.wait()).await.expect_err("cancelled");
    let account = error.failed().expect("it is over").account();
    assert_eq!((account.state, account.tally.cancelled), (GroupState::Cancelled, 1));
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_with_a_group_that_is_sealed_and_gives_up_does_not_end_it() {
    let engine = engine();
    let group = group_of(&engine, settings(), "sleep", [100, 100]).await;
    let dropped = Group::open_as(engine.clone(), group.id(), settings()).await.unwrap();
    dropped.spawn("sleep", &100_u64).await.unwrap();
    drop(dropped);
    let other = Group::open_as(engine.clone(), group.id(), settings()).await.unwrap();
    other.spawn("sleep", &100_u64).await.unwrap();
    let error = limited(other.seal()).await.expect_err("there are two");
    assert!(
        matches!(&error, SpawnError::Engine(why) if matches!(**why, StoreError::Total { .. })),
        "{error}"
    );
    let worker = start(worker(&engine).groups([group.id()]));
    assert_eq!(limited(group.wait()).await.unwrap().tally.done, 2);
    limited(worker).await.unwrap();
}
