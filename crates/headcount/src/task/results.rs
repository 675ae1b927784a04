//! Members' results as they come.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context as TaskContext, Poll};

use super::{Group, Tasks};
use crate::group::arrivals::Arrival;
use crate::group::zero::Awaiting;
use crate::group::{BoxError, FailFast, Member, MemberError, Policy, Root, panics};
use crate::wait::wake::Wake;

/// One member's result: who, and what came of it.
type Result<T, E> = (Member, std::result::Result<T, MemberError<E>>);

impl<T, E, P> Group<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    /// The members' results as they finish, instead of all at the end.
    ///
    /// The policy still decides when the group is over; what it would have returned at the end is not made. Members that
    /// were [forked](super::Spawner::fork) do not appear, unless they fail.
    ///
    /// # Cost
    ///
    /// Memory is that of the members that are out, and of the results that have not been taken: a group that is fed for
    /// ever may be taken from for ever. Nothing holds the members up when results are taken more slowly than they come: a
    /// limit bounds who runs, not what waits here. So feed the group as results are taken, a member for each; or use
    /// [`task::map`](crate::task::map()), whose streams take the next item only when there is room for its value.
    ///
    /// # Examples
    ///
    /// ```
    /// use headcount::{CollectAll, Context, task};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group = task::Group::with_policy(&Context::background(), CollectAll);
    /// for n in 0..3 {
    ///     group.spawn(move |_| async move { if n == 1 { Err("odd") } else { Ok(n) } });
    /// }
    /// let (mut even, mut failed) = (0, 0);
    /// let mut results = group.stream();
    /// while let Some((member, result)) = results.next().await {
    ///     match result {
    ///         Ok(n) => even += n,
    ///         Err(error) => {
    ///             assert_eq!(error.to_string(), "odd");
    ///             assert_eq!(member.index(), 1);
    ///             failed += 1;
    ///         }
    ///     }
    /// }
    /// assert_eq!((even, failed), (2, 1));
    /// # }
    /// ```
    pub fn stream(self) -> Results<T, E, P> {
        let first = self.core().listen_from_now();
        debug_assert!(first, "a group of tasks is given up for its results");
        let awaiting = self.core().await_zero();
        Results { group: self, _awaiting: awaiting }
    }
}

/// The results of a group's members, as they finish; from [`Group::stream`].
///
/// It ends when nobody is out any more, and closes the group with that: a member that is spawned later is refused, and never
/// runs. Dropped before that, it drops the group and so calls its members off.
#[must_use = "a group whose results are dropped calls its members off"]
pub struct Results<T, E = BoxError, P = FailFast>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    group: Group<T, E, P>,
    _awaiting: Awaiting<T, E, P, Tasks>,
}

impl<T, E, P> Results<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    /// The next result; nothing once everybody is back.
    ///
    /// It ends with any result, so a member of this group may take those of its siblings. After the last of them it waits for its
    /// own end, for ever: nobody tells it, because somebody else might spawn one more.
    ///
    /// # Panics
    ///
    /// When everybody is back, with the payload of the first member that panicked, if the group's panics are to be resumed.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time; no result is lost.
    pub async fn next(&mut self) -> Option<Result<T, E>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`next`](Self::next), for those who poll by hand.
    ///
    /// # Panics
    ///
    /// As [`next`](Self::next).
    pub fn poll_next(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<Result<T, E>>> {
        let core = self.group.core();
        loop {
            while let Some(arrival) = core.arrived() {
                match arrival {
                    Arrival::Value(page, line) => {
                        // Not there if it was announced twice, or if the member was a fork.
                        if let Some(value) = page.take(line) {
                            return Poll::Ready(Some((page.sheet.member(line), Ok(value))));
                        }
                    }
                    Arrival::Failure(_, failure) => {
                        return Poll::Ready(Some((failure.member, Err(failure.error))));
                    }
                }
            }
            if !core.listen_again(Wake::Task(cx.waker().clone())) {
                continue;
            }
            // After the waker is there: whoever is the last to come back wakes it.
            if !core.close() {
                return Poll::Pending;
            }
            if core.nothing_has_arrived() {
                break;
            }
        }
        core.kind.timers.clear();
        let panic = core.court.lock().take_panic();
        core.deaf();
        core.abandon();
        panic.map_or(Poll::Ready(None), |payload| panics::resume(payload))
    }

    /// The group, for spawning, asking and cancelling.
    pub fn group(&self) -> &Group<T, E, P> {
        &self.group
    }
}

/// With the feature `stream`, so that the combinators of `futures` and `tokio-stream` apply.
#[cfg(feature = "stream")]
impl<T, E, P> futures_core::Stream for Results<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    type Item = Result<T, E>;

    fn poll_next(self: std::pin::Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        Results::poll_next(self.get_mut(), cx)
    }
}

impl<T, E, P> fmt::Debug for Results<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.describe(f, "task::Results")
    }
}
