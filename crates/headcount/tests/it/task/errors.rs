//! What a group's error says, and how it goes on with `?`.

use std::error::Error;
use std::fmt;

use headcount::task::Group;
use headcount::{Context, ErrorBudget, FirstOk, GroupError, Panics, Quorum, ok};

use super::Hand;

#[derive(Debug)]
enum Shop {
    Closed,
    Broken(std::num::ParseIntError),
}

impl fmt::Display for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Closed) { "the shop is closed" } else { "the till is broken" })
    }
}

impl Error for Shop {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Closed => None,
            Self::Broken(below) => Some(below),
        }
    }
}

#[derive(Debug)]
struct Mine(GroupError);

impl From<GroupError> for Mine {
    fn from(error: GroupError) -> Self {
        Self(error)
    }
}

/// Members that fail in four ways; whichever is let.
fn group_failing(hand: &Hand, way: usize) -> Group<u8> {
    let group = hand.group();
    match way {
        0 => group.spawn(|_| async { Err(Shop::Broken("x".parse::<u8>().unwrap_err())) }),
        1 => group.spawn(|_| async {
            let below: Box<dyn Error + Send + Sync> = Box::new(Shop::Closed);
            Err(below)
        }),
        2 => group.spawn(|_| async {
            anyhow::bail!("anyhow has it");
            #[expect(unreachable_code, reason = "it names the type")]
            Ok(1)
        }),
        3 => group.spawn(|_| async { Err("a mere text") }),
        _ => group.spawn(move |_| async move { Err(format!("text number {way}")) }),
    }
    group
}

#[test]
fn a_question_mark_works_whatever_the_caller_and_the_members_return() {
    fn boxed(hand: &Hand, way: usize) -> Result<Vec<u8>, Box<dyn Error>> {
        Ok(hand.finish(group_failing(hand, way).wait())?)
    }
    fn boxed_and_sent(hand: &Hand, way: usize) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(hand.finish(group_failing(hand, way).wait())?)
    }
    fn with_anyhow(hand: &Hand, way: usize) -> anyhow::Result<Vec<u8>> {
        Ok(hand.finish(group_failing(hand, way).wait())?)
    }
    fn mine(hand: &Hand, way: usize) -> Result<Vec<u8>, Mine> {
        Ok(hand.finish(group_failing(hand, way).wait())?)
    }
    let ends = ["the till is broken", "the shop is closed", "anyhow has it", "a mere text", "text number 4"];
    for (way, end) in ends.into_iter().enumerate() {
        let hand = Hand::new();
        let texts = [
            boxed(&hand, way).unwrap_err().to_string(),
            boxed_and_sent(&hand, way).unwrap_err().to_string(),
            with_anyhow(&hand, way).unwrap_err().to_string(),
            mine(&hand, way).unwrap_err().0.to_string(),
        ];
        for text in texts {
            assert!(text.starts_with("group (") && text.ends_with(&format!("failed: {end}")), "{text}");
        }
    }
}

#[test]
fn the_whole_chain_of_sources_survives_and_no_text_comes_twice() {
    let hand = Hand::new();
    let error = hand.finish(group_failing(&hand, 0).wait()).unwrap_err();
    assert!(matches!(error.downcast_ref::<Shop>(), Some(Shop::Broken(_))));
    let below = error.source().unwrap();
    assert_eq!(below.to_string(), "invalid digit found in string");
    assert!(below.is::<std::num::ParseIntError>() && below.source().is_none());
}

#[test]
fn every_group_error_names_member_index_and_launch_place() {
    fn check<E: headcount::Root>(error: &GroupError<E>, index: usize, line: u32) {
        let member = error.member().unwrap();
        assert_eq!((member.index(), member.name()), (index, Some("the odd one")));
        assert_eq!((member.place().line(), member.place().file()), (line, file!()));
        let said = format!("member #{} \"the odd one\" ({}:{line})", index + 1, file!());
        let text = error.to_string();
        assert!(text.starts_with("group \"shop\" (") && text.contains(&said), "{text}");
    }
    let hand = Hand::new();
    for others in [0, 3, 20, 200] {
        let group = hand.group().named("shop");
        (0..others).for_each(|_| group.spawn(|_| async { ok(()) }));
        let line = line!() + 1;
        group.spawn_named("the odd one", |_| async { Err("odd") });
        check(&hand.finish(group.wait()).unwrap_err(), others, line);

        let group = Group::typed(&Context::background()).on(hand.clone()).named("shop");
        (0..others).for_each(|_| group.spawn(|_| async { Ok::<_, Shop>(()) }));
        let line = line!() + 1;
        group.spawn_named("the odd one", |_| async { Err(Shop::Closed) });
        let error = hand.finish(group.wait()).unwrap_err();
        check(&error, others, line);
        assert!(matches!(error.root(), Some(Shop::Closed)));
        assert!(matches!(error.into_root(), Ok(Shop::Closed)));
    }

    let first = hand.policed::<u8, _>(FirstOk).named("shop");
    let line = line!() + 1;
    first.spawn_named("the odd one", |_| async { Err("odd") });
    check(&hand.finish(first.wait()).unwrap_err(), 0, line);

    let quorum = hand.policed::<u8, _>(Quorum(1)).named("shop");
    let line = line!() + 1;
    quorum.spawn_named("the odd one", |_| async { Err("odd") });
    check(&hand.finish(quorum.wait()).unwrap_err(), 0, line);

    let budget = hand.policed::<u8, _>(ErrorBudget(0)).named("shop").panics(Panics::AsError);
    let line = line!() + 1;
    budget.spawn_named("the odd one", |_| async {
        panic!("odd");
        #[expect(unreachable_code, reason = "it names the type")]
        ok(1)
    });
    let error = hand.finish(budget.wait()).unwrap_err();
    check(&error, 0, line);
    assert_eq!(error.panic().unwrap().message(), Some("odd"));
}

