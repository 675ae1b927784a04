//! A running process says who is out: one line at its start, and `headcount ps`, `tree` and `why` are answered.
//!
//! ```no_run
//! # fn main() -> std::io::Result<()> {
//! headcount::inspect()?; // from now on `headcount why PID` says on whom this process waits
//! # Ok(())
//! # }
//! ```
//!
//! | file | idea |
//! |---|---|
//! | here | [`inspect()`], [`close()`] |
//! | `census` | what is asked, and what is answered |
//! | `wire` | the protocol, without a socket |
//! | `place` | where the sockets are, and whose they are |
//! | `server`, `client` | the side that is asked, and the one that asks |
//! | `fuzzing` | what must hold for bytes of any kind |
//!
//! # Who may ask
//!
//! The same user, on the same machine, and nobody else. The socket stands in a directory that only the user may enter (mode 0700,
//! checked each time), has the mode 0600 itself, and on Linux both sides look who the other is. A question changes nothing in
//! the process. What is told are names, launch places, ages and states; a name that you gave a member is told to whoever runs as
//! you do.
//!
//! # Cost
//!
//! A thread that sleeps until somebody asks. An answer takes the roll of every group, as
//! [`roll_call`](crate::WaitGroup::roll_call) does, on that thread.

mod census;
mod client;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod place;
mod server;
#[cfg(test)]
mod tests;
mod wire;

use std::io;

pub use self::census::{Ask, Census, Group, Inside, Member};
pub use self::client::{AskError, ask, processes};
pub use self::wire::VERSION;

/// Lets this process be asked who is out, from now to its end. To be called once, at the start; once more is nothing.
///
/// A process that was forked from one that had called it must call it again.
///
/// # Errors
///
/// If the socket cannot be made: there is no place for it, or the place is open to others. A program need not end for that.
///
/// # When not to use it
///
/// In a library: whether a process may be asked is for the program to say.
pub fn inspect() -> io::Result<()> {
    server::open()
}

/// Removes the socket. A process that ends without it leaves a file behind, which the next one who asks removes.
///
/// A question that is being answered is answered to its end.
pub fn close() {
    server::close();
}
