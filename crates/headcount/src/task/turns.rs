//! The future that a scope is: members in places, each with a waker of its own, polled in turn when they were woken, and the
//! scope's body among them.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};

use pin_project_lite::pin_project;

use crate::fault::{self, Fault};
use crate::group::panics::{self, Payload};
use crate::group::{Body, BoxError};
use crate::wait::lock::Lock;

pub(super) type BoxMember<'env> = Pin<Box<dyn Future<Output = ()> + Send + 'env>>;

/// How a body failed.
pub(super) enum Fell {
    Error(BoxError),
    Panicked(Payload),
}

/// Who was woken since the scope last looked, and the waker of the task that the scope is part of.
///
/// No wake-up is lost: who wakes puts itself on the list and then takes the scope's waker out, under one lock; the scope
/// leaves its waker and takes the list under the same.
#[derive(Default)]
pub(super) struct Ready(Lock<Woken>);

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

    pub(super) fn wake_scope(&self) {
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
pub(super) struct Turns<'env> {
    members: Vec<(Option<BoxMember<'env>>, Waker)>,
    free: Vec<usize>,
    fresh: Arc<Lock<Vec<BoxMember<'env>>>>,
    ready: Arc<Ready>,
}

impl<'env> Turns<'env> {
    /// Those of a scope whose new members come by `fresh`, and whose wake-ups come by `ready`.
    pub(super) fn new(fresh: Arc<Lock<Vec<BoxMember<'env>>>>, ready: Arc<Ready>) -> Self {
        Self { members: Vec::new(), free: Vec::new(), fresh, ready }
    }

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
    pub(super) struct Run<'env, Fut, G> {
        #[pin]
        body: Option<Fut>,
        body_waker: Option<Waker>,
        turns: Turns<'env>,
        // Told when the body has failed.
        fell: G,
    }
}

impl<'env, Fut, G> Run<'env, Fut, G> {
    pub(super) fn new(body: Option<Fut>, turns: Turns<'env>, fell: G) -> Self {
        Self { body, body_waker: None, turns, fell }
    }
}

impl<Fut, R, G> Future for Run<'_, Fut, G>
where
    Fut: Future<Output = R>,
    R: Body<BoxError>,
    G: FnMut(Fell),
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
                    let fell = match panics::catch(|| body.poll(&mut TaskContext::from_waker(waker))) {
                        Ok(Poll::Pending) => continue,
                        Ok(Poll::Ready(result)) => result.failure().map(Fell::Error),
                        Err(payload) => Some(Fell::Panicked(payload)),
                    };
                    let gone = panics::catch(|| this.body.set(None));
                    let fell = gone.err().map(Fell::Panicked).or(fell);
                    fell.into_iter().for_each(&mut *this.fell);
                }
                None => break,
            }
        }
        if this.body.is_none() && turns.are_over() { Poll::Ready(()) } else { Poll::Pending }
    }
}
