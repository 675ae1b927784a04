//! How a member's end is taken: what it was, what the policy says to it, and who is told.
//!
//! In this order: the failure is recognized (no lock), the policy judges (`court`), the others are cancelled if the group is
//! over (no lock), the value is put in its slot, those who take results as they come are told, and last the member is
//! counted back in. So whoever waits for the group finds it all done, and the siblings cancelled.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::mem;
use std::panic::Location;
use std::sync::Arc;

use super::arrivals::Arrival;
use super::core::{Core, Kind, SeatOf};
use super::ended::Failure;
use super::mark::Asked;
use super::page::Left;
use super::panics::{self, Panics};
use super::{MemberError, Outcome, PanicReport, Policy, Root, Tally, Verdict, consequence};
use crate::attempt::Attempts;
use crate::context::{CancelKind, Cancelled, Context};

/// What came of a member.
pub(crate) enum Ending<T, E> {
    Value(T),
    /// It left its value elsewhere.
    Forked,
    Error(E),
    Panicked(Box<dyn Any + Send>),
    /// It was cancelled before it began.
    Unbegun(Cancelled),
    /// It was dropped while it ran.
    Aborted,
}

/// Recognizes an error that is the consequence of a cancellation.
pub(crate) type Recognize<E> = Arc<dyn Fn(&E) -> bool + Send + Sync>;

/// Judges, and keeps what has been judged.
pub(crate) struct Court<E, P> {
    policy: Option<P>,
    /// The policy has said `Finish`, or somebody has panicked: it is not asked again.
    finished: bool,
    /// With tickets, which say the order in which they happened.
    failures: Vec<(u64, Failure<E>)>,
    tickets: u64,
    /// Without those that succeeded: they are all the others.
    tally: Tally,
    pub(crate) panics: Panics,
    /// The first panic, to be resumed by the waiter.
    panic: Option<Box<dyn Any + Send>>,
    pub(crate) recognize: Option<Recognize<E>>,
    /// How bodies are called, if not just once.
    pub(crate) attempts: Option<Arc<Attempts<E>>>,
    /// Whether failures go to those who take results as they come.
    pub(crate) heard: bool,
    /// Nobody will ask for what is kept here.
    abandoned: bool,
}

/// What nobody has asked for may panic when it is dropped, and the last to hold on to the group may be anybody.
impl<E, P> Drop for Court<E, P> {
    fn drop(&mut self) {
        self.abandon().drop_quietly();
    }
}

/// What a court had kept, to be dropped without its lock.
pub(super) struct Leftovers<E, P> {
    policy: Option<P>,
    failures: Vec<(u64, Failure<E>)>,
    panic: Option<Box<dyn Any + Send>>,
    recognize: Option<Recognize<E>>,
}

impl<E, P> Leftovers<E, P> {
    pub(super) fn drop_quietly(self) {
        panics::drop_each_quietly(self.failures);
        panics::drop_quietly(self.policy);
        panics::drop_quietly(self.panic);
        panics::drop_quietly(self.recognize);
    }
}

impl<E, P> Court<E, P> {
    pub(super) fn new(policy: P) -> Self {
        Self {
            policy: Some(policy),
            finished: false,
            failures: Vec::new(),
            tickets: 0,
            tally: Tally::default(),
            panics: Panics::default(),
            panic: None,
            recognize: None,
            attempts: None,
            heard: false,
            abandoned: false,
        }
    }

    /// Keeps nothing from now on, and gives what it has.
    pub(super) fn abandon(&mut self) -> Leftovers<E, P> {
        self.abandoned = true;
        Leftovers {
            policy: self.policy.take(),
            failures: mem::take(&mut self.failures),
            panic: self.panic.take(),
            recognize: self.recognize.take(),
        }
    }

    /// What has been kept, when everyone is back.
    pub(super) fn adjourn(&mut self) -> (P, Vec<(u64, Failure<E>)>, Tally) {
        let policy = self.policy.take().unwrap_or_else(|| unreachable!("a group ends once"));
        (policy, self.take_failures(), self.tally)
    }

    /// The failures with their tickets, in the order in which they happened.
    pub(super) fn take_failures(&mut self) -> Vec<(u64, Failure<E>)> {
        let mut failures = mem::take(&mut self.failures);
        failures.sort_unstable_by_key(|(ticket, _)| *ticket);
        failures
    }

    /// The next number in the order in which failures happen.
    fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    pub(crate) fn take_panic(&mut self) -> Option<Box<dyn Any + Send>> {
        self.panic.take()
    }

