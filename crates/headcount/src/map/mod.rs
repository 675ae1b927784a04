//! What both kinds of map share: the words that configure one, and what becomes of its items' ends.
//!
//! A map does the same with every item of a source. Its items are members in all that can be said of them, judged by a
//! policy and called by their number in errors; but nobody spawns them. They have no seats and no entries in a book: an item
//! is its index, all were launched at the place of the map, and a member that succeeds leaves its value and nothing else.
//! So what a group does for each member is done here for runs of them.
//!
//! | file | idea |
//! |---|---|
//! | `settings` | the words that both kinds are configured with |
//! | `attempts` | items that are tried again, hedged, or paced |
//! | `docket` | a running map: its context, its judge, and its conclusion |
//! | `spool`, `reel` | values on their way into the order of their items |
//!
//! Which items run when, and where, is the kinds' own: [`thread::map`](crate::thread) and `task::map`.

pub(crate) mod attempts;
pub(crate) mod docket;
pub(crate) mod reel;
pub(crate) mod settings;
pub(crate) mod spool;
