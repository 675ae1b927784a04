//! Who judges the ends of members: the policy under its lock, what it has been told of, and what its judgement cancels.
//!
//! Groups and maps are judged alike. A failure is recognized first (no lock), then judged (the court's lock), then, if that
//! was the end, the others are cancelled (no lock).

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::mem;
use std::panic::Location;
use std::sync::Arc;

use super::ended::Failure;
use super::ending::Ending;
use super::panics::{self, Panics};
use super::{Member, MemberError, Outcome, PanicReport, Policy, Root, Tally, Verdict, consequence};
use crate::attempt::Attempts;
use crate::context::{CancelKind, Cancelled, Canceller, Context};
use crate::observe;
use crate::wait::lock::Lock;

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
    pub(crate) abandoned: bool,
}

/// What nobody has asked for may panic when it is dropped, and the last to hold on to the group may be anybody.
impl<E, P> Drop for Court<E, P> {
    fn drop(&mut self) {
        self.abandon().drop_quietly();
    }
}

/// What a court had kept, to be dropped without its lock.
pub(crate) struct Leftovers<E, P> {
    policy: Option<P>,
    failures: Vec<(u64, Failure<E>)>,
    panic: Option<Box<dyn Any + Send>>,
    recognize: Option<Recognize<E>>,
}

impl<E, P> Leftovers<E, P> {
    pub(crate) fn drop_quietly(self) {
        panics::drop_each_quietly(self.failures);
        panics::drop_quietly(self.policy);
        panics::drop_quietly(self.panic);
        panics::drop_quietly(self.recognize);
    }
}

impl<E, P> Court<E, P> {
    pub(crate) fn new(policy: P) -> Self {
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
    pub(crate) fn abandon(&mut self) -> Leftovers<E, P> {
        self.abandoned = true;
        Leftovers {
            policy: self.policy.take(),
            failures: mem::take(&mut self.failures),
            panic: self.panic.take(),
            recognize: self.recognize.take(),
        }
    }

    /// Keeps a failure for the end.
    pub(crate) fn keep_failure(&mut self, ticket: u64, failure: Failure<E>) {
        self.failures.push((ticket, failure));
    }

    /// What has been kept, when everyone is back.
    pub(crate) fn adjourn(&mut self) -> (P, Vec<(u64, Failure<E>)>, Tally) {
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
    pub(crate) fn finish(&mut self) -> bool {
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

/// A court, and the context that is over when it says so.
pub(crate) struct Judging<'a, E, P> {
    pub(crate) court: &'a Lock<Court<E, P>>,
    pub(crate) ctx: &'a Context,
    pub(crate) canceller: &'a Canceller,
}

impl<E: Root, P> Judging<'_, E, P> {
    fn cancel(&self, cause: &Cancelled) {
        self.canceller.cancel_quietly(cause);
    }

    /// A member has succeeded. To be called only if the policy judges values.
    pub(crate) fn value<T>(&self, member: &Member, value: Option<&T>)
    where
        P: Policy<T, E>,
    {
        let outcome = match value {
            Some(value) => Outcome::Value(member, value),
            None => Outcome::Forked(member),
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

    /// A member has ended without a value: the failure with its ticket, to be kept for whoever wants it. Nothing if it is a
    /// panic that is to be resumed: that is kept here. In any case `told` sees it first, under no lock.
    pub(crate) fn failure<T>(
        &self,
        member: Member,
        ending: Ending<T, E>,
        hand: Option<&Context>,
        told: impl FnOnce(&MemberError<E>),
    ) -> Option<(u64, Failure<E>)>
    where
        P: Policy<T, E>,
    {
        let (error, by_hand) = self.recognize(ending, hand);
        observe::failed(&member, &error);
        told(&error);
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
        error.ok().map(|error| (ticket, Failure { member, error, by_hand }))
    }

    /// Foreign code that is no member's has panicked, the body of a scope or the source of a map: that goes on in whoever
    /// waits, unless a member's panic came first. `what` begins the sentence that says so.
    pub(crate) fn panicked(
        &self,
        what: &str,
        payload: Box<dyn Any + Send>,
        place: &'static Location<'static>,
    ) {
        let report = PanicReport::new(payload);
        let text = format!("{what} panicked: {report}");
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

    /// What a failure was, and whether it was cancelled by hand.
    fn recognize<T>(&self, ending: Ending<T, E>, hand: Option<&Context>) -> (MemberError<E>, bool) {
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
            Ending::Dropped => (MemberError::Dropped, by_hand),
        }
    }

    fn is_consequence(&self, error: &E, why: &Cancelled) -> bool {
        let recognize = self.court.lock().recognize.clone();
        consequence::is_consequence(error.as_error(), why)
            || recognize.is_some_and(|recognize| panics::try_quietly(|| recognize(error)).unwrap_or(false))
    }
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
