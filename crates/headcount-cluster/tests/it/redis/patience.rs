//! Asking again, as workers do, and adding up where everybody stands.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use headcount_cluster::store::Ended;
use headcount_cluster::{GroupId, Place, Redis, RedisOptions, Store, StoreError, Summary};

use super::server::{LIMIT, Server};

/// An engine that is as patient as the tests are, however busy the machine is.
pub(crate) async fn patient(url: &str) -> Redis {
    let options = RedisOptions::new(url).answer_within(LIMIT).connect_within(LIMIT);
    options.connect().await.expect("it runs")
}

/// Asks until there is an answer, as long as it makes sense.
pub(crate) async fn insist<T>(mut step: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        match step().await {
            Ok(answer) => return answer,
            Err(error) => {
                assert!(error.is_passing() && Instant::now() < end, "{error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// Looks until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is_so().await {
        assert!(Instant::now() < end, "it never comes to that: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The group's summary, after everybody was asked where they stand: the counts are what that comes to.
pub(crate) async fn account(redis: &Redis, group: GroupId) -> Summary {
    let now = insist(async || redis.summary(group).await).await;
    let (mut places, mut after) = (BTreeMap::new(), None::<String>);
    loop {
        let page = insist(async || redis.standings(group, after.as_deref()).await).await;
        places.extend(page.items.into_iter().map(|standing| (standing.member, standing.place)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let count = |place: Place| places.values().filter(|at| **at == place).count() as u64;
    let counted = [
        places.len() as u64,
        count(Place::Running),
        count(Place::Waiting),
        count(Place::Ended(Ended::Done)),
        count(Place::Ended(Ended::Failed)),
        count(Place::Ended(Ended::Lost)),
        count(Place::Ended(Ended::Cancelled)),
    ];
    let t = now.tally;
    let said = [t.registered, t.running, t.waiting, t.done, t.failed, t.lost, t.cancelled];
    assert_eq!(said, counted, "counts are where members stand");
    now
}

/// How often each member has come to an end, and how often the group has, by the events.
pub(crate) async fn ends(server: &Server, group: GroupId) -> (HashMap<String, u32>, u32) {
    let events: Vec<(String, Vec<String>)> = server.ask(&format!("XRANGE hc:{{{group}}}:e - +")).await;
    let (mut members, mut group_ends) = (HashMap::new(), 0);
    for (_, fields) in events {
        match fields[1].as_str() {
            "ok" | "failed" | "lost" => *members.entry(fields[3].clone()).or_default() += 1,
            "terminal" => group_ends += 1,
            _ => {}
        }
    }
    (members, group_ends)
}
