//! Ways to a server: with a password, with no more rights than are needed, and past a line that went dead.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use headcount_cluster::conformance::{self, Bench};
use headcount_cluster::{GroupId, Redis, RedisOptions, Report, Settings, Store, StoreError};
use redis::aio::ConnectionLike;
use tokio::net::{TcpListener, TcpStream};

use super::make_earlier;
use super::patience::insist;
use super::server::Server;
use super::torn::mended_from_nothing;

/// The list that the documentation gives, as words.
fn rights() -> Vec<&'static str> {
    include_str!("../../../src/redis/rights.acl").split_whitespace().collect()
}

/// An engine reached in some way, and another way to the same data.
pub(super) struct Reached<C>(pub(super) Redis, pub(super) C);

impl<C: ConnectionLike + Clone + Send + Sync> Bench for Reached<C> {
    type Store = Redis;

    fn store(&self) -> &Redis {
        &self.0
    }

    async fn pass(&self, group: GroupId, time: Duration) {
        make_earlier(&mut self.1.clone(), group, time).await;
    }
}

/// Tests that between them take every way through the scripts.
pub(super) async fn conforms(bench: &impl Bench) {
    conformance::nobody_comes_in_after_the_seal(bench).await;
    conformance::who_is_given_back_is_next_and_was_neither_lost_nor_failed(bench).await;
    conformance::who_is_given_back_for_later_waits(bench).await;
    conformance::who_waits_for_the_end_is_woken_by_it_alone(bench).await;
    conformance::who_looks_for_members_is_called_when_there_are_some(bench).await;
    conformance::a_failure_is_tried_again_when_it_is_due_and_no_oftener_than_allowed(bench).await;
    conformance::a_member_that_takes_its_workers_along_is_lost(bench).await;
    conformance::a_cancel_reaches_who_runs_with_the_heartbeat(bench).await;
    conformance::a_group_whose_owner_vanished_is_abandoned(bench).await;
    conformance::a_deadline_ends_the_group(bench).await;
    conformance::who_asks_late_is_told_the_same(bench).await;
    conformance::who_waits_for_a_change_is_woken(bench).await;
    conformance::workers_at_once_count_everyone_once(bench).await;
}

pub(super) fn refused(error: &StoreError, hint: &str) {
    assert!(matches!(error, StoreError::Refused { .. }) && !error.is_passing(), "{error:?}");
    assert!(error.to_string().contains(hint), "{error}");
}

#[tokio::test]
async fn a_password_is_asked_for_and_never_told() {
    let server = Server::on_ports(&["port"], &["requirepass s3cret"]);
    let at = |who: &str| format!("redis://{who}127.0.0.1:{}", server.port(0));
    refused(&Redis::connect(&at("")).await.expect_err("no password"), "wants a password");
    let error = Redis::connect(&at(":wr0ng@")).await.expect_err("not the password");
    refused(&error, "is not right");
    assert!(!format!("{error} {error:?}").contains("wr0ng"), "{error:?}");
    let redis = Redis::connect(&at(":s3cret@")).await.expect("the password");
    let shown = format!("{redis:?} {:?}", RedisOptions::new(at(":s3cret@")));
    assert!(!shown.contains("s3cret"), "{shown}");
    redis.open(GroupId::new(), &Settings::new("trial")).await.expect("opened");
    let error = Redis::connect("nonsense").await.expect_err("no address");
    refused(&error, "an address is");
}

