//! The same for every item of a source: a limited number of members at once, results in the order of the items.
//!
//! | file | idea |
//! |---|---|
//! | here | [`Map`]: what it is told before it runs |
//! | `source` | where items come from |
//! | `attempts` | items that are tried again, hedged, or paced |
//! | `local` | running on the caller's own task |
//! | `drive` | the future that does that: pulls items, polls members |
//! | `slab`, `bells` | slots for members, used again and again; who of them was woken; rules L1, L2, W1, W2 |
//! | `gather` | what is made of the members' ends |
//! | `spawned` | running on the runtime's workers |
//! | `lanes` | the tasks that do that, one member after the other |
//! | `asked` | the source in the hands of one of them |
//! | `shelf` | the items on their way to them: invariants T1 to T3 |
//! | `outlet`, `results` | the values on their way from them, and to one who takes them one by one |
//!
//! What both kinds of map share stands in `map`, above the groups.

mod asked;
mod attempts;
mod bells;
mod drive;
mod gather;
mod lanes;
mod local;
mod outlet;
mod results;
mod shelf;
mod slab;
mod source;
mod spawned;

use std::fmt;
use std::panic::Location;
use std::time::Duration;

pub use self::results::MapResults;
#[cfg(feature = "stream")]
pub use self::source::Streamed;
pub use self::source::{Iter, Source};
pub use self::spawned::Spawned;
use crate::context::Cancelled;
use crate::group::{BoxError, FailFast, FromMember, Root};
use crate::map::settings::{Settings, words};

/// Does the same with every item, some of them at once, and gives the results in the order of the items.
///
/// By itself it does nothing: say what is to be done with [`run`](Map::run), [`for_each`](Map::for_each) or
/// [`fold`](Map::fold). Items are pulled when there is room for them, so an endless source with a [`limit`](Map::limit) will
/// do.
///
/// # Examples
///
/// ```
/// use headcount::{Context, task};
/// use std::time::Duration;
///
/// # async fn get(_: &Context, url: &str) -> Result<usize, std::io::Error> { Ok(url.len()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), headcount::GroupError> {
/// let ctx = Context::background().with_timeout(Duration::from_secs(30));
/// let urls = [String::from("/"), String::from("/about")];
///
/// let pages = task::map(&urls) // borrowed
///     .limit(100)
///     .context(&ctx)
///     .run(|ctx, url| async move { get(&ctx, url).await })
///     .await?; // in order; the first error cancels the rest
/// assert_eq!(pages, [1, 6]);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn map<I: IntoIterator>(items: I) -> Map<Iter<I::IntoIter>> {
    Map::new(Iter(items.into_iter()), Location::caller())
}

/// The same for the items of a stream, which is polled when there is room for one more.
///
/// # Examples
///
/// ```
/// use headcount::{ok, task};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), headcount::GroupError> {
/// let lines = smol::stream::iter(["one", "three"]);
/// let lengths = task::map_stream(lines).run(|_ctx, line| async move { ok(line.len()) }).await?;
/// assert_eq!(lengths, [3, 5]);
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "stream")]
#[track_caller]
pub fn map_stream<S: futures_core::Stream>(stream: S) -> Map<Streamed<S>> {
    Map::new(Streamed { stream }, Location::caller())
}

/// A map that has not been run yet; from [`map()`] or [`map_stream`].
///
/// Its members are polled by the future that [`run`](Self::run) gives, on the task that awaits that. So they may borrow, need
/// not be `Send`, work with any executor, and cost no allocation an item: each has a slot, which is used again when it is
/// over. That also means that they take turns: they wait at the same time and do not compute at the same time.
///
/// It differs from `buffer_unordered` in that members can fail as one, know their map's [`Context`](crate::Context), give their
/// results in order, and that a consumer that works never stops them: there is none.
///
/// # When not to use it
///
/// For members that compute, use threads. For a few futures whose number is known, `tokio::join!` is enough; for members of
/// different kinds, [`scope`](super::scope()) or a [`Group`](super::Group).
#[must_use = "a map does nothing until it is run"]
pub struct Map<S, E = BoxError, P = FailFast> {
    source: S,
    settings: Settings<E, P>,
    each: Option<Each<E>>,
}

/// How long one member may take.
struct Each<E> {
    timeout: Duration,
    /// The error of one that was late.
    late: fn(Cancelled) -> E,
}

impl<S> Map<S> {
    fn new(source: S, place: &'static Location<'static>) -> Self {
        Self { source, settings: Settings::new(place), each: None }
    }
}

words! { impl[S, E, P] Map<S, E, P>, error: E, without a limit: "64 do" }

impl<S, E, P> Map<S, E, P> {
    /// How long one member may take. One that takes longer is dropped where it stands and has failed: with the
    /// [`Cancelled`] of its own deadline, which is also that of the context it is given.
    ///
    /// # Cost
    ///
    /// A context and an alarm for each item.
    pub fn timeout_each(mut self, timeout: Duration) -> Self
    where
        E: FromMember<Cancelled>,
    {
        self.each = Some(Each { timeout, late: E::from_member });
        self
    }

    /// The map is over when `policy` says so, and returns what it makes of the outcomes.
    ///
    /// ```
    /// use headcount::{CollectAll, task};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let halves = task::map([4, 7])
    ///     .policy(CollectAll)
    ///     .run(|_ctx, n| async move { if n % 2 == 0 { Ok(n / 2) } else { Err("odd") } })
    ///     .await;
    /// assert_eq!(halves[0].as_ref().unwrap(), &2);
    /// assert_eq!(halves[1].as_ref().unwrap_err().to_string(), "odd");
    /// # }
    /// ```
    pub fn policy<Q>(self, policy: Q) -> Map<S, E, Q> {
        let Self { source, settings, each } = self;
        Map { source, settings: settings.policy(policy), each }
    }
}

impl<S, P> Map<S, BoxError, P> {
    /// Keeps the members' errors as they are: all fail with the type `X`. To be said before
    /// [`cancelled_when`](Self::cancelled_when) and [`timeout_each`](Self::timeout_each), which are about that type.
    pub fn typed<X: Root>(self) -> Map<S, X, P> {
        Map { source: self.source, settings: self.settings.typed(), each: None }
    }
}

impl<S, E, P> fmt::Debug for Map<S, E, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.describe(f, "task::Map")
    }
}
