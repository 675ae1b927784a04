//! Counting with tokens: the [`WaitGroup`] that most programs want.
//!
//! | file | idea |
//! |---|---|
//! | here | [`WaitGroup`], the owner's side: add, wait, ask |
//! | `blocking` | its blocking waits, and counted threads and tasks |
//! | `waiting` | the future of its other waits |
//! | `token` | [`Token`] and [`Tokens`], the members' side: being out, coming back by being dropped |
//!
//! What counts and wakes is `raw`; who is out is `roll`. This room puts the two together.

#[cfg(feature = "std")]
mod blocking;
mod token;
mod waiting;

use core::fmt;
use core::panic::Location;

pub use self::token::{Token, Tokens};
pub use self::waiting::GroupWait;
use crate::raw::counter::OutOfRange;
use crate::raw::shared::{Handle, Shared};
use crate::roll::roster::Roster;
use crate::roll::{Name, RollCall};

/// Waits until every member that was counted out has come back.
///
/// Counting a member out gives a [`Token`]; the token is moved into the thread or task that does the work, and dropping
/// it, on whatever way out, counts the member back in. So a member cannot be forgotten, counted twice or registered
/// after it was launched. Threads and tasks may wait on the same group at once, as many as like, and the group can be
/// used for round after round.
///
/// A clone is another handle to the same group. Handles are not counted: waiting on one while others exist is the
/// normal case, unlike crossbeam's `WaitGroup`, where every clone is a member.
///
/// **When not to use it.** To borrow from the stack in threads use `std::thread::scope`; for one task's result await
/// its `JoinHandle`; to wait for a *state* other than "all back" use a condition variable or a watch channel. Where no
/// token can be kept, in a `static` or behind a C interface, see [`raw::WaitGroup`](crate::raw::WaitGroup).
///
/// # Examples
///
/// Threads:
///
/// ```
/// use headcount::WaitGroup;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// static SUM: AtomicU64 = AtomicU64::new(0);
///
/// let group = WaitGroup::new();
/// for n in 0..10 {
///     let token = group.add(); // counted out here, before the launch
///     std::thread::spawn(move || {
///         SUM.fetch_add(n * n, Ordering::Relaxed);
///         drop(token); // and back in; a panic would do the same
///     });
/// }
/// group.wait();
/// assert_eq!(SUM.load(Ordering::Relaxed), 285);
/// ```
///
/// Tasks, with a limit to the patience and a name for each member:
///
/// ```
/// # #[cfg(feature = "tokio")] {
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use headcount::WaitGroup;
/// use std::time::Duration;
///
/// let group = WaitGroup::new();
/// let slow = group.add_named("the slow one");
/// tokio::spawn(async move {
///     let _slow = slow;
///     std::future::pending::<()>().await;
/// });
///
/// let waited = tokio::time::timeout(Duration::from_millis(10), &group).await;
/// assert!(waited.is_err());
/// println!("{}", group.roll_call()); // … "the slow one"  out  10 ms  src/main.rs:5
/// # }) }
/// ```
///
/// # Memory ordering
///
/// Everything that a member did before its token was dropped is visible after any wait that it released, and after any
/// wait that found nobody out.
///
/// # Cost
///
/// The group is one allocation. A token is one atomic operation out and one back while nobody waits; while somebody
/// does, each is two. A token that is listed in the roll call also takes a lock and reads the clock.
pub struct WaitGroup {
    handle: Handle<Roster>,
}

