//! Chaos: workers are killed and paused, the engine is killed and comes back with less than it had, and the account adds up.
//!
//! ```text
//! cargo xtask chaos
//! ```
//!
//! runs it in full size, and prints the account; with the other tests it runs in a small one. This program starts a server of its
//! own and itself again as workers. Each worker writes down every attempt in a file of its own before it does the work: that is
//! the witness beside the engine. What it comes to is wrong ([`account`]) if anybody is missing, is there twice, has a result that
//! is not its own or ended without a reason, or if the group has more than one end.

mod account;
mod size;
mod trouble;
mod worker;

// The same server as in the other tests; not all that it can do is asked of it here.
#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "../it/redis/server.rs"]
mod server;

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use headcount_cluster::{Group, Policy, Redis, RedisOptions, Settings, WaitError};

use server::Server;
use size::{Asked, Size};
use trouble::Trouble;

/// A worker speaks up three times as often.
const LEASE: Duration = Duration::from_secs(2);
/// Every so-manyth member fails, and says so.
const FAILS: u64 = 100;
/// What it says.
const WHY: &str = "as it was told to";
/// In the folder of the witnesses: it is there when all the trouble was made, and the last member ends when it is.
const MADE: &str = "made";

fn main() -> ExitCode {
    match size::asked(env::args().skip(1)) {
        Asked::Worker { url, witness } => worker::serve(&url, &witness),
        Asked::Nothing => ExitCode::SUCCESS,
        Asked::Chaos(size) => {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(conduct(&size))
        }
    }
}

async fn conduct(size: &Size) -> ExitCode {
    println!("{size}");
    let folder = tempfile::tempdir().expect("a folder for the witnesses");
    let server = Server::start(&[
        "appendonly yes",
        size.fsync,
        "aof-load-truncated yes",
        // One file, so that it is known where to cut it.
        "auto-aof-rewrite-percentage 0",
    ]);
    let redis = patient(&server.url()).await;
    let settings = Settings {
        policy: Policy::KeepGoing,
        lease: LEASE,
        // The last member runs all the time, and is killed and paused with whoever has it.
        losses: 1_000,
        events: 4 * size.members,
        ..Settings::new("chaos")
    };
    let begin = Instant::now();
    let registrar = Group::open(redis.clone(), settings).await.expect("an engine");
    let group = Group::attach(redis, registrar.id()).await.expect("it was made").patience(server::LIMIT);
    let registers = async {
        for n in 1..=size.members {
            registrar.spawn("square", &(n, n == size.members)).await.expect("the engine comes back");
        }
        registrar.seal().await.expect("the engine comes back");
        println!("{:8.1} s  {} registered and sealed", begin.elapsed().as_secs_f64(), size.members);
    };
    let mut trouble = Trouble::new(size, &server, folder.path());
    tokio::join!(registers, trouble.make(&group));
    println!("{:8.1} s  all the trouble is made", begin.elapsed().as_secs_f64());
    let ended = match group.wait().await {
        Ok(account) => account,
        Err(WaitError::Failed(error)) => error.account().clone(),
        Err(error) => panic!("it ends, and the engine comes back: {error}"),
    };
    println!("{:8.1} s  {ended}", begin.elapsed().as_secs_f64());
    trouble.over();
    match account::check(size, &group, &server, folder.path()).await {
        Ok(account) => {
            println!("\n{trouble}\n{account}");
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            println!("WRONG: {wrong}");
            ExitCode::FAILURE
        }
    }
}

/// Connects, whatever the engine is going through.
async fn patient(url: &str) -> Redis {
    let end = Instant::now() + server::LIMIT;
    loop {
        match RedisOptions::new(url).answer_within(LEASE / 4).connect().await {
            Ok(redis) => return redis,
            Err(error) => {
                assert!(Instant::now() < end, "{error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}
