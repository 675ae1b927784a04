//! What the guard does: it waits for the command to go, and then ends whoever the book says was running.

use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, fstat};

use super::book;
#[cfg(target_os = "linux")]
use super::quarry::end;
use crate::exit::{Ending, USAGE};
use crate::latch::sleep_on;
use crate::output::complain;

/// The guard's life. Its stdin is the pipe from the command, its stdout the book, its stderr where tokens go.
pub(crate) fn keep() -> Ending {
    let (line, book) = (rustix::stdio::stdin(), rustix::stdio::stdout());
    let is_called = is(line, FileType::Fifo) && is(book, FileType::RegularFile);
    let book = book.try_clone_to_owned().map(File::from).ok();
    let Some(book) = book.filter(|_| is_called) else {
        complain(&"the guard has nobody to guard", "only headcount run starts it");
        return Ending::Code(USAGE);
    };
    // Nothing is ever written there, so there is only one thing to hear.
    let gone = |fds: &[PollFd<'_>]| fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR);
    loop {
        let mut fds = [PollFd::from_borrowed_fd(line, PollFlags::empty())];
        if sleep_on(&mut fds, None).is_err() || gone(&fds) {
            break;
        }
    }
    if let Some((head, places)) = book::read(&book) {
        end(&head, &places);
        for token in places.iter().filter_map(|place| place.token) {
            let _ = rustix::io::write(rustix::stdio::stderr(), &[token]);
        }
    }
    Ending::Code(crate::exit::OK)
}

fn is(file: BorrowedFd<'_>, kind: FileType) -> bool {
    fstat(file).is_ok_and(|what| FileType::from_raw_mode(what.st_mode) == kind)
}

/// Where nothing can be found out about processes, the groups are all there is to go by.
#[cfg(not(target_os = "linux"))]
fn end(_: &book::Head, places: &[book::Place]) {
    for group in places.iter().filter_map(|place| place.group) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}
