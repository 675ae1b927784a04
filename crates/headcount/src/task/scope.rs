//! Concurrency on the caller's own task: members are polled by the one who waits for them, so they may borrow.
//!
//! The scope is one future. It holds its members, each with a waker of its own, and polls those that were woken.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::member::Attended;
use crate::context::{CancelKind, Cancelled, Context};
use crate::fault::{self, Fault};
use crate::group::core::{Core, Kind};
use crate::group::ending::{Ending, Riders, finish};
use crate::group::mark::Polled;
use crate::group::settle::Plain;
use crate::group::{Body, BoxError, FailFast, FromMember, GroupError, panics, who};
use crate::roll::{Name, RollCall};
use crate::wait::lock::Lock;

/// A scope has no limit and no lane.
#[derive(Debug)]
pub(crate) struct Local;

impl Kind for Local {
    type Lane = ();
    type Bell = Polled;

    fn limit((): &()) -> Option<usize> {
        None
    }
}

type LocalCore<T> = Core<T, BoxError, FailFast, Local>;

impl<T> Riders for LocalCore<T> {
    fn rider_left(self: &Arc<Self>) {
        unreachable!("a scope has no limit, so nobody is counted against one");
    }
}

type BoxMember<'env> = Pin<Box<dyn Future<Output = ()> + Send + 'env>>;

/// How long members that are cancelled have to end by themselves.
const GRACE: Duration = Duration::from_secs(5);

/// Runs `body`, and the members that it spawns, on the caller's own task, until all are over; gives their values in the
/// order of spawning. The first that fails cancels the rest.
///
/// Members may borrow whatever outlives the call, because they are polled by this future and dropped with it. That also means
/// that they take turns: they wait at the same time and do not compute at the same time. For parallel tasks, which own what
/// they use, there is [`Group`](super::Group).
///
/// An error of `body` counts as one more failed member, named `body`.
///
/// # Errors
///
/// [`GroupError`]: who failed, where it was launched, and why.
///
/// # Panics
///
/// With the payload of the first member that panicked, unchanged, once everyone is over.
///
/// # Cancel safety
///
/// Dropping the future drops its members where they stand; nothing stays behind.
///
/// # Cost
///
/// Two allocations a member.
///
/// # Examples
///
/// ```
/// use headcount::{Context, GroupError, task};
///
/// # async fn size_of(page: &str) -> Result<usize, std::io::Error> { Ok(page.len()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), GroupError> {
/// let pages = vec![String::from("home"), String::from("about us")];
///
/// let sizes = task::scope(&Context::background(), async |scope| {
///     for page in &pages {
///         scope.spawn(move |_ctx| size_of(page)); // borrowed
///     }
/// })
/// .await?;
/// assert_eq!(sizes, [4, 8]);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn scope<'env, T, F, Fut, R>(
    ctx: &Context,
    body: F,
) -> impl Future<Output = Result<Vec<T>, GroupError>> + use<'env, T, F, Fut, R>
where
    T: Send + 'env,
    F: FnOnce(Scope<'env, T>) -> Fut,
    Fut: Future<Output = R>,
    R: Body<BoxError>,
{
    let place = Location::caller();
    let core = Core::new(ctx, FailFast, Local, (), place);
    async move {
        // A member of another group waits here until this one is over: whoever would close a circle is told.
        let _waiting = who::wait_for(core.id, || core.title());
        let ready = Arc::<Ready>::default();
        let scope = Scope { core: Arc::clone(&core), fresh: Arc::default(), ready: Arc::clone(&ready) };
        // Dropped last, also when this future is dropped half way: it opens the circle of core and pages.
        let _end = End(&core, place);
        let fresh = Arc::clone(&scope.fresh);
        let body = match panics::catch(|| body(scope)) {
            Ok(body) => Some(body),
            Err(payload) => {
                fail(&core, place, Ending::Panicked(payload));
                None
            }
        };
        let turns = Turns { members: Vec::new(), free: Vec::new(), fresh, ready, core: &core, place };
        let mut run = std::pin::pin!(Run { body, body_waker: None, turns });
        if core.ctx.run_async(run.as_mut()).await.is_err() {
            // Cancelled: they may end by themselves for a while.
            let patience = Context::background().with_timeout(GRACE);
            if patience.run_async(run.as_mut()).await.is_err() {
                core.call_off();
                run.as_mut().await;
            }
        }
        let awaiting = core.await_zero();
        drop(awaiting);
        let closed = core.close();
        debug_assert!(closed, "G2: everyone is back, and nobody has the pen");
        let panic = core.court.lock().take_panic();
        match panic {
            Some(payload) => {
                core.abandon();
                panics::resume(payload)
            }
            None => core.output(),
        }
    }
}

/// The end of a scope that was not waited for to the end.
struct End<'c, T>(&'c Arc<LocalCore<T>>, &'static Location<'static>);