#[tokio::test]
async fn the_rights_that_the_documentation_lists_are_enough_and_each_is_needed() {
    let server = Server::start(&[]);
    let mut admin = server.connection().await;
    let mut grant = redis::cmd("ACL");
    rights()[1..].iter().for_each(|word| _ = grant.arg(word.replace("PASSWORD", "s3cret")));
    grant.query_async::<()>(&mut admin).await.expect("granted");
    let url = server.url() + "?user=headcount&pass=s3cret";
    let redis = Redis::connect(&url).await.expect("enough");
    server.ask::<()>("CONFIG RESETSTAT").await;
    let bench = Reached(redis, admin.clone());
    conforms(&bench).await;
    let group = GroupId::new();
    let now = bench.0.open(group, &Settings::new("trial")).await.expect("opened");
    bench.0.changed(group, now.revision, Duration::from_millis(1)).await.expect("nothing does");
    conformance::what_is_known_of_a_member_is_told(&bench).await;
    conformance::groups_are_listed_in_pages_the_newest_first(&bench).await;
    let url = server.url() + "?user=headcount&pass=s3cret";
    mended_from_nothing(&Redis::connect(&url).await.expect("enough"), &server).await;
    // Somebody who waits for another attempt is cancelled.
    let waits = GroupId::new();
    bench.0.open(waits, &Settings { retries: 1, ..Settings::new("waits") }).await.expect("opened");
    bench.0.add(waits, &[("1".into(), Vec::new())]).await.expect("added");
    let claim = bench.0.claim(waits, "worker", 1).await.expect("claimed").claims.remove(0);
    let again = Report::Failed { why: Vec::new(), again: true };
    bench.0.finish(waits, &claim.token, &again).await.expect("finished");
    assert_eq!(bench.0.cancel(waits, "enough").await.expect("cancelled").tally.cancelled, 1);
    // `INFO` is asked when a connection begins, and by `open`.
    let used: String = server.ask("INFO commandstats").await;
    let used: BTreeSet<_> =
        used.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split(':').next()).collect();
    let unused: Vec<_> = rights()
        .into_iter()
        .filter_map(|word| word.strip_prefix('+'))
        .filter(|right| !used.contains(right))
        .collect();
    assert!(unused.is_empty(), "not needed: {unused:?}");

    // One that is missing is told, and so is another's key.
    bench.0.add(group, &[("1".into(), Vec::new())]).await.expect("added");
    server.ask::<()>("ACL SETUSER headcount -lpop").await;
    refused(&bench.0.claim(group, "worker", 1).await.expect_err("a right is missing"), "lacks a right");
    server.ask::<()>("ACL SETUSER headcount +lpop resetkeys ~other:*").await;
    refused(&bench.0.claim(group, "worker", 1).await.expect_err("not its keys"), "lacks a right");
}

/// A way to the server that can be made to swallow everything, as a machine does that has lost its power: lines that were
/// there stay open and are dead, new ones work.
struct Swallower {
    port: u16,
    /// Lines so old are dead.
    dead: Arc<AtomicUsize>,
    lines: Arc<AtomicUsize>,
}

impl Swallower {
    async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let (dead, lines) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (is_dead, counted) = (Arc::clone(&dead), Arc::clone(&lines));
        tokio::spawn(async move {
            while let Ok((ours, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(carry(ours, server, number, Arc::clone(&is_dead)));
            }
        });
        Self { port, dead, lines }
    }
}

async fn carry(ours: TcpStream, server: u16, number: usize, dead: Arc<AtomicUsize>) {
    let theirs = TcpStream::connect(("127.0.0.1", server)).await.expect("it runs");
    let way = async |from: &TcpStream, to: &TcpStream| {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            from.readable().await.expect("a line");
            match from.try_read(&mut bytes) {
                Ok(0) => return,
                // Swallowed.
                Ok(_) if dead.load(Ordering::SeqCst) >= number => {}
                Ok(read) => {
                    let mut rest = &bytes[..read];
                    while !rest.is_empty() {
                        to.writable().await.expect("a line");
                        if let Ok(written) = to.try_write(rest) {
                            rest = &rest[written..];
                        }
                    }
                }
                Err(_) => {}
            }
        }
    };
    tokio::select! {
        () = way(&ours, &theirs) => {}
        () = way(&theirs, &ours) => {}
    }
}

#[tokio::test]
async fn a_line_that_went_dead_is_replaced() {
    let server = Server::on_ports(&["port"], &[]);
    let between = Swallower::before(server.port(0)).await;
    let options = RedisOptions::new(format!("redis://127.0.0.1:{}", between.port));
    let options = options.answer_within(Duration::from_millis(500)).connect_within(Duration::from_secs(5));
    let redis = insist(async || options.clone().connect().await).await;
    let group = GroupId::new();
    insist(async || redis.open(group, &Settings::new("trial")).await).await;
    between.dead.store(between.lines.load(Ordering::SeqCst), Ordering::SeqCst);
    let error = redis.summary(group).await.expect_err("nobody answers on that line");
    assert!(error.is_passing() && error.to_string().contains("in time"), "{error}");
    let now = insist(async || redis.summary(group).await).await;
    assert_eq!(now.name, "trial");
}
