//! A gate that lets one through at a time, in the order in which they came.
//!
//! Whoever waits for its place in a rate sleeps until there is one. If all slept at once, all would wake for one place; so one
//! sleeps, inside the gate, and the others stand in line.
//!
//! A call is the end of a token: the one who waits sees it however late it looks, so no call is lost. One who leaves the
//! line looks under the lock whether it had been called, and passes that on.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::context::{Cancelled, Context};
use crate::wait::lock::Lock;
use crate::{Token, WaitGroup};

#[derive(Debug, Default)]
pub(super) struct Gate(Lock<Line>);

#[derive(Debug, Default)]
struct Line {
    /// Somebody is inside, or has been called.
    busy: bool,
    waiting: VecDeque<Arc<Place>>,
}

#[derive(Debug)]
struct Place {
    call: WaitGroup,
    /// Out until the place is called.
    out: Lock<Option<Token>>,
}

/// Inside the gate, or in line; whichever way it is left, the next may come.
#[derive(Debug)]
pub(super) struct Pass<'g> {
    gate: &'g Gate,
    place: Option<Arc<Place>>,
}

impl Gate {
    /// Steps in line. Inside already, if there is nobody else.
    fn step_in(&self) -> Pass<'_> {
        let mut line = self.0.lock();
        let place = line.busy.then(|| {
            let call = WaitGroup::new();
            let out = Lock::new(Some(call.add()));
            Arc::new(Place { call, out })
        });
        line.busy = true;
        line.waiting.extend(place.clone());
        drop(line);
        Pass { gate: self, place }
    }

    /// Waits until it is inside, or cancelled.
    pub(super) async fn enter_async(&self, ctx: &Context) -> Result<Pass<'_>, Cancelled> {
        let pass = self.step_in();
        if let Some(place) = &pass.place {
            ctx.run_async(place.call.wait_async()).await?;
        }
        Ok(pass)
    }

    /// The same, blocking.
    pub(super) fn enter(&self, ctx: &Context) -> Result<Pass<'_>, Cancelled> {
        let pass = self.step_in();
        if let Some(place) = &pass.place {
            if place.call.wait_with(ctx).is_err() {
                ctx.check()?;
            }
        }
        Ok(pass)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut line = self.gate.0.lock();
        if let Some(place) = &self.place {
            let at = line.waiting.iter().position(|other| Arc::ptr_eq(other, place));
            if let Some(at) = at {
                // Not called yet: nobody waits for this one.
                line.waiting.remove(at);
                return;
            }
        }
        let next = line.waiting.pop_front();
        line.busy = next.is_some();
        drop(line);
        let call = next.and_then(|next| next.out.lock().take());
        // Wakes: foreign code, without a lock.
        drop(call);
    }
}