    /// Asks the policy; the panic, if it panics.
    fn judge<T>(&mut self, outcome: &Outcome<'_, T, E>) -> Result<Verdict, Box<dyn Any + Send>>
    where
        P: Policy<T, E>,
    {
        match &mut self.policy {
            Some(policy) if !self.finished => panics::catch(|| policy.judge(outcome)),
            _ => Ok(Verdict::Continue),
        }
    }

    /// Finishes the group; true if this did it.
    fn finish(&mut self) -> bool {
        !mem::replace(&mut self.finished, true)
    }

    /// Keeps a panic that is to be resumed, if it is the first; else gives it back, to be dropped without the lock.
    fn keep_panic(&mut self, payload: Box<dyn Any + Send>) -> Option<Box<dyn Any + Send>> {
        if self.panic.is_some() || self.abandoned {
            return Some(payload);
        }
        self.panic = Some(payload);
        None
    }
}

impl<E, P> fmt::Debug for Court<E, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Court")
            .field("finished", &self.finished)
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}

impl<T, E: Root, P: Policy<T, E>, K: Kind> Core<T, E, P, K> {
    /// Takes a member's end; what was asked of it. `hand` is the member's own context, if it has one that can be cancelled
    /// by hand.
    ///
    /// The member is still out; [`leave`] counts it back in.
    pub(crate) fn end(
        &self,
        seat: &SeatOf<T, E, P, K>,
        ending: Ending<T, E>,
        hand: Option<&Context>,
    ) -> Asked {
        let value = match ending {
            Ending::Value(value) => Some(value),
            Ending::Forked => None,
            failure => {
                self.fail(seat, failure, hand);
                return seat.end(None);
            }
        };
        seat.record_end::<E>(None);
        if P::JUDGES_VALUES {
            self.judge_value(seat, value.as_ref());
        }
        let (value, unwanted) = if P::KEEPS || seat.is_heard() { (value, None) } else { (None, value) };
        if unwanted.is_some() {
            panics::drop_quietly(unwanted);
        }
        let asked = seat.end(value);
        if asked.is_heard() {
            self.deliver(Arrival::Value(Arc::clone(seat.page()), seat.line()));
        }
        asked
    }

    fn judge_value(&self, seat: &SeatOf<T, E, P, K>, value: Option<&T>) {
        let member = seat.member();
        let outcome = match value {
            Some(value) => Outcome::Value(&member, value),
            None => Outcome::Forked(&member),
        };
        let mut court = self.court.lock();
        let verdict = court.judge(&outcome);
        if let Ok(Verdict::Continue) = verdict {
            return;
        }
        let finishes = court.finish();
        let surplus = verdict.err().and_then(|payload| court.keep_panic(payload));
        drop(court);
        if finishes {
            self.cancel(&Cancelled::new(CancelKind::GroupOver, None, member.place()));
        }
        panics::drop_quietly(surplus);
    }

    #[cold]
    fn fail(&self, seat: &SeatOf<T, E, P, K>, ending: Ending<T, E>, hand: Option<&Context>) {
        let member = seat.member();
        let (error, by_hand) = self.recognize(ending, hand);
        seat.record_end(Some(&error));
        let mut court = self.court.lock();
        court.tally.count(&error);
        let (panics, ticket) = (court.panics, court.ticket());
        let (verdict, error) = match error {
            MemberError::Panicked(_) if panics == Panics::Abort => panics::abort(&member),
            // What is to be resumed is no failure that a policy could overlook.
            MemberError::Panicked(report) if panics == Panics::Resume => {
                let message = report.to_string();
                (Err(report.into_payload()), Err(message))
            }
            error => (court.judge(&Outcome::Failed(&member, &error)), Ok(error)),
        };
        let finishes = !matches!(verdict, Ok(Verdict::Continue)) && court.finish();
        let surplus = verdict.err().and_then(|payload| court.keep_panic(payload));
        drop(court);
        panics::drop_quietly(surplus);
        if finishes {
            // An error's `Display` is foreign code, and so is not called under the lock.
            let text = match &error {
                Ok(MemberError::Failed(error)) => {
                    panics::try_quietly(|| format!("failed: {}", error.as_error()))
                }
                Ok(error) => Some(error.to_string()),
                Err(message) => Some(format!("panicked: {message}")),
            };
            let text = text.unwrap_or_else(|| "failed with an error that cannot be printed".into());
            let cause = SiblingFailed { text: format!("member {member} {text}") };
            self.cancel(&Cancelled::new(CancelKind::MemberFailed, Some(Box::new(cause)), member.place()));
        }
        if let Ok(error) = error {
            self.keep(ticket, Failure { member, error, by_hand });
        }
    }

