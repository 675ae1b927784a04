//! The same for every item, on a few threads: [`map()`].
//!
//! | file | idea |
//! |---|---|
//! | here | [`map()`] and [`Map`]: making one, and running it |
//! | `attempts` | items that are tried again, or paced |
//! | `hands` | those who run items |
//! | `supply` | where they take items from: invariants T1 to T4 |
//! | `pace` | how many they take at once |
//! | `spools`, `results` | where values go: all into one vector, or to whoever takes them one by one |
//! | `gate` | where threads rest |

mod attempts;
mod gate;
mod hands;
#[cfg(loom)]
pub(super) mod model;
mod pace;
mod results;
mod spools;
mod supply;

use std::fmt;
use std::sync::Arc;

use self::gate::Gate;
use self::hands::Running;
pub use self::results::MapResults;
use self::results::{Shelves, Taker, Taking};
use self::spools::Spools;
use self::supply::Supply;
use super::launch::Threads;
use super::workers::cores;
use crate::context::Context;
use crate::group::{BoxError, FailFast, FromMember, GroupError, Policy, Root, panics, who};
use crate::map::docket::Docket;
use crate::map::settings::{Settings, words};
use crate::map::spool::Spool;

/// Does the same with every item, on several threads at once, and gives what came of them in the order of the items.
///
/// `items` is anything that can be iterated over: a slice by reference, a range, an iterator. It is pulled lazily, one item
/// for each thread that is free, so it may be endless. The threads may borrow: they are gone when the map is over.
///
/// ```
/// use headcount::thread;
///
/// let words = ["seven", "eleven", "two"];
/// let lengths: Vec<usize> = thread::map(&words).run(|_ctx, word| headcount::ok(word.len()))?;
/// assert_eq!(lengths, [5, 6, 3]);
/// # Ok::<(), headcount::GroupError>(())
/// ```
///
/// See [`Map`] for all that can be said of one.
#[track_caller]
pub fn map<I: IntoIterator>(items: I) -> Map<I::IntoIter> {
    let settings = Settings::new(std::panic::Location::caller());
    Map { iter: items.into_iter(), settings }
}

/// The same for every item, on several threads; from [`map()`].
///
/// [`run`](Self::run) gives all values in the order of the items, or the first failure: that cancels the [`Context`] which all
/// items are given, no more are begun, and those that run are waited for. [`for_each`](Self::for_each) keeps no values,
/// [`fold`](Self::fold) and [`stream`](Self::stream) hand them on one by one, so that the memory of an endless map is flat.
///
/// Items are members as those of a [`Scope`](super::Scope) are: errors and roll calls call them by their number, a
/// [`policy`](Self::policy) judges them, a panic of one is resumed in the caller when all are over. Without a
/// [`limit`](Self::limit) as many run at once as there are cores; the calling thread is one of those who run them.
///
/// # Tiny items and long ones
///
/// Tiny items are taken several at a time, which is found out by timing them; long ones one by one. What somebody has taken
/// stays within reach of the others until it is begun, so a long item among tiny ones does not hold the next ones up. The
/// exception is a handful of up to eight, taken together only if those before took less than 64 ns each: do not let items
/// wait for each other that are as tiny as that.
///
/// More than one is taken only from a source that says by its [`size_hint`](Iterator::size_hint) that it has them, as slices,
/// vectors and ranges do. Of others, such as a channel or a [`filter`](Iterator::filter), each item is begun as soon as it
/// comes.
///
/// # Cancelled maps
///
/// An item that was taken and not begun counts as cancelled, and so does the first that was not taken. So a map that was
/// cut short is never taken for a whole one: with the default policy it is an error.
///
/// # When not to use it
///
/// When items mostly wait for the network use `task::map`: a thread for each costs more. When single items
/// spawn further ones use a [`Scope`](super::Scope). For numeric work in nested loops rayon's parallel iterators split further
/// than by items.
///
/// # Examples
///
/// ```
/// use headcount::{Context, thread};
/// use std::time::Duration;
///
/// # fn checksum(text: &str) -> Result<u32, std::io::Error> { Ok(text.bytes().map(u32::from).sum()) }
/// let files = vec![String::from("one"), String::from("two")];
/// let ctx = Context::background().with_timeout(Duration::from_secs(30));
/// let sums = thread::map(&files).named("sums").limit(8).context(&ctx).run(|_, file| checksum(file))?;
/// assert_eq!(sums.len(), files.len());
/// # Ok::<(), headcount::GroupError>(())
/// ```
///
/// A failure says which item it was:
///
/// ```
/// let error = headcount::thread::map(["7", "x"]).named("parse").run(|_, n| n.parse::<u32>()).unwrap_err();
/// assert_eq!(error.member().unwrap().index(), 1);
/// assert!(error.to_string().starts_with(r#"map "parse" ("#));
/// assert!(error.to_string().ends_with("failed: invalid digit found in string"));
/// ```
#[must_use = "a map does nothing until it is run"]
pub struct Map<I, E = BoxError, P = FailFast> {
    iter: I,
    settings: Settings<E, P>,
}