#[test]
fn one_failure_reads_as_one_error_and_its_consequences_are_counted() {
    let hand = Hand::new();
    let group = hand.group::<()>();
    // Each wraps its cancellation in another way.
    group.spawn(|ctx| async move { Err(ctx.wait_async().await) });
    group
        .spawn(|ctx| async move { Err(anyhow::Error::new(ctx.wait_async().await).context("while reading")) });
    group.spawn(|ctx| async move { Err(std::io::Error::from(ctx.wait_async().await)) });
    group.spawn(|_| async { Err("the disk is full") });
    let error = hand.finish(group.wait()).unwrap_err();
    assert_eq!((error.member().unwrap().index(), error.others().len()), (3, 0));
    assert_eq!((error.tally().failed, error.tally().cancelled), (1, 3));
    assert!(error.to_string().ends_with("failed: the disk is full"), "{error}");
    assert_eq!(format!("{error:?}"), error.to_string(), "nothing more to say");
}

#[test]
fn failures_after_the_first_are_the_others_in_their_order() {
    let hand = Hand::new();
    let group = hand.group::<()>();
    for n in 0..3 {
        group.spawn(move |ctx| async move {
            ctx.wait_async().await;
            Err(format!("own trouble {n}"))
        });
    }
    group.spawn(|_| async { Err("first trouble") });
    let error = hand.finish(group.wait()).unwrap_err();
    assert_eq!(error.member().unwrap().index(), 3);
    let others: Vec<_> = error.others().map(|(who, what)| (who.index(), what.to_string())).collect();
    assert_eq!(others, [0, 1, 2].map(|n| (n, format!("own trouble {n}"))));
    assert!(error.to_string().contains("(and 3 others failed)"), "{error}");
}

#[test]
fn what_cancelled_when_recognizes_is_a_consequence_and_only_after_the_cancellation() {
    let cancelled = |error: &Shop| matches!(error, Shop::Closed);
    let hand = Hand::new();
    let group = Group::<(), _>::typed(&Context::background()).on(hand.clone()).cancelled_when(cancelled);
    group.spawn(|ctx| async move {
        ctx.wait_async().await;
        Err(Shop::Closed)
    });
    group.spawn(|_| async { Err(Shop::Broken("".parse::<u8>().unwrap_err())) });
    let error = hand.finish(group.wait()).unwrap_err();
    assert_eq!((error.tally().failed, error.tally().cancelled), (1, 1));

    let group = Group::<(), _>::typed(&Context::background()).on(hand.clone()).cancelled_when(cancelled);
    group.spawn(|_| async { Err(Shop::Closed) });
    let error = hand.finish(group.wait()).unwrap_err();
    assert_eq!((error.tally().failed, error.tally().cancelled), (1, 0), "nobody had cancelled");
}

#[test]
fn a_panicking_cancelled_when_makes_a_failure_and_loses_nobody() {
    let hand = Hand::new();
    let group = hand.group::<()>().cancelled_when(|_| panic!("no opinion"));
    group.spawn(|ctx| async move {
        ctx.wait_async().await;
        Err("late")
    });
    group.spawn(|_| async { Err("first") });
    let error = hand.finish(group.wait()).unwrap_err();
    assert_eq!(error.tally().failed, 2);
}

#[test]
fn a_members_own_expired_deadline_is_a_failure() {
    let hand = Hand::new();
    let group = hand.group::<()>();
    group.spawn(|ctx| async move {
        let own = ctx.with_timeout(std::time::Duration::ZERO);
        own.check()
    });
    let error = hand.finish(group.wait()).unwrap_err();
    assert_eq!((error.tally().failed, error.member().unwrap().index()), (1, 0));

    // Also when it comes after the group's cancellation.
    let group = hand.group::<()>();
    group.spawn(|ctx| async move {
        ctx.wait_async().await;
        Context::background().with_timeout(std::time::Duration::ZERO).check()
    });
    group.spawn(|_| async { Err("first") });
    let error = hand.finish(group.wait()).unwrap_err();
    assert_eq!((error.tally().failed, error.tally().cancelled), (2, 0));
}

#[test]
fn where_nobody_failed_the_cancellation_is_the_root() {
    let hand = Hand::new();
    let group = hand.group::<()>().named("shop");
    group.spawn(|ctx| async move { Err(ctx.wait_async().await) });
    hand.run();
    group.cancel_because("the shop shuts");
    let error = hand.finish(group.wait()).unwrap_err();
    let why = error.cancelled().unwrap();
    assert_eq!(why.cause().unwrap().to_string(), "the shop shuts");
    assert!(error.member().is_none() && error.root().is_none());
    assert!(error.to_string().contains(" was cancelled: cancelled at "), "{error}");
    assert!(
        error.to_string().ends_with(": the shop shuts") && error.source().is_none(),
        "said once: {error}"
    );
}

#[test]
fn a_sibling_finds_who_failed_as_the_cause_of_its_cancellation() {
    let hand = Hand::new();
    let group = hand.group::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    group.spawn(move |ctx| async move {
        let why = ctx.wait_async().await;
        tell.send((why.kind(), why.cause().map(ToString::to_string))).unwrap();
        Err(why)
    });
    group.spawn_named("the odd one", |_| async { Err("odd") });
    assert!(hand.finish(group.wait()).is_err());
    let (kind, cause) = told.recv().unwrap();
    assert_eq!(kind, headcount::CancelKind::MemberFailed);
    let cause = cause.unwrap();
    assert!(cause.starts_with("member #2 \"the odd one\" (") && cause.ends_with("failed: odd"), "{cause}");
}
