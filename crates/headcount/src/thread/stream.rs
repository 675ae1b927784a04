//! Taking results as they come, and sleeping until they do.

use std::sync::Arc;

use super::launch::Launch;
use super::team::{OnThreads, ThreadCore};
use super::workers::Workers;
use crate::fault::{self, Fault};
use crate::group::arrivals::Arrival;
use crate::group::zero::Awaiting;
use crate::group::{Member, MemberError, Policy, Root};
use crate::wait::parker;
use crate::wait::wake::Wake;

/// Takes a group's results, one at a time.
pub(crate) struct Stream<'g, T, E: Root, P: Policy<T, E>> {
    core: &'g Arc<ThreadCore<T, E, P>>,
    /// So that the end is told: invariant G2 of the book.
    _awaiting: Awaiting<T, E, P, OnThreads>,
}

impl<'g, T, E: Root, P: Policy<T, E>> Stream<'g, T, E, P> {
    /// None if somebody takes them already.
    pub(crate) fn open(core: &'g Arc<ThreadCore<T, E, P>>) -> Option<Self> {
        core.listen_from_now().then(|| Self { core, _awaiting: core.await_zero() })
    }

    /// The next result; none when nobody is out. Blocks until one of the two is so, and [stands in](Workers::stand_in)
    /// meanwhile.
    pub(crate) fn next<'scope, L: Launch<'scope>>(
        &mut self,
        workers: &Arc<Workers<'scope, L>>,
    ) -> Option<(Member, Result<T, MemberError<E>>)> {
        loop {
            while let Some(arrival) = self.core.arrived() {
                match arrival {
                    Arrival::Value(page, line) => {
                        // Not there if it was announced twice, or if the member was a fork.
                        if let Some(value) = page.take(line) {
                            return Some((page.sheet.member(line), Ok(value)));
                        }
                    }
                    Arrival::Failure(_, failure) => return Some((failure.member, Err(failure.error))),
                }
            }
            if workers.stand_in() {
                continue;
            }
            if !self.core.listen_again(Wake::Thread(parker::unparker())) {
                continue;
            }
            // After the wake-up is there: whoever is the last to come back gives it.
            if self.core.out.outstanding() > 0 || fault::planted(Fault::EndUnlooked) {
                parker::park(workers.patience());
            } else if self.core.nothing_has_arrived() {
                return None;
            }
        }
    }
}

impl<T, E: Root, P: Policy<T, E>> Drop for Stream<'_, T, E, P> {
    fn drop(&mut self) {
        self.core.listen_no_more();
    }
}