impl WaitGroup {
    /// A group with nobody out, which lists the tokens that have a name and only counts the others. In a test of
    /// `#[headcount::test]` it lists all, as one that is [tracked](Self::tracked).
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        // In a test that counts who is left behind, everybody is to be named.
        #[cfg(feature = "std")]
        let tracked = crate::who::root() != 0;
        #[cfg(not(feature = "std"))]
        let tracked = false;
        Self::make(Location::caller(), tracked)
    }

    /// A group that lists every token in its roll call, named or not: where it was counted out, and since when.
    ///
    /// For debugging a wait that hangs, and for groups whose members are few and long: listing one costs a lock and a
    /// reading of the clock.
    ///
    /// ```
    /// let group = headcount::WaitGroup::tracked();
    /// let _token = group.add();
    /// println!("{}", group.roll_call());
    /// // wait group (src/main.rs:1): 1 still out
    /// //   #1  out  0 ms  src/main.rs:2
    /// # assert_eq!(group.roll_call().iter().count(), 1);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn tracked() -> Self {
        Self::make(Location::caller(), true)
    }

    /// Counts one member out. Do this *before* launching it, and move the token into it.
    ///
    /// # Panics
    ///
    /// If 2^31 members are out.
    #[inline]
    #[track_caller]
    pub fn add(&self) -> Token {
        match self.handle.member() {
            Ok(member) if self.roster().is_tracked() => Token::listed(member, None, Location::caller()),
            Ok(member) => Token::unlisted(member),
            Err(error) => too_many(error),
        }
    }

    /// Counts one member out under a name, which the roll call shows with its age and the place of this call.
    ///
    /// # Panics
    ///
    /// If 2^31 members are out.
    #[track_caller]
    pub fn add_named(&self, name: impl Into<Name>) -> Token {
        match self.handle.member() {
            Ok(member) => Token::listed(member, Some(name.into()), Location::caller()),
            Err(error) => too_many(error),
        }
    }

    /// Counts `n` members out in one step: an iterator of `n` tokens, which can also be [split](Tokens::split_off).
    ///
    /// Tokens that are not taken out count back in when the iterator is dropped.
    ///
    /// ```
    /// let group = headcount::WaitGroup::new();
    /// let workers: Vec<_> = group.add_many(4).map(|token| std::thread::spawn(move || drop(token))).collect();
    /// group.wait();
    /// # for worker in workers { worker.join().unwrap(); }
    /// ```
    ///
    /// # Panics
    ///
    /// If more than 2^31 members would be out; then none of the `n` is.
    #[track_caller]
    pub fn add_many(&self, n: usize) -> Tokens {
        match self.handle.members(n as u64) {
            Ok(members) => Tokens::new(members, Location::caller()),
            Err(error) => too_many(error),
        }
    }

    /// Waits, without blocking the thread, until nobody is out. `group.await` on a reference does the same.
    ///
    /// The wait belongs to the round in which this is *called*: it is over once that round has reached zero, polled or
    /// not, even if the next round has begun since.
    ///
    /// Waiting for a group of which you hold a token yourself never ends: drop the token first. A group cannot know where its
    /// tokens are, so nothing tells you; but it does know its members that `spawn` and `spawn_async` have launched.
    ///
    /// # Panics
    ///
    /// When it is awaited where it could only end after the caller has: by a member that this group has
    /// launched itself, or in a member of a group for which such a member waits. The message names the cycle.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time; nothing stays behind.
    ///
    /// # Memory ordering
    ///
    /// Synchronizes with the drop of every token that it waited for.
    #[inline]
    pub fn wait_async(&self) -> GroupWait<'_> {
        GroupWait::new(self, 0)
    }

    /// Waits, without blocking the thread, until `n` members or fewer are out. See [`wait_async`](Self::wait_async).
    ///
    /// Only what is seen counts: if the number falls to `n` and rises again while the future is not polled for the
    /// first time, it is not over, unless the round ended.
    ///
    /// # Panics
    ///
    /// As [`wait_async`](Self::wait_async), if `n` is zero. Otherwise the caller may be one of those who are left.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time; nothing stays behind.
    pub fn wait_at_most_async(&self, n: usize) -> GroupWait<'_> {
        GroupWait::new(self, n as u64)
    }

    /// How many members are out at this moment. By the time you look at it, it may be wrong; to wait, use a wait.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        outstanding(self.shared())
    }

    /// Who is out at this moment: tokens with a name, or all of them in a [tracked](Self::tracked) group.
    ///
    /// # Cost
    ///
    /// Copies the list under a lock, which delays only tokens that are listed.
    #[must_use]
    pub fn roll_call(&self) -> RollCall {
        roll_call(self.shared())
    }

    fn make(place: &'static Location<'static>, tracked: bool) -> Self {
        #[cfg(feature = "std")]
        let roster = |group: &_| Roster::new(place, tracked, blocking::register(group));
        #[cfg(not(feature = "std"))]
        let roster = |_: &_| Roster::new(place, tracked);
        Self { handle: Handle::new_cyclic(roster) }
    }

    #[inline(always)]
    fn shared(&self) -> &Shared<Roster> {
        self.handle.shared()
    }

    #[inline(always)]
    fn roster(&self) -> &Roster {
        &self.shared().extra
    }
}

fn outstanding(shared: &Shared<Roster>) -> usize {
    usize::try_from(shared.counter.members()).unwrap_or(usize::MAX)
}

fn roll_call(shared: &Shared<Roster>) -> RollCall {
    shared.extra.call("wait group", outstanding(shared))
}

#[cold]
#[track_caller]
fn too_many(_: OutOfRange) -> ! {
    panic!("WaitGroup overflow: more than 2^31 members out at once");
}

impl Default for WaitGroup {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// Another handle to the same group; handles are not counted.
impl Clone for WaitGroup {
    /// # Panics
    ///
    /// If there are 2^29 handles.
    #[track_caller]
    fn clone(&self) -> Self {
        match self.handle.another() {
            Ok(handle) => Self { handle },
            Err(_) => panic!("WaitGroup overflow: more than 2^29 handles to one group"),
        }
    }
}

/// `(&group).await` is [`group.wait_async().await`](WaitGroup::wait_async).
impl<'a> IntoFuture for &'a WaitGroup {
    type Output = ();
    type IntoFuture = GroupWait<'a>;
    fn into_future(self) -> GroupWait<'a> {
        self.wait_async()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup")
            .field("outstanding", &self.outstanding())
            .field("waiting", &self.shared().counter.listed())
            .finish()
    }
}
