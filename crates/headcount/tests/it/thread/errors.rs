//! Who failed, and why; and what a body may return.

use std::error::Error;
use std::io;

use headcount::{CollectAll, Context, GroupError, MemberError, thread};

use super::{Count, reason, scope};
use crate::within;

#[test]
fn the_first_failure_names_its_member_and_cancels_the_others() {
    within(|| {
        let line = line!() + 4;
        let come = Count::default();
        let result = scope::<()>().named("prices").run(|group| {
            group.spawn(|ctx| Err(drop_cause(ctx, &come)));
            group.spawn_named("sku 42", |_| {
                come.reaches(1);
                Err(io::Error::other("connection refused"))
            });
        });
        let error = result.unwrap_err();
        let member = error.member().unwrap();
        assert_eq!((member.index(), member.name()), (1, Some("sku 42")));
        assert_eq!(member.place().line(), line);
        assert!(member.place().file().ends_with("errors.rs"));
        let text = error.to_string();
        assert!(text.starts_with("group \"prices\" ("), "{text}");
        assert!(text.contains("member #2 \"sku 42\" ("), "{text}");
        assert!(text.ends_with("failed: connection refused"), "{text}");
        assert_eq!(error.downcast_ref::<io::Error>().unwrap().to_string(), "connection refused");
        assert_eq!(error.others().count(), 0, "a consequence is no failure");
        assert_eq!((error.tally().failed, error.tally().cancelled), (1, 1));
    });

    /// Waits until it is cancelled.
    fn drop_cause(ctx: &Context, come: &Count) -> headcount::Cancelled {
        come.add();
        ctx.wait()
    }
}

#[test]
fn the_cause_that_siblings_see_names_the_one_who_failed() {
    within(|| {
        let come = Count::default();
        let outcomes = scope::<String>().run(|group| {
            let come = &come;
            let told = group.fork(move |ctx| {
                come.add();
                headcount::ok(reason(&ctx.wait()))
            });
            group.spawn_named("sku 42", move |_| {
                come.reaches(1);
                Err("out of stock")
            });
            group.wait_idle();
            let told = told.take().unwrap();
            assert!(told.contains("member #2 \"sku 42\"") && told.contains("failed: out of stock"), "{told}");
        });
        assert!(outcomes.unwrap_err().to_string().ends_with("failed: out of stock"));
    });
}

#[test]
fn a_question_mark_carries_any_error_out_with_its_chain() {
    #[derive(Debug)]
    enum Own {
        Group(GroupError),
    }
    impl From<GroupError> for Own {
        fn from(error: GroupError) -> Self {
            Self::Group(error)
        }
    }
    fn anyhow_error(_: &Context) -> anyhow::Result<()> {
        Err(anyhow::Error::from(io::Error::other("the wire is cut")).context("cannot fetch"))
    }
    fn boxed() -> Result<(), Box<dyn Error>> {
        scope::<()>().run(|group| group.spawn(anyhow_error))?;
        Ok(())
    }
    fn anyhow() -> anyhow::Result<()> {
        scope::<()>().run(|group| group.spawn(|_| Err("a string")))?;
        Ok(())
    }
    fn own() -> Result<(), Own> {
        scope::<()>().run(|group| group.spawn(|_| Err(Box::<dyn Error + Send + Sync>::from("boxed"))))?;
        Ok(())
    }
    within(|| {
        let error = boxed().unwrap_err();
        assert!(error.to_string().ends_with("failed: cannot fetch"), "{error}");
        assert_eq!(error.source().unwrap().to_string(), "the wire is cut");
        assert!(anyhow().unwrap_err().to_string().ends_with("failed: a string"));
        let Own::Group(error) = own().unwrap_err();
        assert!(error.to_string().ends_with("failed: boxed"));
    });
}

#[test]
fn a_typed_scope_keeps_the_error_as_it_is() {
    within(|| {
        let result = thread::Scope::<(), io::Error>::typed(&Context::background()).run(|group| {
            group.spawn(|_| Err(io::Error::from(io::ErrorKind::AddrInUse)));
        });
        assert_eq!(result.unwrap_err().into_root().unwrap().kind(), io::ErrorKind::AddrInUse);
    });
}

#[test]
fn an_error_of_the_body_is_one_more_failed_member_named_body() {
    within(|| {
        let mut line = 0;
        let result = scope().run(|group| {
            group.spawn(|_| headcount::ok(1));
            group.spawn(|_| headcount::ok(2));
            group.wait_idle();
            line = line!();
            Err(io::Error::other("no more input"))
        });
        let error = result.unwrap_err();
        let member = error.member().unwrap();
        assert_eq!((member.index(), member.name()), (2, Some("body")));
        assert_eq!(member.place().line(), line - 4, "where the scope is run");
        assert!(error.to_string().ends_with("failed: no more input"));
    });
}

#[test]
fn an_error_of_the_body_cancels_the_members_and_comes_last() {
    within(|| {
        let come = Count::default();
        let outcomes = thread::Scope::with_policy(&Context::background(), CollectAll).run(|group| {
            group.spawn(|_| headcount::ok("done"));
            Err("the body")
        });
        assert_eq!(*outcomes[0].as_ref().unwrap(), "done");
        assert!(matches!(&outcomes[1], Err(MemberError::Failed(error)) if error.to_string() == "the body"));

        let result = scope::<()>().run(|group| {
            group.spawn(|ctx| {
                come.add();
                Err(ctx.wait())
            });
            come.reaches(1);
            Err::<(), _>("enough")
        });
        assert!(result.unwrap_err().to_string().ends_with("failed: enough"));
    });
}

#[test]
fn a_body_may_end_in_ok() {
    within(|| {
        let values = scope().run(|group| {
            group.spawn(|_| headcount::ok(1));
            Ok::<(), io::Error>(())
        });
        assert_eq!(values.unwrap(), [1]);
    });
}

#[test]
fn an_error_that_means_cancelled_is_recognized_when_told_how() {
    #[derive(Debug)]
    struct Interrupted;
    impl std::fmt::Display for Interrupted {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("interrupted")
        }
    }
    impl Error for Interrupted {}
    within(|| {
        for told in [false, true] {
            let come = Count::default();
            let mut scope = thread::Scope::<(), _>::new(&Context::background());
            if told {
                scope = scope.cancelled_when(|error| error.downcast_ref::<Interrupted>().is_some());
            }
            let result = scope.run(|group| {
                group.spawn(|ctx| {
                    come.add();
                    ctx.wait();
                    Err(Interrupted)
                });
                come.reaches(1);
                group.cancel();
            });
            let error = result.unwrap_err();
            assert_eq!(error.cancelled().is_some(), told, "{error}");
            assert_eq!(error.member().is_some(), !told, "{error}");
        }
    });
}