impl<T> Drop for End<'_, T> {
    fn drop(&mut self) {
        if !self.0.is_closed() {
            self.0.cancel(&Cancelled::new(CancelKind::Dropped, None, self.1));
            self.0.abandon();
        }
    }
}

/// Ends the body as a member that has failed.
fn fail<T>(core: &Arc<LocalCore<T>>, place: &'static Location<'static>, ending: Ending<T, BoxError>) {
    if let Ok((seat, ())) = core.register(Some(Name::from("body")), place, |()| ()) {
        finish(seat, ending, None);
    }
}

/// Launches members of a [`scope`]. Cheap to clone; members may take one with them to launch siblings.
pub struct Scope<'env, T> {
    core: Arc<LocalCore<T>>,
    /// Members that have not been polled yet.
    fresh: Arc<Lock<Vec<BoxMember<'env>>>>,
    ready: Arc<Ready>,
}

impl<'env, T: Send + 'env> Scope<'env, T> {
    /// Launches a member. It is polled for the first time when its scope next is.
    #[track_caller]
    pub fn spawn<F, Fut, X>(&self, f: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'env,
        Fut: Future<Output = Result<T, X>> + Send + 'env,
        X: 'env,
        BoxError: FromMember<X>,
    {
        self.launch(None, Location::caller(), f);
    }

    /// Launches a member with a name, by which errors and roll calls call it.
    #[track_caller]
    pub fn spawn_named<F, Fut, X>(&self, name: impl Into<Name>, f: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'env,
        Fut: Future<Output = Result<T, X>> + Send + 'env,
        X: 'env,
        BoxError: FromMember<X>,
    {
        self.launch(Some(name.into()), Location::caller(), f);
    }

    fn launch<F, Fut, X>(&self, name: Option<Name>, place: &'static Location<'static>, f: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'env,
        Fut: Future<Output = Result<T, X>> + Send + 'env,
        X: 'env,
        BoxError: FromMember<X>,
    {
        let Ok((seat, ())) = self.core.register(name, place, |()| ()) else {
            // The scope is over.
            panics::drop_quietly(f);
            return;
        };
        let member = Attended::new(seat, Plain, f);
        self.fresh.lock().push(Box::pin(member));
        self.ready.wake_scope();
    }

    /// The scope's context: what its members are given.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.core.ctx
    }

    /// Cancels the scope's context, and so its members; who has not begun never does.
    #[track_caller]
    pub fn cancel(&self) {
        self.core.cancel(&Cancelled::new(CancelKind::Cancelled, None, Location::caller()));
    }

    /// Who is out.
    #[must_use]
    pub fn roll_call(&self) -> RollCall {
        self.core.roll_call()
    }
}

impl<T> Clone for Scope<'_, T> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), fresh: Arc::clone(&self.fresh), ready: Arc::clone(&self.ready) }
    }
}

impl<T> fmt::Debug for Scope<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("task::Scope")
            .field("title", &format_args!("{}", self.core.title()))
            .finish_non_exhaustive()
    }
}

/// Who was woken since the scope last looked, and the waker of the task that the scope is part of.
///
/// No wake-up is lost: who wakes puts itself on the list and then takes the scope's waker out, under one lock; the scope
/// leaves its waker and takes the list under the same.
#[derive(Default)]
struct Ready(Lock<Woken>);

#[derive(Default)]
struct Woken {
    /// `None` is the body.
    who: VecDeque<Option<usize>>,
    scope: Option<Waker>,
}

