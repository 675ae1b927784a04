//! Was standard output closed when the command was started (`>&-`)?
//!
//! By the time `main` runs nobody can ask the descriptor: Rust's runtime has opened `/dev/null` in its place, so that no
//! file that is opened later gets its number. But it opens it for reading *and* writing, which `>/dev/null` does not. A
//! daemon is started with all three descriptors on one such `/dev/null`, and means it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{OFlags, fcntl_getfl, fstat, stat};

use crate::refusal::Refusal;

/// Turns the request down if what the members print could go nowhere without anyone having asked for that.
pub(crate) fn refuse() -> Result<(), Refusal> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let daemon = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()].into_iter().all(stands_in);
    if stands_in(stdout.as_fd()) && !daemon {
        return Err(Refusal::new(
            "standard output is closed, so what the members print would be lost",
            "to throw it away, say so: >/dev/null",
        ));
    }
    Ok(())
}

/// Whether this is a `/dev/null` as the runtime opens it. What cannot be found out counts as no.
fn stands_in(descriptor: BorrowedFd<'_>) -> bool {
    let both_ways = fcntl_getfl(descriptor).is_ok_and(|flags| flags & OFlags::ACCMODE == OFlags::RDWR);
    let device = fstat(descriptor).map(|file| file.st_rdev);
    let null = stat("/dev/null").map(|file| file.st_rdev);
    both_ways && matches!((device, null), (Ok(device), Ok(null)) if device == null)
}
