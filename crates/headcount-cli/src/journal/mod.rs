//! The journal: what happened, written down before it counts, so that a later run can go on where this one was killed.
//!
//! Its promises:
//!
//! 1. *Ahead.* A member's input is in the file before the member may begin, an attempt before its process is started,
//!    and an end before it counts for the account or the policy. After `kill -9` the kernel has all of that: who was
//!    written down as ended is never run again, and who was not, is.
//! 2. *Synced* at most [`INTERVAL`] after it was written, for the case that the machine dies too; at once where going on
//!    without it could not be made good: the beginning, the resumption, the seal, the end for which the policy stops
//!    the rest, and the end of the batch.
//! 3. One process at a time: the file is locked as long as it is open. Who comes second is turned away.
//! 4. What is not understood is not touched. A file is changed only after all of it was read, and the inputs were
//!    found to be those it knows. A torn tail (`frame`) is cut then.
//! 5. Little is held in memory: a byte a member (the ledger). Inputs stay in the file, which is read again in step: once
//!    beside the list of inputs, to compare them, and once more for those that have to be run.
//!
//! What it cannot promise: a member that was running when the command was killed may have done its work, and is run
//! again. Output that waited for its turn (`--order input`) and was not printed is gone.

mod backlog;
mod frame;
mod lock;
mod open;
mod past;
mod pen;
mod record;
mod replay;

pub(crate) use backlog::Backlog;
pub use frame::{Begins, Bytes, Frames, HEADER, LONGEST, Next, Unread, begins, framed, header};
pub(crate) use open::{Mode, Open, open};
pub(crate) use past::Past;
pub use pen::INTERVAL;
pub(crate) use pen::{Journal, JournalError};
pub use record::{Heading, Record};
pub use replay::{Replayed, replay};
