//! What the server alone gives: about the same data, written and read without anybody who decides anything.

use std::time::Instant;

use redis::aio::MultiplexedConnection;
use redis::pipe;
use tokio::runtime::Runtime;

use super::server::Server;
use super::{ASLEEP, AT_ONCE, WORKERS, each};
use crate::row::Row;
use crate::timing::{Effort, median};

const CHUNK: usize = 500;
/// About what a member carries with us that does nothing.
const PAYLOAD: &str = r#"{"h":"nothing","p":"a/path/in/a/source.rs:100"}null"#;

pub(super) fn time(row: Row, effort: &Effort) -> Result<f64, String> {
    let members = super::members(effort);
    let server = Server::start(&[]);
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let timed = runtime.block_on(async {
        let mut line = server.connection().await;
        let begun = Instant::now();
        match row {
            Row::ClusterRegister => {
                register(&mut line, members, PAYLOAD).await?;
                Ok(each(begun, members))
            }
            Row::ClusterRun => {
                register(&mut line, members, PAYLOAD).await?;
                let mut workers = Vec::new();
                for _ in 0..WORKERS {
                    workers.push(tokio::spawn(work(server.connection().await)));
                }
                for worker in workers {
                    worker.await.expect("it does not panic")?;
                }
                Ok(each(begun, members))
            }
            Row::ClusterBytes => {
                let before = used(&server).await;
                register(&mut line, members, "").await?;
                Ok((used(&server).await - before) / members as f64)
            }
            _ => wake(&server, effort.batches).await,
        }
    });
    timed.map_err(|error: redis::RedisError| error.to_string())
}

async fn register(line: &mut MultiplexedConnection, members: usize, payload: &str) -> redis::RedisResult<()> {
    let members: Vec<_> = (1..=members).map(|n| n.to_string()).collect();
    for chunk in members.chunks(CHUNK) {
        let mut writes = pipe();
        for member in chunk {
            writes.cmd("HSETNX").arg(&["m", member, "q:0:0"]).ignore();
            writes.cmd("RPUSH").arg(&["q", member]).ignore();
            if !payload.is_empty() {
                writes.cmd("HSET").arg(&["p", member, payload]).ignore();
            }
        }
        writes.query_async::<()>(line).await?;
    }
    Ok(())
}

/// Takes some, and counts them.
async fn work(mut line: MultiplexedConnection) -> redis::RedisResult<()> {
    loop {
        let taken: Option<Vec<String>> =
            redis::cmd("LPOP").arg("q").arg(AT_ONCE).query_async(&mut line).await?;
        let Some(taken) = taken else { return Ok(()) };
        let mut writes = pipe();
        for member in &taken {
            writes.cmd("HGET").arg(&["p", member]).ignore();
            writes.cmd("HSET").arg(&["m", member, "o:1:0"]).ignore();
            writes.cmd("HDEL").arg(&["p", member]).ignore();
            writes.cmd("HINCRBY").arg(&["g", "ok", "1"]).ignore();
        }
        writes.query_async::<()>(&mut line).await?;
    }
}

/// From a write until somebody who is blocked in a read goes on.
async fn wake(server: &Server, trips: usize) -> redis::RedisResult<f64> {
    let mut times = Vec::new();
    let mut writes = server.connection().await;
    for _ in 0..trips {
        let mut reads = server.connection().await;
        let woken = tokio::spawn(async move {
            let read = redis::cmd("XREAD").arg(&["BLOCK", "0", "STREAMS", "s", "$"]).to_owned();
            read.query_async::<redis::Value>(&mut reads).await.map(|_| Instant::now())
        });
        tokio::time::sleep(ASLEEP).await;
        let begun = Instant::now();
        redis::cmd("XADD").arg(&["s", "*", "k", "terminal"]).query_async::<()>(&mut writes).await?;
        let woken = woken.await.expect("it does not panic")?;
        times.push(woken.duration_since(begun).as_nanos() as f64);
    }
    Ok(median(&times))
}

/// How much memory its data takes, in bytes.
pub(super) async fn used(server: &Server) -> f64 {
    server.info("memory", "used_memory_dataset").await.parse().expect("a number")
}
