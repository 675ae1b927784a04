//! Groups whose members run on several machines.
//!
//! One program makes a group and spawns its members, each with the name of a handler and what that is to get; workers, in the same
//! program or on other machines, run them; anybody may wait for the end, and everybody is told the same. What a member or a
//! worker may do, crash included, the group ends, and each member is counted once.
//!
//! ```
//! use headcount::Context;
//! use headcount_cluster::{Group, Memory, Settings, Worker};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Memory::new(); // or: Redis::connect("redis://engine.example").await?
//!
//! // Here members are spawned ...
//! let group = Group::open(engine.clone(), Settings::new("thumbnails")).await?;
//! for file in ["cat.png", "dog.png"] {
//!     group.spawn_named(file, "resize", &(file, 320)).await?;
//! }
//! let group = group.seal().await?; // that is all: from now on the group ends by itself
//!
//! // ... there they are run ...
//! let worker = Worker::new(engine.clone()).limit(8).groups([group.id()]).handle(
//!     "resize",
//!     |_ctx, (file, width): (String, u32)| async move { headcount::ok(format!("{width}/{file}")) },
//! );
//! tokio::spawn(async move { worker.run(&Context::background()).await });
//!
//! // ... and somewhere else somebody waits.
//! let same = Group::attach(engine, group.id()).await?;
//! let thumbnails: Vec<String> = same.results().await?;
//! assert_eq!(thumbnails, ["320/cat.png", "320/dog.png"]); // in the order of spawning
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! - **Everyone is counted once.** A member may run more than once (its worker crashed, or was taken for dead), so what it does should be
//!   such that doing it twice is doing it once; but one attempt of it counts. A counter is never the truth: where each member stands is,
//!   and the counts change with it, in one step of the engine.
//! - **No wait without end.** A worker that vanishes loses its members to others when its lease is over, and the third one takes the
//!   member along: it is *lost*, and named. A maker who vanishes before the seal leaves a group that is *abandoned*. A wait
//!   [that runs out of time](Group::wait_timeout) says who is out: where, since when, in which attempt, and where that was spawned.
//! - **Whoever runs is told to stop.** A handler's context is cancelled when its work would not count any more, or soon; see [`Worker`].
//! - **Hints are hints.** All that wakes somebody early may be lost, and costs a look a few seconds later.
//!
//! # Which engine
//!
//! A group is kept by an *engine*, a [`Store`]. [`Memory`] for one process and for tests, which can let an hour pass in no time.
//! [`Journal`] for one process whose groups have to outlive it, also where it is killed.
//! [`Redis`] for several machines: it is as durable as your Redis is (with its
//! default settings a crash of the machine may take the last second with it, and the members concerned run again). Where a
//! member must never run twice, no engine is enough: make it idempotent.
//!
//! # When not to use it
//!
//! Within one program `headcount::task::Group` has the same words, runs closures instead of names, and needs no engine. For a
//! stream of jobs that belong together in no way, a queue is what you want: nobody waits for all of them.
//!
//! # Rooms
//!
//! | room | what it holds |
//! |---|---|
//! | `group` | spawning, waiting, results, who is out, how it ended |
//! | `worker` | claiming, running, heartbeats, reports, draining |
//! | [`store`] | what every engine can do, and the words it speaks |
//! | `book` | one group by these rules, pure: the engine of [`Memory`], and the reference for the others |
//! | `memory` | groups in this process |
//! | `journal` | the same, and in a file: they outlive the process |
//! | `redis` | groups in Redis or Valkey, by scripts |
//! | [`conformance`] | what every engine has to stand, as tests |

mod again;
mod book;
pub mod conformance;
mod group;
#[cfg(unix)]
mod journal;
mod member;
mod memory;
mod payload;
mod redis;
pub mod store;
mod worker;

pub use group::{
    Account, Group, GroupError, MemberError, Missing, Out, Progress, Progressing, Registrar, Root,
    SpawnError, WaitError,
};
pub use headcount_ledger::{Budget, Policy, Tally};
#[cfg(unix)]
pub use journal::Journal;
pub use member::Member;
pub use memory::{Clock, Memory, Passing};
pub use payload::Payload;
pub use redis::{Redis, RedisOptions};
pub use store::{
    Added, Backoff, Claim, Claimed, Detail, Finished, GroupId, GroupState, Place, Reaped, Renewed, Report,
    Settings, Store, StoreError, Summary, Token,
};
pub use worker::{AttemptEnd, Failure, Job, Served, Stopped, Unknown, Worker, WorkerEvent};
