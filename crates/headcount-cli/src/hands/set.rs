//! The files that are watched, and the bell: what all hands sleep on.
//!
//! On Linux an epoll set that tells each readiness once and wakes one hand for it; one at a time, so that another hand
//! takes the next. Elsewhere `poll`, with everything that is waited for: it takes longer the more there are.

#[cfg(target_os = "linux")]
pub(super) use epoll::Set;
#[cfg(not(target_os = "linux"))]
pub(super) use polled::Set;

/// The number of the bell, which is no file's.
pub(super) const BELL: u64 = 0;

#[cfg(target_os = "linux")]
mod epoll {
    use std::collections::HashMap;
    use std::io;
    use std::os::fd::{BorrowedFd, OwnedFd};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use rustix::buffer::spare_capacity;
    use rustix::event::epoll::{CreateFlags, Event, EventData, EventFlags, add, create, delete, wait};
    use rustix::event::{EventfdFlags, Timespec, eventfd};

    use super::BELL;
    use crate::hands::watched::Entry;
    use crate::locked;

    #[derive(Debug)]
    pub(in crate::hands) struct Set {
        epoll: OwnedFd,
        bell: OwnedFd,
        entries: Mutex<Entries>,
    }

    #[derive(Debug, Default)]
    struct Entries {
        by_number: HashMap<u64, Arc<Entry>>,
        /// Never given twice: what is told of a file that is gone must not be taken for another's.
        last: u64,
    }

    impl Set {
        pub(in crate::hands) fn new() -> io::Result<Self> {
            let epoll = create(CreateFlags::CLOEXEC)?;
            let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
            // Told once for each ring, and never read.
            add(&epoll, &bell, EventData::new_u64(BELL), EventFlags::IN | EventFlags::ET)?;
            Ok(Self { epoll, bell, entries: Mutex::default() })
        }

        pub(in crate::hands) fn add(&self, file: BorrowedFd<'_>) -> io::Result<(u64, Arc<Entry>)> {
            let entry = Arc::<Entry>::default();
            let mut entries = locked(&self.entries);
            entries.last += 1;
            let number = entries.last;
            entries.by_number.insert(number, Arc::clone(&entry));
            drop(entries);
            // Listed before: it may be told at once.
            match add(&self.epoll, file, EventData::new_u64(number), EventFlags::IN | EventFlags::ET) {
                Ok(()) => Ok((number, entry)),
                Err(error) => {
                    locked(&self.entries).by_number.remove(&number);
                    Err(error.into())
                }
            }
        }

        pub(in crate::hands) fn remove(&self, number: u64, file: BorrowedFd<'_>) {
            // It was added, so there is nothing that could be wrong.
            let _ = delete(&self.epoll, file);
            let entry = locked(&self.entries).by_number.remove(&number);
            drop(entry);
        }

        /// Calls one hand.
        pub(in crate::hands) fn ring(&self) {
            // It never fills: that would take longer than the world has been there.
            let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        }

        /// Sleeps until a file is ready or the bell rings, for so long at most, and says which. May wake without either.
        pub(in crate::hands) fn sleep(&self, limit: Option<Duration>, events: &mut Vec<u64>) {
            // The system counts milliseconds here: rounded up, or the last one would be spent awake.
            let limit = limit.and_then(|limit| {
                let up = u64::try_from(limit.as_nanos().div_ceil(1_000_000)).ok()?;
                Timespec::try_from(Duration::from_millis(up)).ok()
            });
            let mut told: Vec<Event> = Vec::with_capacity(1);
            if wait(&self.epoll, spare_capacity(&mut told), limit.as_ref()).is_ok() {
                events.extend(told.iter().map(|event| event.data.u64()));
            }
        }

        /// Tells whoever waits for this file.
        pub(in crate::hands) fn tell(&self, number: u64) {
            let entry = locked(&self.entries).by_number.get(&number).cloned();
            entry.into_iter().for_each(|entry| entry.tell());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod polled {
    use std::collections::HashMap;
    use std::io;
    use std::os::fd::{BorrowedFd, OwnedFd};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags};
    use rustix::pipe::{PipeFlags, pipe_with};

    use super::BELL;
    use crate::hands::watched::Entry;
    use crate::latch::sleep_on;
    use crate::locked;

    #[derive(Debug)]
    pub(in crate::hands) struct Set {
        bell: OwnedFd,
        rope: OwnedFd,
        entries: Mutex<Entries>,
    }

    #[derive(Debug, Default)]
    struct Entries {
        /// With a descriptor of its own, which a hand may sleep on when the file is closed.
        by_number: HashMap<u64, (Arc<Entry>, Arc<OwnedFd>)>,
        last: u64,
    }

    impl Set {
        pub(in crate::hands) fn new() -> io::Result<Self> {
            let (bell, rope) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
            Ok(Self { bell, rope, entries: Mutex::default() })
        }

        pub(in crate::hands) fn add(&self, file: BorrowedFd<'_>) -> io::Result<(u64, Arc<Entry>)> {
            let own = Arc::new(rustix::io::fcntl_dupfd_cloexec(file, 3)?);
            let entry = Arc::<Entry>::default();
            let mut entries = locked(&self.entries);
            entries.last += 1;
            let number = entries.last;
            entries.by_number.insert(number, (Arc::clone(&entry), own));
            Ok((number, entry))
        }

        pub(in crate::hands) fn remove(&self, number: u64, _: BorrowedFd<'_>) {
            let entry = locked(&self.entries).by_number.remove(&number);
            drop(entry);
        }

        pub(in crate::hands) fn ring(&self) {
            // A full pipe has been rung often enough.
            let _ = rustix::io::write(&self.rope, b"!");
        }

        pub(in crate::hands) fn sleep(&self, limit: Option<Duration>, events: &mut Vec<u64>) {
            // Who begins to wait later is a hand, or was called by one, and comes by here itself.
            let waited: Vec<_> = locked(&self.entries)
                .by_number
                .iter()
                .filter(|(_, (entry, _))| entry.is_waited_for())
                .map(|(number, (_, file))| (*number, Arc::clone(file)))
                .collect();
            let mut fds = vec![PollFd::new(&self.bell, PollFlags::IN)];
            fds.extend(waited.iter().map(|(_, file)| PollFd::new(&**file, PollFlags::IN)));
            if sleep_on(&mut fds, limit).is_err() {
                return;
            }
            if !fds[0].revents().is_empty() && rustix::io::read(&self.bell, &mut [0; 1]) == Ok(1) {
                events.push(BELL);
            }
            let ready = waited.iter().zip(&fds[1..]).filter(|(_, fd)| !fd.revents().is_empty());
            events.extend(ready.map(|((number, _), _)| *number));
        }

        pub(in crate::hands) fn tell(&self, number: u64) {
            let entry = locked(&self.entries).by_number.get(&number).map(|(entry, _)| Arc::clone(entry));
            entry.into_iter().for_each(|entry| entry.tell());
        }
    }
}
