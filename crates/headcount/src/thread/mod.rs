//! Groups of threads: members that start, fail, are cancelled and are waited for together, and that may borrow.
//!
//! ```
//! use headcount::{Context, thread};
//!
//! let texts = ["one two three", "four five"];
//! let words = thread::Scope::new(&Context::background()).limit(8).named("count").run(|group| {
//!     for text in &texts {
//!         group.spawn(move |_ctx| headcount::ok(text.split(' ').count())); // borrowed
//!     }
//! })?; // in the order of spawning; the first error cancels the rest
//! assert_eq!(words, [3, 2]);
//! # Ok::<(), headcount::GroupError>(())
//! ```
//!
//! | you want | use |
//! |---|---|
//! | threads, which may borrow | [`Scope`] |
//! | the same for every item of something, on a few threads | [`map()`] |
//! | tasks in parallel, which own what they use | [`task::Group`](crate::task::Group) |
//! | tasks that borrow, polled in turn by the task they are in | [`task::scope`](crate::task::scope) |
//!
//! Nothing here is unsafe: threads are started on a `std::thread::Scope`, which joins them before anything that they
//! borrow is gone.
//!
//! | file | idea |
//! |---|---|
//! | `scope` | [`Scope`]: making one, running it, and its end |
//! | `group`, `stream` | [`Group`]: what the body holds; taking results as they come |
//! | `spawner`, `control` | [`Spawner`]: launching from anywhere; asking, cancelling, waiting |
//! | `roll` | [`Roll`]: the roll call for those who stand outside of the scope |
//! | `team` | the group's book and its threads, together |
//! | `workers` | the threads of one scope: what is given to them, and their way through a job |
//! | `idle` | a worker with nothing to do: it searches, watches, sleeps, and is gone at the end |
//! | `desk` | who may start what, and who is to be woken for it: every decision, under one lock |
//! | `queue` | what waits, in the order in which it came, in pages |
//! | `tray` | tiny jobs that one worker took at once, within reach of the others |
//! | `turn` | waiting in the queue for a slot instead of leaving a job there |
//! | `launch` | how a thread is started |
//! | `attempts` | bodies that are called again, or twice, or in their turn |
//! | `hedger` | who watches for calls that take too long, and starts second ones |
//! | `map/` | [`map()`]: the same for every item |
//! | `model` | all this as the model checker's suite sees it |

mod attempts;
mod control;
mod desk;
mod group;
mod hedger;
mod idle;
pub(crate) mod launch;
mod map;
#[cfg(loom)]
#[doc(hidden)]
pub mod model;
mod queue;
mod roll;
mod scope;
mod spawner;
mod stream;
pub(crate) mod team;
#[cfg(all(test, not(loom)))]
mod tests;
mod tray;
mod turn;
pub(crate) mod workers;

pub use self::group::{Group, Results};
pub use self::map::{Map, MapResults, map};
pub use self::roll::Roll;
pub use self::scope::Scope;
pub use self::spawner::Spawner;
pub use crate::group::{Fork, SubmitError, TrySpawnError};
