//! Waiting, for threads and tasks alike: one list of waiters behind one lock.
//!
//! | file | idea |
//! |---|---|
//! | `list` | the waiters: an intrusive list whose nodes live in the waits themselves, so waiting never allocates |
//! | `wake` | wake-ups collected under the lock, given after it |
//! | `parker` | how a thread sleeps |
//! | `lock` | what the list is locked with |
//!
//! This room knows nothing of counting. `raw` decides who is released and when.

#![expect(
    unsafe_code,
    reason = "the list is intrusive, rules L1 to L3; the spin lock hands out references, rule S1"
)]

pub(crate) mod list;
pub(crate) mod lock;
#[cfg(any(loom, feature = "std"))]
pub(crate) mod parker;
pub(crate) mod wake;
