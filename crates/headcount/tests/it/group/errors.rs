//! What errors of groups say, and where `?` takes them. The texts are golden: people read them, and search for them.

use std::error::Error;
use std::fmt;
use std::io;

use headcount::{
    BoxError, CollectAll, ErrorBudget, FailFast, FirstOk, FromMember, GroupError, MemberError, PanicReport,
    Policy, Quorum, Trial,
};

use super::{Oops, cancelled, too_late};

/// File names without folders, and no lines: those move whenever something is written above them.
fn plain(text: impl ToString) -> String {
    let folder = file!().strip_suffix("errors.rs").unwrap();
    let text = text.to_string().replace(folder, "");
    let mut parts = text.split(".rs:");
    let first = parts.next().unwrap().to_string();
    parts.fold(first, |text, part| text + ".rs:_" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// A group "prices", whose member with index 2 is "sku 42".
fn prices<P: Policy<u32>>(policy: P) -> Trial<u32, BoxError, P> {
    let mut trial = Trial::new(policy).named("prices");
    trial.name(2, "sku 42");
    trial
}

fn refused() -> BoxError {
    BoxError::new("connection refused")
}

const REFUSED: &str =
    r#"group "prices" (errors.rs:_): member #3 "sku 42" (errors.rs:_) failed: connection refused"#;

#[test]
fn one_failure_reads_as_one_error() {
    let mut trial = prices(FailFast);
    trial.succeeded(0, 7);
    trial.failed(2, refused());
    trial.cancel(cancelled());
    trial.failed(1, BoxError::new(cancelled()));
    let error = trial.end().unwrap_err();
    assert_eq!(plain(&error), REFUSED);
    assert_eq!(plain(format!("{error:?}")), REFUSED);
    assert!(error.source().is_none());
    assert_eq!(error.others().len(), 0);
    assert_eq!(error.tally().to_string(), "1 succeeded, 1 failed, 1 cancelled");
    assert_eq!(error.root().unwrap().to_string(), "connection refused");
    let member = error.member().unwrap();
    assert_eq!((member.name(), member.index(), member.number()), (Some("sku 42"), 2, 3));
    assert!(error.cancelled().is_none() && error.panic().is_none());
}

#[test]
fn the_places_are_those_of_the_calls() {
    let (mut trial, made) = (Trial::<u32>::new(FailFast), line!());
    let (_, launched) = (trial.failed(0, refused()), line!());
    let error = trial.end().unwrap_err();
    let file = file!();
    assert_eq!(
        error.to_string(),
        format!("group ({file}:{made}): member #1 ({file}:{launched}) failed: connection refused")
    );
    assert_eq!(error.member().unwrap().place().line(), launched);
}

#[test]
fn several_failures_are_counted_in_the_text_and_listed_on_request() {
    let mut trial = prices(FailFast);
    trial.failed(2, refused());
    trial.failed(1, BoxError::new("no route"));
    let two = trial.end().unwrap_err();
    assert_eq!(
        plain(two),
        r#"group "prices" (errors.rs:_): member #3 "sku 42" (errors.rs:_) failed (and 1 other failed): connection refused"#
    );

    let mut trial = prices(FailFast);
    trial.failed(2, BoxError::new(Oops::over("could not fetch", "connection refused")));
    trial.failed(1, BoxError::new("no route"));
    trial.ended(0, Err(MemberError::Panicked(PanicReport::new(Box::new("boom")))));
    let three = trial.end().unwrap_err();
    assert_eq!(
        plain(&three),
        r#"group "prices" (errors.rs:_): member #3 "sku 42" (errors.rs:_) failed (and 2 others failed): could not fetch"#
    );
    assert_eq!(
        plain(format!("{three:?}")),
        plain(&three)
            + "\n  because: connection refused"
            + "\n  also #2 (errors.rs:_): no route"
            + "\n  also #1 (errors.rs:_): panicked: boom"
    );
    let others: Vec<_> = three.others().map(|(member, error)| (member.index(), error.to_string())).collect();
    assert_eq!(others, [(1, "no route".to_string()), (0, "panicked: boom".to_string())]);
}

#[test]
fn the_debug_text_of_a_crowd_ends() {
    let mut trial = prices(FailFast);
    for index in 0..1000 {
        trial.failed(index, refused());
    }
    let text = format!("{:?}", trial.end().unwrap_err());
    assert_eq!(text.lines().count(), 1 + 20 + 1);
    assert!(text.ends_with("\n  and 979 more"), "{text}");
}

#[test]
fn a_panic_as_an_error_gives_its_message() {
    let mut trial = prices(FailFast);
    trial.ended(2, Err(MemberError::Panicked(PanicReport::new(Box::new("index out of bounds")))));
    let error = trial.end().unwrap_err();
    assert_eq!(
        plain(&error),
        r#"group "prices" (errors.rs:_): member #3 "sku 42" (errors.rs:_) panicked: index out of bounds"#
    );
    assert_eq!(error.panic().unwrap().message(), Some("index out of bounds"));
    assert!(error.downcast_ref::<PanicReport>().is_some() && error.root().is_none());
    assert!(error.into_root().unwrap_err().panic().is_some(), "given back whole");
}

#[test]
fn a_cancelled_group_says_why() {
    let mut trial = prices(FailFast);
    let why = too_late();
    trial.cancel(why.clone());
    trial.failed(0, BoxError::new(why));
    let error = trial.end().unwrap_err();
    assert_eq!(
        plain(&error),
        r#"group "prices" (errors.rs:_) was cancelled: deadline exceeded, set at mod.rs:_"#
    );
    assert!(error.cancelled().unwrap().is_deadline());
    assert!(error.downcast_ref::<headcount::Cancelled>().is_some());
    assert!(error.member().is_none() && error.root().is_none());

    let (ctx, canceller) = headcount::Context::background().with_cancel();
    canceller.cancel_because("the user closed the window");
    let mut trial = prices(FailFast);
    trial.cancel(ctx.cancelled_because().unwrap());
    trial.ended(0, Err(MemberError::Aborted));
    let error = trial.end().unwrap_err();
    let said =
        r#"group "prices" (errors.rs:_) was cancelled: cancelled at errors.rs:_: the user closed the window"#;
    assert_eq!(plain(&error), said);
    assert!(error.source().is_none(), "the cause's words are in the sentence");
}

#[test]
fn a_member_that_was_aborted_alone_is_named() {
    let mut trial = prices(FailFast);
    trial.ended(2, Err(MemberError::Aborted));
    assert_eq!(
        plain(trial.end().unwrap_err()),
        r#"group "prices" (errors.rs:_): member #3 "sku 42" (errors.rs:_) was aborted"#
    );
}

/// Everything that a report prints: the error and all below it.
fn report(error: &dyn Error) -> Vec<String> {
    std::iter::successors(Some(error), |&error| error.source()).map(plain).collect()
}

#[test]
fn an_anyhow_chain_is_printed_once_and_whole() {
    let disk = io::Error::other(Oops::over("disk full", "no blocks"));
    let member = anyhow::Error::from(disk).context("writing page 7").context("saving");
    let mut trial = prices(FailFast);
    trial.failed(2, BoxError::new(member));
    let error = trial.end().unwrap_err();
    let sentence = REFUSED.replace("connection refused", "saving");
    assert_eq!(report(&error), [sentence.as_str(), "writing page 7", "disk full", "no blocks"]);
    assert_eq!(
        plain(format!("{:#}", anyhow::Error::from(error))),
        sentence + ": writing page 7: disk full: no blocks"
    );
}

#[test]
fn a_group_in_a_group_reads_on() {
    let mut inner = Trial::<u32>::new(FailFast).named("pages");
    inner.failed(0, BoxError::new(Oops::over("could not fetch", "connection refused")));
    let mut outer = prices(FailFast);
    outer.failed(2, BoxError::new(inner.end().unwrap_err()));
    let error = outer.end().unwrap_err();
    let inner = r#"group "pages" (errors.rs:_): member #1 (errors.rs:_) failed: could not fetch"#;
    assert_eq!(report(&error), [REFUSED.replace("connection refused", inner).as_str(), "connection refused"]);
    assert!(error.downcast_ref::<GroupError>().unwrap().downcast_ref::<Oops>().is_some());
}

fn failed<E>(error: E) -> Result<Vec<u32>, GroupError>
where
    BoxError: FromMember<E>,
{
    let mut trial = prices(FailFast);
    trial.failed(2, BoxError::from_member(error));
    trial.end()
}

#[test]
fn whatever_members_return_becomes_the_root() {
    let all = [
        failed(Oops::new("connection refused")),
        failed(Box::new(Oops::new("connection refused"))),
        failed(Box::<dyn Error + Send + Sync>::from("connection refused")),
        failed(anyhow::anyhow!("connection refused")),
        failed("connection refused"),
        failed(String::from("connection refused")),
        failed(std::borrow::Cow::Borrowed("connection refused")),
        failed(refused()),
    ];
    for result in all {
        assert_eq!(plain(result.unwrap_err()), REFUSED);
    }
    let error = failed(io::Error::from(io::ErrorKind::NotFound)).unwrap_err();
    assert_eq!(error.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::NotFound);
    assert!(error.root().unwrap().is::<io::Error>());
}

#[derive(Debug)]
enum Mine {
    Prices(GroupError),
    Typed(GroupError<fmt::Error>),
}

impl From<GroupError> for Mine {
    fn from(error: GroupError) -> Self {
        Self::Prices(error)
    }
}

impl From<GroupError<fmt::Error>> for Mine {
    fn from(error: GroupError<fmt::Error>) -> Self {
        Self::Typed(error)
    }
}

#[test]
fn the_question_mark_works_everywhere() {
    fn boxed() -> Result<u32, Box<dyn Error>> {
        Ok(failed(Oops::new("connection refused"))?.len() as u32)
    }
    fn shared() -> Result<u32, Box<dyn Error + Send + Sync>> {
        Ok(failed("connection refused")?.len() as u32)
    }
    fn any() -> anyhow::Result<u32> {
        Ok(failed(anyhow::anyhow!("connection refused"))?.len() as u32)
    }
    fn mine() -> Result<u32, Mine> {
        Ok(failed("connection refused")?.len() as u32)
    }
    fn unboxed() -> Result<u32, Box<dyn Error>> {
        Ok(Err::<u32, BoxError>(failed("x").unwrap_err().into_root().unwrap())?)
    }
    assert_eq!(plain(boxed().unwrap_err()), REFUSED);
    assert_eq!(plain(shared().unwrap_err()), REFUSED);
    assert_eq!(plain(any().unwrap_err()), REFUSED);
    assert!(any().unwrap_err().downcast_ref::<GroupError>().is_some());
    assert!(matches!(mine(), Err(Mine::Prices(error)) if plain(&error) == REFUSED));
    assert_eq!(unboxed().unwrap_err().to_string(), "x");
}

#[test]
fn a_typed_group_keeps_the_type() {
    fn typed() -> Result<Vec<u32>, GroupError<fmt::Error>> {
        let mut trial = Trial::new(FailFast);
        trial.failed(0, fmt::Error);
        trial.end()
    }
    let root: fmt::Error = typed().unwrap_err().into_root().unwrap();
    assert_eq!(typed().unwrap_err().root(), Some(&root));
    fn mine() -> Result<Vec<u32>, Mine> {
        Ok(typed()?)
    }
    assert!(matches!(mine(), Err(Mine::Typed(error)) if error.root() == Some(&root)));
    let infallible: Result<u8, std::convert::Infallible> = Ok(1);
    assert_eq!(infallible.map_err(BoxError::from_member).unwrap(), 1);
}

#[test]
fn a_members_error_has_the_text_of_what_happened_to_it() {
    let mut trial = Trial::<u32, BoxError, _>::new(CollectAll);
    trial.failed(0, BoxError::new(Oops::over("could not fetch", Oops::new("connection refused"))));
    trial.ended(1, Err(MemberError::Panicked(PanicReport::new(Box::new("boom")))));
    trial.ended(2, Err(MemberError::Cancelled(cancelled())));
    trial.ended(3, Err(MemberError::Aborted));
    let reports: Vec<_> = trial.end().into_iter().map(|outcome| report(&outcome.unwrap_err())).collect();
    assert_eq!(
        reports,
        [
            vec!["could not fetch", "connection refused"],
            vec!["panicked: boom"],
            vec!["cancelled at mod.rs:_"],
            vec!["aborted, because it did not heed its cancellation"],
        ]
    );
}

#[test]
fn a_quorum_says_how_many_it_had() {
    let mut trial = prices(Quorum(5));
    trial.failed(2, refused());
    trial.failed(0, refused());
    for index in 3..6 {
        trial.succeeded(index, 7);
    }
    assert_eq!(
        plain(trial.end().unwrap_err()),
        r#"group "prices" (errors.rs:_): only 3 of 5 needed succeeded: member #3 "sku 42" (errors.rs:_) failed (and 1 other failed): connection refused"#
    );

    let mut trial = prices(Quorum(5));
    trial.succeeded(0, 7);
    let error = trial.end().unwrap_err();
    assert_eq!(plain(&error), r#"group "prices" (errors.rs:_): only 1 of 5 needed succeeded"#);
    assert!(error.member().is_none() && error.cancelled().is_none() && error.source().is_none());

    let mut trial = prices(Quorum(5));
    trial.cancel(cancelled());
    trial.failed(0, BoxError::new(cancelled()));
    assert_eq!(
        plain(trial.end().unwrap_err()),
        r#"group "prices" (errors.rs:_): only 0 of 5 needed succeeded: cancelled early: cancelled at mod.rs:_"#
    );
}

#[test]
fn a_group_of_nobody_has_no_first() {
    let error = prices(FirstOk).end().unwrap_err();
    assert_eq!(plain(error), r#"group "prices" (errors.rs:_): no member succeeded"#);
}

#[test]
fn failures_that_were_allowed_are_not_blamed_for_a_cancellation() {
    let mut trial = prices(ErrorBudget(1));
    trial.failed(2, refused());
    trial.cancel(cancelled());
    trial.failed(0, BoxError::new(cancelled()));
    let error = trial.end().unwrap_err();
    assert_eq!(plain(&error), r#"group "prices" (errors.rs:_) was cancelled: cancelled at mod.rs:_"#);
    assert_eq!(error.others().len(), 1);
}