words! { impl[I, E, P] Map<I, E, P>, error: E, without a limit: "as many do as there are cores" }

impl<I, E, P> Map<I, E, P> {
    /// The map is over when `policy` says so, and [`run`](Self::run) returns what that makes of the outcomes.
    ///
    /// ```
    /// use headcount::{CollectAll, thread};
    ///
    /// let parsed = thread::map(["7", "x", "9"]).policy(CollectAll).run(|_, n| n.parse::<u32>());
    /// assert_eq!(*parsed[0].as_ref().unwrap(), 7);
    /// assert!(parsed[1].is_err());
    /// assert_eq!(*parsed[2].as_ref().unwrap(), 9);
    /// ```
    pub fn policy<Q>(self, policy: Q) -> Map<I, E, Q> {
        Map { iter: self.iter, settings: self.settings.policy(policy) }
    }

    /// All items fail with the error type `X`, which the map keeps as it is, for libraries. Say it before
    /// [`cancelled_when`](Self::cancelled_when), which is about errors of the type that holds when it is said.
    ///
    /// ```
    /// use headcount::thread;
    /// use std::num::ParseIntError;
    ///
    /// let parsed = thread::map(["7", "x"]).typed::<ParseIntError>().run(|_, n| n.parse::<u32>());
    /// let error: ParseIntError = parsed.unwrap_err().into_root().unwrap();
    /// assert_eq!(error, "x".parse::<u32>().unwrap_err());
    /// ```
    pub fn typed<X: std::error::Error + Send + 'static>(self) -> Map<I, X, P> {
        Map { iter: self.iter, settings: self.settings.typed() }
    }
}

impl<I, E, P> Map<I, E, P>
where
    I: Iterator<Item: Send> + Send,
    E: Root + Send,
{
    /// Calls `f` with every item, and gives what the policy makes of the outcomes: by default the values in the order of the
    /// items, or the first failure.
    ///
    /// It never returns while an item still runs, not even after a failure: that cancels the others, which are waited for.
    ///
    /// # Errors
    ///
    /// With the default policy a [`GroupError`]: which item failed, and why.
    ///
    /// # Panics
    ///
    /// With the payload of the first item that panicked, unchanged, once all are over; see [`panics`](Self::panics). So with
    /// a panic of the source. And if it would block a thread that is running an async task (feature `tokio`).
    ///
    /// # Memory ordering
    ///
    /// What items did is visible when it returns.
    ///
    /// # Cost
    ///
    /// Some nanoseconds an item where they are tiny, no allocation for any; and the start of the threads, tens of microseconds
    /// for each. A map of one item, and one with the limit 1, start none.
    pub fn run<F, U, X>(self, f: F) -> P::Output
    where
        F: Fn(&Context, I::Item) -> Result<U, X> + Sync,
        U: Send,
        E: FromMember<X>,
        P: Policy<U, E>,
    {
        self.collect(&f, P::KEEPS)
    }

    fn collect<F, U, X>(self, f: &F, keeps: bool) -> P::Output
    where
        F: Fn(&Context, I::Item) -> Result<U, X> + Sync,
        U: Send,
        E: FromMember<X>,
        P: Policy<U, E>,
    {
        crate::blocking::assert_allowed("thread::Map::run", "task::Map::run(f)");
        let limit = self.settings.limit.unwrap_or_else(cores);
        let docket = Docket::open(self.settings);
        // A member of a group waits here until this map is over: whoever would close a circle is told.
        let _waiting = who::wait_for(docket.id, || docket.title.clone());
        // Who runs them all alone has them in order.
        let expected = if keeps && limit > 1 { self.iter.size_hint().0 } else { 0 };
        let supply = Supply::new(self.iter, limit, None);
        let spools = Spools::new(keeps, expected);
        let running = Running { supply: &supply, docket: &docket, f, sink: &spools };
        std::thread::scope(|scope| {
            running.work(&Arc::new(Threads::new(scope, docket.title.name().cloned())));
        });
        conclude(supply, docket, spools.take())
    }
}

/// What comes of a map when nobody runs its items any more.
fn conclude<I, U, E, P>(supply: Supply<I>, docket: Docket<E, P>, spools: Vec<Spool<U>>) -> P::Output
where
    I: Iterator,
    E: Root,
    P: Policy<U, E>,
{
    for (first, count) in supply.unbegun() {
        docket.unbegun::<U>(first, count);
    }
    panics::drop_quietly(supply);
    docket.conclude(spools)
}

