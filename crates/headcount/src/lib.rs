//! Wait for many things at once, and always know who is still missing.
//!
//! *Count everyone out, count everyone back in.* A [`WaitGroup`] counts members out before they are launched and back
//! in when they are over, for threads and async tasks alike, and every wait can say who has not come back, since when,
//! and where they were launched.
//!
//! ```
//! use headcount::WaitGroup;
//! use std::time::Duration;
//!
//! let group = WaitGroup::new();
//! for city in ["Aachen", "Bonn", "Celle"] {
//!     let token = group.add_named(city); // counted out before the launch
//!     std::thread::spawn(move || {
//!         let _token = token; // and back in, on every way out
//!         // fetch the weather
//!     });
//! }
//! if let Err(missing) = group.wait_timeout(Duration::from_secs(5)) {
//!     eprintln!("{missing}"); // names, ages and launch places
//! }
//! ```
//!
//! # Choose by need
//!
//! | you want to | use |
//! |---|---|
//! | wait until everything launched is over | [`WaitGroup`] and [`WaitGroup::wait`] or [`wait_async`](WaitGroup::wait_async) |
//! | the same with a limit to your patience | [`WaitGroup::wait_timeout`], whose error names who is out |
//! | give up when somebody cancels, or at a deadline, and say why | [`Context`], [`WaitGroup::wait_with`] |
//! | test code that sleeps or keeps deadlines, in no time | [`DrivenClock`] |
//! | launch no more than so many at once | [`WaitGroup::wait_at_most`] |
//! | know who is out, at any moment | [`WaitGroup::add_named`] or [`WaitGroup::tracked`], and [`WaitGroup::roll_call`] |
//! | be told when a test leaves somebody behind | `#[headcount::test]` (feature `testing`) |
//! | know who is out in the whole process, and who made whom | [`roll_call()`] |
//! | see afterwards what ran when, who was slow, and what a limit cost | `record` of a [task](task::Group::record) or [thread](thread::Scope::record) group, and its [`Timeline`] |
//! | count in a `static` or across a C interface | [`raw::WaitGroup`] |
//! | take items through several stages, each with its own workers | [`Pipeline`] |
//! | do the same for many items, so many at once | [`task::map()`], [`thread::map()`] |
//! | launch what may fail, as one: the first failure cancels the rest | [`task::Group`], and [`thread::Scope`], which may borrow |
//! | keep workers for many short rounds | [`Crew`] |
//!
//! # Borrowing, in parallel, in async: pick two
//!
//! A parallel async scope whose tasks borrow from their parent cannot be made sound in today's Rust, because a future
//! may be forgotten while its tasks run. So none is offered. Threads may borrow (`std::thread::scope`); one task's own
//! concurrency may borrow (`join!`); parallel tasks own what they use, and a [`Token`] is a thing to own.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `std` | yes | blocking waits, ages in the roll call, [`WaitGroup::spawn`]; without it the crate is `no_std` + `alloc` and waits are async only |
//! | `tokio` | yes | [`WaitGroup::spawn_async`], and a panic that names `wait_async` where a blocking wait would stall a worker thread |
//! | `signals` | no | `Context::on_signals`: cancelled by Ctrl-C or SIGTERM (Unix) |
//! | `stream` | no | [`task::Results`] is a `futures_core::Stream`; maps and pipelines take streams: `task::map_stream`, `Pipeline::source_stream` |
//! | `testing` | no | [`macro@test`] and [`testing`]: tests that fail when they leave somebody behind; for dev-dependencies |
//! | `tracing` | no | a span for each group and each member, causes of cancellations and failures as events; target `headcount` |
//! | `inspect` | no | [`inspect()`](inspect::inspect): the process answers `headcount ps`, `tree` and `why` (Unix) |
//! | `metrics` | no | how many members queue, run, have finished and have failed, by group, through the `metrics` facade |
//! | `serde` | no | [`RollCall`] and [`RollTree`] can be serialized |
//! | `retry` | no | `retry` of groups, maps and crews, with the policies of `backon` |
//! | `rate` | no | `rate` of groups, maps and crews, counted by `governor` |
//! | `tokio-util` | no | `Context::cancels_token` and `Context::with_token`: to and from `CancellationToken` |
//!
//! # Unsafe code
//!
//! There is some, in a few rooms: the list of waiters, the lock in front of it (and of each outbox in a pipeline), the allocation that tokens share, the slots in which
//! groups keep results, and those in which [`task::map()`] keeps its members.
//! Each names numbered rules, and every block cites the one that makes it sound. All else is checked by the compiler.
#![cfg_attr(not(any(loom, feature = "std")), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

