//! Redis: the same tests on a server of our own, and what only a server can do.

#[cfg(feature = "redis-cluster")]
mod cluster;
mod groups;
mod limits;
mod patience;
mod processes;
mod reach;
mod restart;
mod server;
#[cfg(feature = "tls")]
mod tls;
mod torn;

use std::time::Duration;

use headcount_cluster::conformance::Bench;
use headcount_cluster::{GroupId, Redis, Settings, Store, StoreError};
use patience::patient;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use server::Server;

/// An engine on the server all tests share.
struct OnServer {
    redis: Redis,
    server: &'static Server,
    beside: MultiplexedConnection,
}

impl OnServer {
    async fn new() -> Self {
        let server = Server::shared();
        let redis = patient(&server.url()).await;
        Self { redis, server, beside: server.connection().await }
    }
}

impl Bench for OnServer {
    type Store = Redis;

    fn store(&self) -> &Redis {
        &self.redis
    }

    async fn pass(&self, group: GroupId, time: Duration) {
        make_earlier(&mut self.beside.clone(), group, time).await;
    }
}

/// Time passes for a group when everything it has put off lies so much earlier.
async fn make_earlier(connection: &mut impl ConnectionLike, group: GroupId, by: Duration) {
    let earlier = "
        local by = tonumber(ARGV[1])
        for _, key in ipairs({ KEYS[2], KEYS[3] }) do
          for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZINCRBY', key, -by, member) end
        end
        for _, field in ipairs({ 'owner_until', 'deadline' }) do
          local at = redis.call('HGET', KEYS[1], field)
          if at then redis.call('HSET', KEYS[1], field, string.format('%.0f', at - by)) end
        end";
    let keys = ["g", "d", "l"].map(|what| format!("hc:{{{group}}}:{what}"));
    let mut call = redis::cmd("EVAL");
    call.arg(earlier).arg(3).arg(&keys[..]).arg(u64::try_from(by.as_millis()).unwrap());
    call.query_async::<()>(connection).await.expect("it runs");
}

headcount_cluster::conformance_tests!(OnServer::new().await);

#[tokio::test]
async fn an_engine_that_cannot_be_reached_says_so() {
    let error = Redis::connect("redis://127.0.0.1:1").await.expect_err("nobody is there");
    assert!(
        error.is_passing() && error.to_string().starts_with("the engine was asked to connect: "),
        "{error}"
    );
}

#[tokio::test]
async fn an_engine_that_may_evict_is_refused() {
    let server = Server::start(&["maxmemory 100mb", "maxmemory-policy allkeys-lru"]);
    let error = Redis::connect(&server.url()).await.expect_err("it may throw groups away");
    assert!(matches!(&error, StoreError::Evicts(policy) if policy == "allkeys-lru"), "{error}");
    let server = Server::start(&["maxmemory 100mb", "maxmemory-policy noeviction"]);
    Redis::connect(&server.url()).await.expect("that is fine");
}

#[tokio::test]
async fn a_group_in_another_layout_is_left_alone() {
    let bench = OnServer::new().await;
    let group = GroupId::new();
    bench.redis.open(group, &Settings::new("later")).await.unwrap();
    let mut connection = bench.server.connection().await;
    let key = format!("hc:{{{group}}}:g");
    redis::cmd("HSET").arg((&key, "schema", "2")).query_async::<()>(&mut connection).await.unwrap();
    let error = bench.redis.add(group, &[("1".into(), Vec::new())]).await.expect_err("another layout");
    assert!(matches!(error, StoreError::Schema(..)), "{error}");
    let error = bench.redis.open(group, &Settings::new("later")).await.expect_err("another layout");
    assert!(error.to_string().contains("layout 2"), "{error}");
}

#[tokio::test]
async fn a_group_ends_with_one_event_and_its_keys_go_when_it_is_forgotten() {
    let bench = OnServer::new().await;
    let group = GroupId::new();
    let settings = Settings { keep: Duration::from_secs(500), ..Settings::new("short") };
    bench.redis.open(group, &settings).await.unwrap();
    bench.redis.add(group, &[("1".into(), b"give".to_vec())]).await.unwrap();
    bench.redis.seal(group, 1).await.unwrap();
    let claim = bench.redis.claim(group, "w", 1).await.unwrap().claims.remove(0);
    let report = headcount_cluster::Report::Done(b"took".to_vec());
    for _ in 0..3 {
        bench.redis.finish(group, &claim.token, &report).await.unwrap();
        bench.redis.cancel(group, "late").await.unwrap();
        bench.redis.reap(group).await.unwrap();
    }
    let mut connection = bench.server.connection().await;
    let key = |what: &str| format!("hc:{{{group}}}:{what}");
    let events: Vec<(String, Vec<String>)> =
        redis::cmd("XRANGE").arg((key("e"), "-", "+")).query_async(&mut connection).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|(_, fields)| fields[1].as_str()).collect();
    assert_eq!(kinds, ["open", "add", "seal", "start", "ok", "terminal"]);
    for what in ["g", "m", "r", "e"] {
        let left: i64 = redis::cmd("PTTL").arg(key(what)).query_async(&mut connection).await.unwrap();
        assert!((1..=500_000).contains(&left), "{what}: {left}");
    }
    let payload: bool = redis::cmd("EXISTS").arg(key("p")).query_async(&mut connection).await.unwrap();
    assert!(!payload, "what a member was given is of no use after its end");
}

#[tokio::test]
async fn a_group_that_is_gone_is_not_listed() {
    let bench = OnServer::new().await;
    let (gone, there) = (GroupId::new(), GroupId::new());
    for group in [gone, there] {
        bench.redis.open(group, &Settings::new("listed")).await.unwrap();
    }
    let mut connection = bench.server.connection().await;
    redis::cmd("DEL").arg(format!("hc:{{{gone}}}:g")).query_async::<()>(&mut connection).await.unwrap();
    let mut after = None;
    loop {
        let page = bench.redis.groups(after.as_deref(), 500).await.unwrap();
        assert!(!page.items.contains(&gone));
        if page.items.contains(&there) {
            break;
        }
        after = Some(page.next.expect("it is listed"));
    }
    let listed: Option<f64> =
        redis::cmd("ZSCORE").arg(("hc:groups", gone.to_string())).query_async(&mut connection).await.unwrap();
    assert_eq!(listed, None, "and nobody looks for it again");
}
