//! Which errors count as mere consequences of a cancellation, however deep it is wrapped.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use headcount::{BoxError, Cancelled, Discard, FailFast, FromMember, Trial};

use super::{Oops, cancelled, too_late};

/// Whether a group that is cancelled because of `group` counts a member that fails with `error` as cancelled.
fn excused_by<X>(group: Cancelled, error: X) -> bool
where
    BoxError: FromMember<X>,
{
    let mut trial = Trial::<(), BoxError, _>::new(Discard);
    trial.cancel(group);
    trial.failed(0, BoxError::from_member(error));
    let tally = trial.end();
    assert_eq!(tally.total(), 1);
    tally.cancelled == 1
}

fn excused<X>(error: X) -> bool
where
    BoxError: FromMember<X>,
{
    excused_by(cancelled(), error)
}

/// Like an enum with a variant that is `#[error(transparent)]`: text and source are those of what it holds.
#[derive(Debug)]
struct Transparent<E>(E);

impl<E: fmt::Display> fmt::Display for Transparent<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: Error> Error for Transparent<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

#[test]
fn a_cancellation_is_recognized_in_every_wrapping() {
    let boxed = |error: Cancelled| -> Box<dyn Error + Send + Sync> { error.into() };
    assert!(excused(cancelled()));
    assert!(excused(boxed(cancelled())));
    assert!(excused(Box::new(cancelled())));
    assert!(excused(Box::new(Box::new(cancelled()))));
    assert!(excused(Arc::new(cancelled())));
    assert!(excused(Oops::over("could not read", cancelled())));
    assert!(excused(Oops::over("far", Oops::over("away", boxed(cancelled())))));
    assert!(excused(io::Error::from(cancelled())));
    assert!(excused(io::Error::other(io::Error::from(cancelled()))));
    assert!(excused(io::Error::other(Oops::over("could not read", cancelled()))));
    assert!(excused(anyhow::Error::from(cancelled())));
    assert!(excused(anyhow::Error::from(cancelled()).context("reading").context("starting")));
    assert!(excused(anyhow::Error::from(io::Error::from(cancelled()))));
    assert!(excused(Transparent(cancelled())));
    assert!(excused(Transparent(Transparent(io::Error::from(cancelled())))));
    assert!(excused(Oops::over("could not read", Transparent(cancelled()))));
    assert!(excused(anyhow::Error::from(Transparent(cancelled())).context("reading")));
}

#[test]
fn an_inner_group_that_was_cancelled_is_recognized_and_one_that_failed_is_not() {
    let mut inner = Trial::<(), BoxError>::new(FailFast);
    let why = cancelled();
    inner.cancel(why.clone());
    inner.failed(0, BoxError::new(why));
    assert!(excused(inner.end().unwrap_err()));

    let mut inner = Trial::<(), BoxError>::new(FailFast);
    inner.failed(0, BoxError::new("disk full"));
    inner.cancel(cancelled());
    inner.failed(1, BoxError::new(cancelled()));
    assert!(!excused(inner.end().unwrap_err()));
}

#[test]
fn words_alone_excuse_nobody() {
    assert!(!excused("cancelled"));
    assert!(!excused(cancelled().to_string()));
    assert!(!excused(anyhow::anyhow!("{}", cancelled())));
    assert!(!excused(io::Error::other(cancelled().to_string())));
    assert!(!excused(io::Error::from(io::ErrorKind::Interrupted)));
    assert!(!excused(Oops::over("cancelled", Oops::new("cancelled"))));
}

#[test]
fn before_the_group_is_cancelled_nobody_is_excused() {
    let mut trial = Trial::<(), _, _>::new(Discard);
    trial.failed(0, cancelled());
    trial.cancel(cancelled());
    trial.failed(1, cancelled());
    assert_eq!(trial.end().to_string(), "1 failed, 1 cancelled");
}

#[test]
fn a_members_own_deadline_is_a_failure_and_the_groups_is_none() {
    let group = too_late();
    assert!(excused_by(group.clone(), anyhow::Error::from(group.clone()).context("fetching")));
    assert!(!excused_by(group.clone(), anyhow::Error::from(too_late()).context("fetching")));
    assert!(!excused_by(group, too_late()));
    assert!(!excused(too_late()));
}

#[test]
fn the_groups_own_cancellation_excuses_wherever_it_stands() {
    // The member's deadline was missed because the group was cancelled, and its error says both.
    let group = cancelled();
    let below = Oops::over("gave up", group.clone());
    let (ctx, canceller) = headcount::Context::background().with_cancel();
    canceller.cancel_because(below);
    let above = ctx.cancelled_because().unwrap();
    assert!(excused_by(group, above));
}

/// An error that cannot say what it is.
#[derive(Debug)]
struct Mute;

impl fmt::Display for Mute {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no comment");
    }
}

impl Error for Mute {}

#[test]
fn an_error_whose_text_panics_is_a_failure_and_harms_nobody() {
    assert!(!excused(Mute));
    assert!(excused(cancelled()), "the probe came back");
}

/// An error whose text cannot be written out to the end.
#[derive(Debug)]
struct Stuck(Cancelled);

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        Err(fmt::Error)
    }
}

impl Error for Stuck {}

#[test]
fn what_was_displayed_before_the_text_broke_off_counts() {
    assert!(excused(Stuck(cancelled())));
}

/// Says what it holds, if anything, and then looks into another error while its own text is asked for.
#[derive(Debug)]
struct Asking(Option<Cancelled>);

impl fmt::Display for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(held) = &self.0 {
            write!(f, "{held}")?;
        }
        assert!(excused(Transparent(cancelled())));
        f.write_str("asked")
    }
}

impl Error for Asking {}

#[test]
fn a_question_within_a_question_does_not_answer_it() {
    assert!(!excused(Asking(None)));
    assert!(excused(Asking(Some(cancelled()))));
}

#[test]
fn nothing_is_noted_once_the_question_is_answered() {
    let held = Arc::new(());
    #[derive(Debug)]
    struct Holding(#[expect(dead_code, reason = "held, to see when it is let go")] Arc<()>);
    impl fmt::Display for Holding {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("holding")
        }
    }
    impl Error for Holding {}
    let (ctx, canceller) = headcount::Context::background().with_cancel();
    canceller.cancel_because(Holding(Arc::clone(&held)));
    let why = ctx.cancelled_because().unwrap();
    assert!(excused(Transparent(why.clone())));
    assert!(why.to_string().starts_with("cancelled at"));
    drop((ctx, why));
    assert_eq!(Arc::strong_count(&held), 1);
}