#[cfg(feature = "std")]
mod attempt;
#[cfg(feature = "std")]
mod blocking;
#[cfg(feature = "std")]
mod context;
#[cfg(feature = "std")]
mod crew;
mod error;
#[cfg(not(any(loom, shuttle, headcount_fault)))]
mod fault;
#[cfg(any(loom, shuttle, headcount_fault))]
#[doc(hidden)]
pub mod fault;
#[cfg(feature = "std")]
mod group;
#[cfg(all(unix, feature = "inspect", not(any(loom, shuttle))))]
pub mod inspect;
#[cfg(feature = "std")]
mod map;
#[cfg(feature = "std")]
mod observe;
#[cfg(all(feature = "std", not(loom)))]
mod pipeline;
#[cfg(loom)]
#[doc(hidden)]
pub mod pipeline;
pub mod raw;
mod roll;
mod sync;
#[cfg(feature = "std")]
pub mod task;
// Under a model checker there are no roots, and no clock.
#[cfg(all(feature = "testing", not(any(loom, shuttle))))]
pub mod testing;
#[cfg(feature = "std")]
pub mod thread;
#[cfg(not(shuttle))]
mod time;
#[cfg(shuttle)]
#[doc(hidden)]
pub mod time;
#[cfg(feature = "std")]
mod timeline;
mod wait;
mod wait_group;
#[cfg(feature = "std")]
mod who;

#[cfg(feature = "retry")]
pub use attempt::RetryPolicy;
#[cfg(all(feature = "signals", unix))]
pub use context::SignalReceived;
#[cfg(feature = "std")]
pub use context::{CancelKind, Cancelled, Canceller, Context, ContextWait, DrivenClock, OnCancel, RunAsync};
#[cfg(feature = "std")]
pub use crew::{Crew, CrewStopError, PostError};
#[cfg(feature = "std")]
pub use error::{WaitCancelledError, WaitTimeoutError};
#[cfg(feature = "std")]
pub use group::{
    Body, BoxError, CollectAll, Discard, Ended, ErrorBudget, FailFast, FirstOk, FromMember, GroupError,
    Member, MemberError, Outcome, PanicReport, Panics, Policy, Quorum, Root, Tally, Trial, Verdict, ok,
};
/// Makes a function a test that fails when anything launched in it is still out at its end, or when it takes too long.
///
/// It stands where `#[test]` or `#[tokio::test]` stood. The test fails with the roll call: who is out, since when, launched
/// where. Tests that run at once do not accuse each other. What is seen, and how it is looked for, is told in [`testing`];
/// there are functions for those who use no macro.
///
/// ```
/// # #[allow(dead_code)]
/// use headcount::{Context, task};
///
/// #[headcount::test]
/// fn a_thread_is_waited_for() {
///     let group = headcount::WaitGroup::new();
///     group.spawn(|| println!("at work"));
///     group.wait();
/// }
///
/// # #[cfg(feature = "tokio")]
/// #[headcount::test(flavor = "multi_thread", worker_threads = 2, timeout = "5s")]
/// async fn prices_are_fetched() -> Result<(), headcount::GroupError> {
///     let group = task::Group::new(&Context::background());
///     group.spawn(|_ctx| async { headcount::ok(1) });
///     group.wait().await.map(drop)
/// }
/// ```
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `timeout = "10s"` | how long the body may take, in real time; ten seconds if nothing is said. Also `250ms`, `2m`, without quotes |
/// | `allow_leaks = "cache"` | lets those stay whose name or launch place (`src/pool.rs:31`) contains this, or whose group is called so or was made there; `*` is anything. Several in brackets: `["cache", "src/pool.rs"]` |
/// | `flavor = "multi_thread"` | an async test runs on several worker threads; else on one |
/// | `worker_threads = 2` | on so many |
/// | `start_paused = true` | an async test begins with Tokio's clock paused |
///
/// A plain `fn` runs on a thread of its own, an `async fn` on a Tokio runtime of its own (feature `tokio`). Either may return what
/// a test may return, a `Result` for instance. Under `#[should_panic]` the body has to panic *and* leave nobody behind: an
/// accusation is not the panic that was expected.
#[cfg(all(feature = "testing", not(any(loom, shuttle))))]
pub use headcount_macros::test;
#[cfg(all(unix, feature = "inspect", not(any(loom, shuttle))))]
pub use inspect::inspect;
#[cfg(feature = "std")]
pub use map::attempts::MapAttempts;
#[cfg(feature = "std")]
pub use pipeline::{Chain, Meter, OnThreads, Pipeline, Report, StageCounters, Staged};
pub use raw::wait::Wait;
pub use roll::{Missing, Name, RollCall, State};
#[cfg(feature = "std")]
pub use roll::{RollNode, RollTree, WaitsFor, roll_call};
#[cfg(feature = "std")]
pub use timeline::{
    HowEnded, Timeline, TimelineMember, TimelineReplay, TimelineReplayError, TimelineSummary,
};
pub use wait_group::{GroupWait, Token, Tokens, WaitGroup};
#[cfg(feature = "std")]
pub use who::WouldDeadlock;

/// The README's examples run too.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
