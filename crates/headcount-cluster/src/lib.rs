//! Groups whose members run on several machines.
//!
//! A group is kept by an *engine*, a [`Store`]: in this process ([`Memory`]) or in Redis ([`Redis`]). Whoever makes the group
//! registers its members and says how many there are; workers claim them, each attempt fenced by its number and a nonce,
//! and say how it ended; anybody may wait. A counter is never the truth: where each member stands is, and it changes
//! together with the counts in one step of the engine.
//!
//! | room | what it holds |
//! |---|---|
//! | [`store`] | what every engine can do, and the words it speaks |
//! | `book` | one group by these rules, pure: the engine of [`Memory`], and the reference for the others |
//! | `memory` | groups in this process |
//! | `redis` | groups in Redis or Valkey, by scripts |
//! | [`conformance`] | what every engine has to stand, as tests |
//!
//! Here are the engines and their rules. Workers that claim and run members, and waits that end by themselves, are built on
//! them and are not here yet.
//!
//! # Which engine
//!
//! [`Memory`] for one process and for tests. [`Redis`] for several machines: it is as durable as your Redis is (with its
//! default settings a crash of the machine may take the last second with it, and the members concerned run again). Where a
//! member must never run twice, no engine is enough: make it idempotent.

mod book;
pub mod conformance;
mod memory;
mod redis;
pub mod store;

pub use headcount_ledger::{Budget, Policy, Tally};
pub use memory::{Clock, Memory, Passing};

pub use redis::{Redis, RedisOptions};
pub use store::{
    Added, Backoff, Claim, Claimed, Detail, Finished, GroupId, GroupState, Place, Reaped, Renewed, Report,
    Settings, Store, StoreError, Summary, Token,
};
