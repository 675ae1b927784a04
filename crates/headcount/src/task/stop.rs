//! What a cancellation does to a group of tasks: who queues goes home, and who does not heed it is called off after the
//! grace.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{TaskCore, launch};
use crate::context::{Context, OnCancel};
use crate::group::Policy;
use crate::group::core::PageOf;
use crate::wait::lock::Lock;

/// Alarms that will call members off.
#[derive(Default)]
pub(crate) struct Timers(Lock<Vec<(Context, OnCancel)>>);

impl Timers {
    fn add(&self, after: Duration, ring: impl FnOnce() + Send + 'static) {
        let alarm = Context::background().with_timeout(after);
        let bell = alarm.on_cancel_at_once(move |_| ring());
        let mut timers = self.0.lock();
        // Those that have rung are taken out when there is no room: a group without end may cancel members for ever.
        let mut rung = Vec::new();
        if timers.len() == timers.capacity() {
            let all = std::mem::take(&mut *timers);
            (rung, *timers) = all.into_iter().partition(|(alarm, _)| alarm.is_cancelled());
        }
        timers.push((alarm, bell));
        drop(timers);
        drop(rung);
    }

    /// Takes all of them back.
    pub(super) fn clear(&self) {
        let timers = std::mem::take(&mut *self.0.lock());
        drop(timers);
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timers").field(&self.0.lock().len()).finish()
    }
}

/// Arranges for what is to happen when the group is cancelled, by whomever.
pub(super) fn when_cancelled<T, E, P>(core: &Arc<TaskCore<T, E, P>>)
where
    T: Send + 'static,
    E: Send + 'static,
    P: Policy<T, E> + 'static,
{
    let weak = Arc::downgrade(core);
    let stop = move || {
        if let Some(core) = weak.upgrade() {
            launch::clear(&core);
            let grace = core.books.lock().grace;
            after(grace, &core, Arc::downgrade(&core), |core| core.call_off());
        }
    };
    core.ctx.on_cancel_at_once(move |_| stop()).keep();
}

/// Arranges for what is to happen when the member in `line` is cancelled by hand.
pub(super) fn when_cancelled_by_hand<T, E, P>(
    hand: &Context,
    core: &Arc<TaskCore<T, E, P>>,
    page: Weak<PageOf<T, E, P, super::Tasks>>,
    line: usize,
) where
    T: Send + 'static,
    E: Send + 'static,
    P: Policy<T, E> + 'static,
{
    let weak = Arc::downgrade(core);
    let stop = move || {
        if let Some(core) = weak.upgrade() {
            // Most cancellers are dropped when their member has ended.
            if page.upgrade().is_some_and(|page| page.tell(line)) {
                let grace = core.books.lock().grace;
                after(grace, &core, page, move |page| page.call_off_one(line));
            }
        }
    };
    hand.on_cancel_at_once(move |_| stop()).keep();
}

/// Does `what` after `grace`, if `to` is still there then.
fn after<T, E, P, W: Send + Sync + 'static>(
    grace: Duration,
    core: &Arc<TaskCore<T, E, P>>,
    to: Weak<W>,
    what: impl FnOnce(&W) + Send + 'static,
) {
    match grace {
        Duration::MAX => {}
        Duration::ZERO => {
            if let Some(to) = to.upgrade() {
                what(&to);
            }
        }
        grace => core.kind.timers.add(grace, move || {
            if let Some(to) = to.upgrade() {
                what(&to);
            }
        }),
    }
}
