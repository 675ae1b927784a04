//! Groups and workers together, on the engine in this process. Time is Tokio's, paused: it passes by itself when everybody
//! waits, so that a wait of an hour takes no time, and what happens when is known exactly.

mod drains;
mod ends;
mod flaky;
mod lost;
mod spawning;
mod waits;
mod work;

use std::time::Duration;

use headcount::{Context, ok};
use headcount_cluster::{Group, Memory, Payload, Policy, Served, Settings, Store, Worker};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const LEASE: Duration = Duration::from_secs(30);

/// Nobody fails anybody else unless the test says so.
fn settings() -> Settings {
    Settings { policy: Policy::KeepGoing, lease: LEASE, ..Settings::new("trial") }
}

/// A worker that can square numbers, and sleep for so many seconds.
fn worker<S: Store>(engine: &S) -> Worker<S> {
    Worker::new(engine.clone())
        .limit(4)
        .handle("square", |_ctx, n: u64| async move { ok(n * n) })
        .handle("sleep", |ctx: Context, n: u64| async move { ctx.sleep_async(Duration::from_secs(n)).await })
}

/// Lets a worker work. Aborted, it has crashed.
fn start<S: Store>(worker: Worker<S>) -> JoinHandle<Served> {
    tokio::spawn(async move { worker.run(&Context::background()).await.expect("it serves") })
}

/// A sealed group whose members do all the same.
async fn group_of<S: Store>(
    engine: &S,
    settings: Settings,
    handler: &str,
    numbers: impl IntoIterator<Item = u64>,
) -> Group<S> {
    let group = Group::open(engine.clone(), settings).await.expect("opened");
    for n in numbers {
        group.spawn(handler, &n).await.expect("spawned");
    }
    group.seal().await.expect("sealed")
}

/// Every wait has a limit. In the time of the test, which costs nothing while nobody does anything.
async fn limited<T>(waits: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(24 * 60 * 60), waits).await.expect("over within a day")
}

/// An engine that lives by the test's clock.
fn engine() -> Memory {
    Memory::new()
}

/// What a member carries that is to be squared.
fn square(n: u64) -> Vec<u8> {
    Payload { handler: "square".into(), place: None, args: n.to_string().into_bytes() }.encode()
}
