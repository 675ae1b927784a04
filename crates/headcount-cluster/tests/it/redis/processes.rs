//! Workers and registrars as processes of their own, on a server: killed with -9, stopped and continued, and taken along by what they ran.

use std::time::Duration;

use headcount::Context;
use headcount_cluster::{
    Failure, Finished, Group, GroupId, GroupState, MemberError, Policy, Redis, Settings, Store, Worker,
    WorkerEvent,
};

use super::patience::{account, ends, patient, until};
use super::server::{LIMIT, Server};
use crate::process::{Processes, role};

const MEMBERS: u64 = 8;

fn settings(lease: u64) -> Settings {
    let (policy, lease) = (Policy::KeepGoing, Duration::from_secs(lease));
    Settings { policy, lease, losses: 1000, ..Settings::new("processes") }
}

/// Processes of this test, and a group for them.
fn trial(test: &str, id: GroupId) -> Processes {
    let url = Server::shared().url();
    let test = format!("redis::processes::{test}");
    Processes::of(&test, &[("HEADCOUNT_URL", &url), ("HEADCOUNT_GROUP", &id.to_string())])
}

async fn engine() -> Redis {
    patient(&Server::shared().url()).await
}

/// In a process: the engine, and which group is meant.
async fn given() -> (Redis, GroupId) {
    let variable = |name| std::env::var(name).expect("it is set");
    let redis = patient(&variable("HEADCOUNT_URL")).await;
    (redis, GroupId::parse(&variable("HEADCOUNT_GROUP")).expect("an id"))
}

/// In a process: works until the group is over.
async fn work(name: String, folder: std::path::PathBuf) {
    let (redis, group) = given().await;
    let worker = Worker::new(redis)
        .named(name)
        .limit(4)
        .groups([group])
        .handle("square", |_ctx, n: u64| async move { headcount::ok(n * n) })
        .handle("gate", move |ctx: Context, n: u64| {
            let gate = folder.join("gate");
            async move {
                while !gate.exists() {
                    ctx.sleep_async(Duration::from_millis(10)).await.map_err(|_| Failure::new("stopped"))?;
                }
                Ok::<_, Failure>(n * n)
            }
        })
        .handle("poison", |_ctx, _n: u64| async move {
            std::process::exit(9);
            #[expect(unreachable_code, reason = "its type")]
            headcount::ok(0_u64)
        })
        .on_event(|event| {
            if let WorkerEvent::Ended { said: Some(Finished::Stale), token, .. } = event {
                println!("\nstale {}", token.member);
            }
        });
    worker.run(&Context::background()).await.expect("it serves");
}

