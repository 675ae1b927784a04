//! headcount's side.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use headcount::Context;
use headcount_cluster::{Group, GroupId, Redis, Report, Settings, Store, Worker};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::server::Server;
use super::{ASLEEP, AT_ONCE, WORKERS, each};
use crate::row::Row;
use crate::timing::{Effort, median};

/// The lease of the `cluster-cancel` row: three heartbeats.
const LEASE: Duration = Duration::from_secs(3);

pub(super) fn time(row: Row, effort: &Effort) -> Result<f64, String> {
    match row {
        Row::ClusterRegister => register(super::members(effort)),
        Row::ClusterRun => run(super::members(effort)),
        Row::ClusterBytes => bytes(super::members(effort)),
        Row::ClusterWake => in_server(async |_, redis| wake(&redis, effort.batches).await),
        _ => in_server(async |server, _| cancel(server, effort.batches).await),
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn in_server(timed: impl AsyncFnOnce(&Server, Redis) -> Result<f64, String>) -> Result<f64, String> {
    let server = Server::start(&[]);
    let runtime = Runtime::new().map_err(told)?;
    runtime.block_on(async {
        let redis = Redis::connect(&server.url()).await.map_err(told)?;
        timed(&server, redis).await
    })
}

/// Spawns them, and waits until all are in the engine.
fn register(members: usize) -> Result<f64, String> {
    in_server(async |_, redis| {
        let registrar = Group::open(redis, Settings::new("bench")).await.map_err(told)?;
        let begun = Instant::now();
        for _ in 0..members {
            registrar.spawn("nothing", &()).await.map_err(told)?;
        }
        registrar.seal().await.map_err(told)?;
        Ok(each(begun, members))
    })
}

/// From the first spawn until the wait is over, by workers that are there already.
pub(super) fn run(members: usize) -> Result<f64, String> {
    in_server(async |server, redis| {
        let _workers: Vec<_> =
            (0..WORKERS).map(|_| Process::start(&server.url())).collect::<io::Result<_>>().map_err(told)?;
        // They have shown that they are there.
        group(&redis, 10 * WORKERS).await?;
        let begun = Instant::now();
        group(&redis, members).await?;
        Ok(each(begun, members))
    })
}

async fn group(redis: &Redis, members: usize) -> Result<(), String> {
    let registrar = Group::open(redis.clone(), Settings::new("bench")).await.map_err(told)?;
    for _ in 0..members {
        registrar.spawn("nothing", &()).await.map_err(told)?;
    }
    let account = registrar.seal().await.map_err(told)?.wait().await.map_err(told)?;
    let done = account.tally.done;
    if done == members as u64 { Ok(()) } else { Err(format!("{done} of {members} members are done")) }
}

/// What the server needs more when there are so many members that wait, without anything to carry.
fn bytes(members: usize) -> Result<f64, String> {
    in_server(async |server, redis| {
        // What every group needs, however small, and the scripts.
        waiting(&redis, 1).await?;
        let before = super::alone::used(server).await;
        waiting(&redis, members).await?;
        Ok((super::alone::used(server).await - before) / members as f64)
    })
}

async fn waiting(redis: &Redis, members: usize) -> Result<(), String> {
    let group = GroupId::new();
    redis.open(group, &Settings::new("bench")).await.map_err(told)?;
    let members: Vec<_> = (1..=members).map(|n| (n.to_string(), Vec::new())).collect();
    for chunk in members.chunks(headcount_cluster::store::CHUNK) {
        redis.add(group, chunk).await.map_err(told)?;
    }
    Ok(())
}

/// From the last member's end until whoever waits for the group goes on.
async fn wake(redis: &Redis, trips: usize) -> Result<f64, String> {
    let mut times = Vec::new();
    for _ in 0..trips {
        let registrar = Group::open(redis.clone(), Settings::new("bench")).await.map_err(told)?;
        registrar.spawn("nothing", &()).await.map_err(told)?;
        let group = registrar.seal().await.map_err(told)?;
        let claim = redis.claim(group.id(), "worker", 1).await.map_err(told)?.claims.remove(0);
        let (id, waits) =
            (group.id(), tokio::spawn(async move { group.wait().await.map(|_| Instant::now()) }));
        tokio::time::sleep(ASLEEP).await;
        let begun = Instant::now();
        redis.finish(id, &claim.token, &Report::Done(Vec::new())).await.map_err(told)?;
        let woken = waits.await.map_err(told)?.map_err(told)?;
        times.push(woken.duration_since(begun).as_nanos() as f64);
    }
    Ok(median(&times))
}

/// From the cancel until a member on each worker has heard of it.
async fn cancel(server: &Server, trips: usize) -> Result<f64, String> {
    let mut times = Vec::new();
    let (heard, mut hears) = mpsc::unbounded_channel();
    let (ctx, stop) = Context::background().with_cancel();
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        let redis = Redis::connect(&server.url()).await.map_err(told)?;
        let (heard, ctx) = (heard.clone(), ctx.clone());
        // One member each, so that each has one.
        let worker = Worker::new(redis).limit(1).handle("wait", move |ctx: Context, ()| {
            let heard = heard.clone();
            async move {
                let _ = heard.send(None);
                let cancelled = ctx.wait_async().await;
                let _ = heard.send(Some(Instant::now()));
                Err::<(), _>(cancelled)
            }
        });
        workers.push(tokio::spawn(async move { worker.run(&ctx).await }));
    }
    let redis = Redis::connect(&server.url()).await.map_err(told)?;
    for _ in 0..trips.min(11) {
        let settings = Settings { lease: LEASE, ..Settings::new("bench") };
        let registrar = Group::open(redis.clone(), settings).await.map_err(told)?;
        for _ in 0..WORKERS {
            registrar.spawn("wait", &()).await.map_err(told)?;
        }
        let group = registrar.seal().await.map_err(told)?;
        for _ in 0..WORKERS {
            hears.recv().await;
        }
        tokio::time::sleep(ASLEEP).await;
        let begun = Instant::now();
        group.cancel("enough").await.map_err(told)?;
        let mut last = begun;
        for _ in 0..WORKERS {
            last = last.max(hears.recv().await.flatten().unwrap_or(last));
        }
        times.push(last.duration_since(begun).as_nanos() as f64);
        // It is over, as cancelled.
        let _ = group.wait().await;
    }
    stop.cancel();
    for worker in workers {
        worker.await.map_err(told)?.map_err(told)?;
    }
    Ok(median(&times))
}

/// A worker, as a process: until its input ends.
pub(crate) fn serve(engine: &str) -> Result<(), String> {
    let (ctx, stop) = Context::background().with_cancel();
    std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        stop.cancel();
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(told)?;
    runtime.block_on(async {
        let redis = Redis::connect(engine).await.map_err(told)?;
        let worker = Worker::new(redis).limit(AT_ONCE);
        let worker = worker.handle("nothing", |_ctx, ()| async { headcount::ok(()) });
        worker.run(&ctx).await.map(drop).map_err(told)
    })
}

/// One that ends with this.
struct Process(Child);

impl Process {
    fn start(engine: &str) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--serve", engine]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map(Self)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
