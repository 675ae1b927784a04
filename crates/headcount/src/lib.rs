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
//! | see afterwards what ran when, who was slow, and what a limit cost | `record` of a [task](task::Group::record) or [thread](thread::Scope::record) group, and its [`Timeline`] |
//! | count in a `static` or across a C interface | [`raw::WaitGroup`] |
//! | take items through several stages, each with its own workers | [`Pipeline`] |
//! | do the same for many items, so many at once | [`task::map()`], [`thread::map()`] |
//! | borrow from the stack in threads | [`thread::Scope`] |
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
//! | `stream` | no | [`task::Results`] is a `futures_core::Stream` |
//! | `retry` | no | `retry` of groups and maps, with the policies of `backon` |
//! | `rate` | no | `rate` of groups and maps, counted by `governor` |
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
#[cfg(feature = "std")]
mod map;
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
#[cfg(feature = "std")]
pub use map::attempts::MapAttempts;
#[cfg(feature = "std")]
pub use pipeline::{Chain, Meter, OnThreads, Pipeline, Report, StageCounters, Staged};
pub use raw::wait::Wait;
pub use roll::{Missing, Name, RollCall, State};
#[cfg(feature = "std")]
pub use timeline::{HowEnded, Timeline, TimelineMember, TimelineSummary};
pub use wait_group::{Token, Tokens, WaitGroup};
#[cfg(feature = "std")]
pub use who::WouldDeadlock;

/// The README's examples run too.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