impl Ready {
    fn wake(&self, who: Option<usize>) {
        let mut woken = self.0.lock();
        woken.who.push_back(who);
        let scope = woken.scope.take();
        drop(woken);
        scope.into_iter().for_each(Waker::wake);
    }

    fn wake_scope(&self) {
        let scope = self.0.lock().scope.take();
        scope.into_iter().for_each(Waker::wake);
    }

    /// Leaves the scope's waker; who was woken before.
    fn take(&self, waker: &Waker) -> VecDeque<Option<usize>> {
        let waker = waker.clone();
        let mut woken = self.0.lock();
        let who = std::mem::take(&mut woken.who);
        if fault::planted(Fault::LookThenLeave) {
            drop(woken);
            woken = self.0.lock();
        }
        let old = woken.scope.replace(waker);
        drop(woken);
        drop(old);
        who
    }
}

/// The waker of the member in one place, whoever that is.
struct Bell {
    ready: Arc<Ready>,
    who: Option<usize>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ready.wake(self.who);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.wake(self.who);
    }
}

/// The members, in places that are used again, each with its waker.
struct Turns<'env, 'c, T> {
    members: Vec<(Option<BoxMember<'env>>, Waker)>,
    free: Vec<usize>,
    fresh: Arc<Lock<Vec<BoxMember<'env>>>>,
    ready: Arc<Ready>,
    core: &'c Arc<LocalCore<T>>,
    place: &'static Location<'static>,
}

impl<'env, T> Turns<'env, '_, T> {
    /// Gives those who are new a place; they have a turn at once.
    fn seat(&mut self, turns: &mut VecDeque<Option<usize>>) {
        let fresh = std::mem::take(&mut *self.fresh.lock());
        for member in fresh {
            let place = self.free.pop().unwrap_or_else(|| {
                let who = Some(self.members.len());
                let bell = Bell { ready: Arc::clone(&self.ready), who };
                self.members.push((None, Waker::from(Arc::new(bell))));
                self.members.len() - 1
            });
            self.members[place].0 = Some(member);
            turns.push_back(Some(place));
        }
    }

    fn poll(&mut self, place: usize) {
        let (member, waker) = &mut self.members[place];
        // Woken late, after its end.
        let Some(future) = member else { return };
        if future.as_mut().poll(&mut TaskContext::from_waker(waker)).is_ready() {
            *member = None;
            self.free.push(place);
        }
    }

    fn are_over(&self) -> bool {
        self.free.len() == self.members.len() && self.fresh.lock().is_empty()
    }
}

pin_project! {
    /// The body, and the members.
    struct Run<'env, 'c, T, Fut> {
        #[pin]
        body: Option<Fut>,
        body_waker: Option<Waker>,
        turns: Turns<'env, 'c, T>,
    }
}

impl<T, Fut, R> Future for Run<'_, '_, T, Fut>
where
    Fut: Future<Output = R>,
    R: Body<BoxError>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut this = self.project();
        let turns = this.turns;
        let mut due = turns.ready.take(cx.waker());
        let waker = this.body_waker.get_or_insert_with(|| {
            due.push_front(None);
            Waker::from(Arc::new(Bell { ready: Arc::clone(&turns.ready), who: None }))
        });
        loop {
            turns.seat(&mut due);
            match due.pop_front() {
                Some(Some(place)) => turns.poll(place),
                Some(None) => {
                    let Some(body) = this.body.as_mut().as_pin_mut() else { continue };
                    let ending = match panics::catch(|| body.poll(&mut TaskContext::from_waker(waker))) {
                        Ok(Poll::Pending) => continue,
                        Ok(Poll::Ready(result)) => result.failure().map(Ending::Error),
                        Err(payload) => Some(Ending::Panicked(payload)),
                    };
                    let gone = panics::catch(|| this.body.set(None));
                    let ending = gone.err().map(Ending::Panicked).or(ending);
                    ending.into_iter().for_each(|ending| fail(turns.core, turns.place, ending));
                }
                None => break,
            }
        }
        if this.body.is_none() && turns.are_over() { Poll::Ready(()) } else { Poll::Pending }
    }
}