    /// The body of a scope has panicked: that goes on in whoever runs the scope, unless a member's panic came first.
    pub(crate) fn body_panicked(&self, payload: Box<dyn Any + Send>, place: &'static Location<'static>) {
        let report = PanicReport::new(payload);
        let text = format!("the scope's body panicked: {report}");
        let mut court = self.court.lock();
        let finishes = court.finish();
        let surplus = court.keep_panic(report.into_payload());
        drop(court);
        panics::drop_quietly(surplus);
        if finishes {
            let cause = Box::new(SiblingFailed { text });
            self.cancel(&Cancelled::new(CancelKind::MemberFailed, Some(cause), place));
        }
    }

    /// Keeps a failure for whoever wants it.
    fn keep(&self, ticket: u64, failure: Failure<E>) {
        let mut court = self.court.lock();
        if !court.heard && P::KEEPS && !court.abandoned {
            court.failures.push((ticket, failure));
            return;
        }
        let heard = court.heard;
        drop(court);
        if heard {
            self.deliver(Arrival::Failure(ticket, failure));
        } else {
            panics::drop_quietly(failure);
        }
    }

    /// What a failure was, and whether it was cancelled by hand.
    fn recognize(&self, ending: Ending<T, E>, hand: Option<&Context>) -> (MemberError<E>, bool) {
        let group = self.ctx.cancelled_because();
        let hand = hand.and_then(Context::cancelled_because);
        // Who is cancelled with the whole group was not meant alone.
        let by_hand = group.is_none() && hand.is_some();
        match ending {
            Ending::Value(_) | Ending::Forked => unreachable!("these are no failures"),
            Ending::Error(error) => match hand.or(group).filter(|why| self.is_consequence(&error, why)) {
                Some(why) => {
                    panics::drop_quietly(error);
                    (MemberError::Cancelled(why), by_hand)
                }
                None => (MemberError::Failed(error), false),
            },
            Ending::Panicked(payload) => (MemberError::Panicked(PanicReport::new(payload)), false),
            Ending::Unbegun(why) => (MemberError::Cancelled(why), by_hand),
            Ending::Aborted => (MemberError::Aborted, by_hand),
        }
    }

    fn is_consequence(&self, error: &E, why: &Cancelled) -> bool {
        let recognize = self.court.lock().recognize.clone();
        consequence::is_consequence(error.as_error(), why)
            || recognize.is_some_and(|recognize| panics::try_quietly(|| recognize(error)).unwrap_or(false))
    }
}

/// Counts a member that has ended back in.
fn leave<T, E: Root, P: Policy<T, E>, K: Kind>(seat: SeatOf<T, E, P, K>) {
    match seat.leave() {
        Left::Others => {}
        Left::Pen(page) => page.core.pen_is_left(&page),
        Left::Nobody(page) => {
            let core = Arc::clone(&page.core);
            core.page_is_over(page);
        }
    }
}

/// What a kind of group does when a member has ended that holds no slot and is counted against the limit.
pub(crate) trait Riders {
    /// It gives back the slot that it never took.
    fn rider_left(self: &Arc<Self>);
}

/// Ends the seat, gives back what it held, and counts it back in.
pub(crate) fn finish<T, E, P, K>(seat: SeatOf<T, E, P, K>, ending: Ending<T, E>, hand: Option<&Context>)
where
    E: Root,
    P: Policy<T, E>,
    K: Kind,
    Core<T, E, P, K>: Riders,
{
    let core = &seat.page().core;
    let asked = core.end(&seat, ending, hand);
    if asked.is_rider() {
        core.rider_left();
    }
    leave(seat);
}

/// The context that a member is given.
pub(crate) fn context<'s, T, E, P: Policy<T, E>, K: Kind>(
    seat: &'s SeatOf<T, E, P, K>,
    hand: Option<&'s Context>,
) -> &'s Context {
    hand.unwrap_or(&seat.page().ctx)
}

/// Why a member is cancelled that is gone before it began. Its group may have been cancelled only just now: then those who
/// queue are sent home while the cancellation is on its way down to the pages.
pub(crate) fn why_cancelled<T, E, P: Policy<T, E>, K: Kind>(
    seat: &SeatOf<T, E, P, K>,
    hand: Option<&Context>,
) -> Option<Cancelled> {
    context(seat, hand).cancelled_because().or_else(|| seat.page().core.ctx.cancelled_because())
}

/// What a member whose sibling has failed finds as the cause of its cancellation.
#[derive(Debug)]
struct SiblingFailed {
    text: String,
}

impl fmt::Display for SiblingFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for SiblingFailed {}
