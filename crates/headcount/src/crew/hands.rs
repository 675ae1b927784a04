//! The crew's threads: started by its workers, joined by the crew.

use std::fmt;
use std::io;
use std::panic::Location;
use std::thread::{self, Builder, JoinHandle};

use crate::group::panics;
use crate::roll::Name;
use crate::roll::roots::{Charge, What};
use crate::thread::launch::Launch;
use crate::wait::lock::Lock;

/// Starts threads and keeps them in mind until they are joined.
#[derive(Default)]
pub(super) struct Hands {
    /// What the threads are called, for debuggers and panic messages.
    name: Lock<Option<Name>>,
    started: Lock<Vec<JoinHandle<()>>>,
    /// Until they are joined the crew is there.
    charge: Lock<Option<Charge>>,
}

impl Hands {
    /// Those of a crew that is being made at `place`, on this thread.
    pub(super) fn new(place: &'static Location<'static>) -> Self {
        Self { charge: Lock::new(Some(Charge::here(What::Crew, place))), ..Self::default() }
    }

    pub(super) fn set_name(&self, name: Name) {
        *self.name.lock() = Some(name);
    }

    /// Whether the calling thread is one of them.
    pub(super) fn is_mine(&self) -> bool {
        let me = thread::current().id();
        self.started.lock().iter().any(|thread| thread.thread().id() == me)
    }

    /// Waits until all threads that were started are over. For those who are not one of them.
    pub(super) fn join(&self) {
        // In the end none is started any more: only jobs cause that, and none is left.
        loop {
            let Some(thread) = self.started.lock().pop() else { break };
            // No worker unwinds.
            panics::drop_quietly(thread.join());
        }
        let charge = self.charge.lock().take();
        panics::drop_quietly(charge);
    }
}

impl Launch<'static> for Hands {
    fn launch(&self, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut builder = Builder::new();
        if let Some(name) = &*self.name.lock() {
            // No name may have a zero byte.
            builder = builder.name(name.as_str().replace('\0', ""));
        }
        let thread = builder.spawn(body)?;
        self.started.lock().push(thread);
        Ok(())
    }
}

impl fmt::Debug for Hands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hands").field("started", &self.started.lock().len()).finish_non_exhaustive()
    }
}