/// Waits until so many run at this worker.
async fn runs_at(redis: &Redis, group: GroupId, worker: &str, members: usize) {
    until("so many run there", async || {
        let page = redis.standings(group, None).await.expect("standings");
        let there = page
            .items
            .iter()
            .filter(|standing| standing.runs.as_ref().is_some_and(|(name, _)| name == worker));
        there.count() == members
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_are_killed_or_stopped_are_replaced_and_zombies_are_stale() {
    if let Some((role, folder)) = role() {
        return work(role, folder).await;
    }
    let redis = engine().await;
    let id = GroupId::new();
    let group = Group::open_as(redis.clone(), id, settings(2)).await.expect("opened");
    for n in 1..=MEMBERS {
        group.spawn("gate", &n).await.expect("spawned");
    }
    let group = group.seal().await.expect("sealed");
    let test = "workers_that_are_killed_or_stopped_are_replaced_and_zombies_are_stale";
    let mut processes = trial(test, id);
    for worker in ["worker-1", "worker-2"] {
        processes.order("begin", worker);
        runs_at(&redis, id, worker, 4).await;
    }
    processes.order("KILL", "worker-1");
    processes.order("STOP", "worker-2");
    for worker in ["worker-3", "worker-4"] {
        processes.order("begin", worker);
    }
    for worker in ["worker-3", "worker-4"] {
        runs_at(&redis, id, worker, 4).await;
    }
    processes.order("CONT", "worker-2");
    processes.until_said("worker-2", |said| said.matches("\nstale ").count() >= 4);
    std::fs::write(processes.folder().join("gate"), "").expect("it is open");
    let results = tokio::time::timeout(LIMIT, group.results::<u64>()).await.expect("over in time");
    assert!(results.expect("all succeed").into_iter().eq((1..=MEMBERS).map(|n| n * n)));
    let now = account(&redis, id).await;
    assert_eq!((now.state, now.tally.done), (GroupState::Done, MEMBERS));
    let (members, group_ends) = ends(Server::shared(), id).await;
    assert_eq!((members.len() as u64, group_ends), (MEMBERS, 1));
    assert!(members.values().all(|ends| *ends == 1), "each once: {members:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registrar_that_is_killed_before_the_seal_abandons_its_group_and_after_it_is_not_missed() {
    if let Some((role, folder)) = role() {
        if role.starts_with("worker") {
            return work(role, folder).await;
        }
        let (redis, id) = given().await;
        let settings = Settings { owner_lease: Duration::from_secs(2), ..settings(30) };
        let group = Group::open_as(redis, id, settings).await.expect("opened");
        for n in 1..=3_u64 {
            group.spawn("square", &n).await.expect("spawned");
        }
        if role == "seals" {
            group.seal().await.expect("sealed");
        } else {
            group.flush().await.expect("they are there");
        }
        println!("\nspawned");
        return std::future::pending().await;
    }
    let test = "a_registrar_that_is_killed_before_the_seal_abandons_its_group_and_after_it_is_not_missed";
    let redis = engine().await;
    for (registrar, end) in [("seals", GroupState::Done), ("leaves", GroupState::Abandoned)] {
        let id = GroupId::new();
        let mut processes = trial(test, id);
        processes.order("begin", registrar);
        processes.until_said(registrar, |said| said.contains("\nspawned\n"));
        processes.order("KILL", registrar);
        let group = Group::attach(redis.clone(), id).await.expect("it is there");
        let group = group.look_every(Duration::from_millis(100));
        if end == GroupState::Done {
            processes.order("begin", "worker");
        }
        let ended = tokio::time::timeout(LIMIT, group.wait()).await.expect("over in time");
        let account = ended.unwrap_or_else(|error| error.failed().expect("it is over").account().clone());
        assert_eq!(account.state, end);
        assert_eq!(account.tally.ended(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_kills_its_workers_is_lost_at_the_third_and_nobody_else_is() {
    if let Some((role, folder)) = role() {
        return work(role, folder).await;
    }
    let redis = engine().await;
    let id = GroupId::new();
    let settings = Settings { losses: 3, ..settings(1) };
    let group = Group::open_as(redis.clone(), id, settings).await.expect("opened");
    group.spawn("poison", &0_u64).await.expect("spawned");
    let group = group.seal().await.expect("sealed").look_every(Duration::from_millis(100));
    let mut processes = trial("a_member_that_kills_its_workers_is_lost_at_the_third_and_nobody_else_is", id);
    let waits = tokio::spawn({
        let group = group.clone();
        async move { group.wait().await }
    });
    for worker in 1..=3 {
        processes.order("begin", &format!("worker-{worker}"));
        until("its lease is over", async || {
            let page = redis.standings(id, None).await.expect("standings");
            page.items[0].attempt >= worker && page.items[0].runs.is_none()
        })
        .await;
    }
    let error = tokio::time::timeout(LIMIT, waits).await.expect("over in time").expect("no panic");
    let error = error.expect_err("it was lost");
    assert_eq!(error.failed().expect("it is over").account().tally.lost, 1);
    let outcomes = group.outcomes::<u64>().await.expect("it is over");
    assert_eq!(outcomes[0].1, Err(MemberError::Lost { attempt: 3 }));
}
