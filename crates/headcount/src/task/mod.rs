//! Groups of async tasks: members that start, fail, are cancelled and are waited for together.
//!
//! ```
//! use headcount::{Context, task};
//!
//! # async fn fetch_price(_: &Context, sku: u32) -> Result<u32, std::io::Error> { Ok(sku * 10) }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), headcount::GroupError> {
//! let ctx = Context::background();
//! let group = task::Group::new(&ctx).limit(8).named("prices");
//! for sku in 1..=3 {
//!     group.spawn(move |ctx| async move { fetch_price(&ctx, sku).await });
//! }
//! let prices: Vec<u32> = group.wait().await?; // in the order of spawning; the first error cancels the rest
//! assert_eq!(prices, [10, 20, 30]);
//! # Ok(())
//! # }
//! ```
//!
//! | you want | use |
//! |---|---|
//! | tasks in parallel, which own what they use | [`Group`] |
//! | members that borrow, polled in turn by the task they are in | [`scope()`] |
//! | the same for every item of a source, so many at once | [`map()`] |
//! | threads, which may borrow | [`thread::Scope`](crate::thread::Scope) |
//!
//! | file | idea |
//! |---|---|
//! | `group` | [`Group`]: making one, and its end |
//! | `attempts` | how bodies are called: retry, hedge, rate, timeout |
//! | `spawner`, `submit`, `control` | [`Spawner`]: launching from anywhere; launching when there is room; asking and cancelling |
//! | `member` | one member, as its task polls it |
//! | `lane`, `launch`, `turn` | the limit: who may run now, how the next ones get their turn, and who waits to launch |
//! | `carriers`, `carrier` | the tasks that poll members: who comes when somebody is ready |
//! | `stop` | what a cancellation does to the group |
//! | `waiting`, `results` | waiting for all of them, and taking results as they come |
//! | `executor` | where tasks run |
//! | `scope`, `turns` | concurrency on the caller's own task; who is polled next |
//! | `map` | the same for every item of a source |

mod attempts;
mod carrier;
mod carriers;
mod control;
mod desk;
mod executor;
mod group;
mod lane;
mod launch;
mod map;
mod member;
mod results;
mod scope;
mod spawner;
mod stop;
mod submit;
mod turn;
mod turns;
mod waiting;

pub use self::executor::{BoxTask, Spawn};
pub use self::group::Group;
pub use self::map::{Iter, Map, MapResults, Source, Spawned, map};
#[cfg(feature = "stream")]
pub use self::map::{Streamed, map_stream};
pub use self::results::Results;
pub use self::scope::{Scope, scope};
pub use self::spawner::Spawner;
pub use self::waiting::GroupTimeoutError;
pub use crate::group::{Fork, SubmitError, TrySpawnError};

use self::carriers::{Aboard, Carriers};
use self::executor::Executor;
use self::lane::Lane;
use self::stop::Timers;
use std::sync::Arc;

use crate::group::Policy;
use crate::group::core::{Core, Kind};
use crate::group::mark::Polled;
use crate::sync::AtomicU8;

/// What a group of tasks has that one of threads has not.
#[derive(Debug)]
pub(crate) struct Tasks {
    carriers: Arc<Carriers>,
    timers: Timers,
    /// 1 if the court has attempts.
    attempts: AtomicU8,
}

impl Kind for Tasks {
    type Lane = Lane;
    type Bell = Polled;
    const MARKS_BLOCKING: bool = true;

    fn limit(lane: &Lane) -> Option<usize> {
        lane.limit()
    }
}

impl Tasks {
    fn new(executor: Executor) -> Self {
        Self { carriers: Carriers::new(executor), timers: Timers::default(), attempts: AtomicU8::new(0) }
    }
}

type TaskCore<T, E, P> = Core<T, E, P, Tasks>;

impl<T, E, P> Aboard for TaskCore<T, E, P>
where
    T: Send,
    E: Send,
    P: Policy<T, E>,
{
    fn spawned(&self) -> u64 {
        Self::spawned(self)
    }

    fn executor_is_gone(&self) {
        self.call_off_those_there();
    }
}
