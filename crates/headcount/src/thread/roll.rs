//! A group's roll, for those who stand outside of its scope.

use std::fmt;
use std::sync::{Arc, Weak};

use super::team::ThreadCore;
use crate::group::{Policy, Root};
use crate::roll::RollCall;

/// Calls the roll of one group from anywhere, also from a thread that was there before the group and stays after it, such as
/// one that answers signals. From [`Spawner::roll`](super::Spawner::roll). Cheap to clone.
///
/// It differs from a [`Spawner`](super::Spawner) in that it can only look, and so is not bound to the scope. It keeps nothing
/// of the group alive.
#[derive(Clone)]
pub struct Roll {
    group: Weak<dyn Listed>,
}

/// A group that is known no further than by its roll.
trait Listed: Send + Sync {
    fn roll_call(&self) -> RollCall;
}

impl<T, E, P> Listed for ThreadCore<T, E, P>
where
    T: Send,
    E: Root + Send,
    P: Policy<T, E>,
{
    fn roll_call(&self) -> RollCall {
        self.roll_call()
    }
}

impl Roll {
    pub(super) fn new<T, E, P>(group: &Arc<ThreadCore<T, E, P>>) -> Self
    where
        T: Send + 'static,
        E: Root + Send + 'static,
        P: Policy<T, E> + 'static,
    {
        let group: Weak<ThreadCore<T, E, P>> = Arc::downgrade(group);
        Self { group }
    }

    /// Who is out: running, queued, or cancelled and not gone yet. `None` when the scope is over, and so nobody is.
    #[must_use]
    pub fn roll_call(&self) -> Option<RollCall> {
        self.group.upgrade().map(|group| group.roll_call())
    }
}

impl fmt::Debug for Roll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("thread::Roll").field("over", &(self.group.strong_count() == 0)).finish()
    }
}