impl<I, E> Map<I, E>
where
    I: Iterator<Item: Send> + Send,
    E: Root + Send,
{
    /// Calls `f` with every item, for what it does.
    ///
    /// ```
    /// use headcount::thread;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// let sum = AtomicUsize::new(0);
    /// thread::map(1..=100).for_each(|_, n| {
    ///     sum.fetch_add(n, Ordering::Relaxed);
    ///     headcount::ok(())
    /// })?;
    /// assert_eq!(sum.into_inner(), 5050);
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cost
    ///
    /// Memory is flat, however many items there are.
    pub fn for_each<F, X>(self, f: F) -> Result<(), GroupError<E>>
    where
        F: Fn(&Context, I::Item) -> Result<(), X> + Sync,
        E: FromMember<X>,
    {
        self.collect(&f, false).map(drop)
    }

    /// Calls `f` with every item, and puts the values together on the calling thread: `add` is called with what there is so
    /// far and the next value, in the order of the items; or, after [`as_finished`](Self::as_finished), as they come.
    ///
    /// ```
    /// use headcount::thread;
    ///
    /// let text = thread::map(1..=5).fold(String::new(), |_, n| headcount::ok(n * n), |text, n| format!("{text} {n}"))?;
    /// assert_eq!(text, " 1 4 9 16 25");
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); what there was so far is lost then.
    ///
    /// # Panics
    ///
    /// As [`stream`](Self::stream), of whose body `add` is a part.
    ///
    /// # Cost
    ///
    /// That of [`stream`](Self::stream).
    pub fn fold<A, F, U, X>(self, init: A, f: F, add: impl FnMut(A, U) -> A) -> Result<A, GroupError<E>>
    where
        F: Fn(&Context, I::Item) -> Result<U, X> + Sync,
        U: Send,
        E: FromMember<X>,
    {
        self.stream(f, |results| results.fold(init, add))
    }

    /// Calls `f` with every item while `body`, on the calling thread, takes the values one by one: in the order of the items,
    /// or, after [`as_finished`](Self::as_finished), as they come.
    ///
    /// The items run ahead of the body by a few for each thread, and then wait for it; so memory is flat, however long the
    /// source. When `body` is over, or drops the iterator, the map ends: no more items are begun, those that run are
    /// cancelled and waited for, and if they fail for that it is no failure.
    ///
    /// ```
    /// use headcount::thread;
    ///
    /// let first = thread::map(1_u64..).stream(
    ///     |_, n| headcount::ok((n, (n * n) % 1000 == 444)),
    ///     |mut results| results.find(|(_, found)| *found),
    /// )?;
    /// assert_eq!(first, Some((38, true)));
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    ///
    /// To take failures as they come, too, let `f` return them as values.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), whatever `body` returned: the iterator has ended early then.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run). If `body` panics the items are cancelled and waited for, and then that panic goes on.
    ///
    /// # Cost
    ///
    /// Up to `limit` threads beside the calling one. Values are handed on in batches where items are tiny, and each at once
    /// where they are long.
    pub fn stream<F, U, X, R>(
        self,
        f: F,
        body: impl FnOnce(MapResults<'_, U>) -> R,
    ) -> Result<R, GroupError<E>>
    where
        F: Fn(&Context, I::Item) -> Result<U, X> + Sync,
        U: Send,
        E: FromMember<X>,
    {
        crate::blocking::assert_allowed("thread::Map::stream", "task::Map::stream(f)");
        let limit = self.settings.limit.unwrap_or_else(cores);
        let ordered = !self.settings.as_finished;
        let docket = Docket::open(self.settings);
        let _waiting = who::wait_for(docket.id, || docket.title.clone());
        let gate = Arc::new(Gate::default());
        let supply = Supply::new(self.iter, limit, Some(Arc::clone(&gate)));
        // Those who rest look whether the map is cancelled after they have said that they rest; and this is called after it
        // was.
        let bell = docket.ctx.on_cancel_at_once(move |_| gate.open());
        let shelves = Shelves::new();
        let mut enough = false;
        let outcome = std::thread::scope(|scope| {
            let running = Running { supply: &supply, docket: &docket, f: &f, sink: &shelves };
            running.start(&Arc::new(Threads::new(scope, docket.title.name().cloned())));
            let taker = Taker::new(&shelves, &supply, ordered);
            let taking = Taking { taker, docket: &docket, limit, enough: &mut enough };
            let outcome = panics::catch(|| body(MapResults { map: Box::new(taking) }));
            outcome.map_err(|payload| docket.panicked("the body that takes the map's results", payload)).ok()
        });
        drop(bell);
        let count = shelves.count();
        panics::drop_quietly(shelves);
        let whole = conclude(supply, docket, vec![Spool::<()>::of_none(count)]);
        match (outcome, whole) {
            (Some(result), Ok(_)) => Ok(result),
            (Some(result), Err(_)) if enough => Ok(result),
            (_, Err(error)) => Err(error),
            (None, Ok(_)) => unreachable!("the body's panic was resumed"),
        }
    }
}

impl<I, E, P> fmt::Debug for Map<I, E, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.describe(f, "thread::Map")
    }
}
