//! Spans are parented and entered while members run; what goes wrong is an event; no subscriber harms a group.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headcount::{CollectAll, Context, GroupError, Panics, task, thread};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `f` logs on this thread, and its result.
fn logged<R>(f: impl FnOnce() -> R) -> (R, Vec<String>) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .without_time()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone());
    let result = tracing::subscriber::with_default(subscriber.finish(), f);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    (result, text.lines().map(str::to_owned).collect())
}

fn on_tokio<R>(future: impl Future<Output = R>) -> R {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn the_line<'l>(lines: &'l [String], what: &str) -> &'l str {
    let mut found = lines.iter().filter(|line| line.contains(what));
    let line = found.next().unwrap_or_else(|| panic!("no {what:?} in {lines:#?}"));
    assert!(found.next().is_none(), "more than one {what:?} in {lines:#?}");
    line
}

#[test]
fn what_a_member_logs_stands_in_its_span_below_its_groups() {
    let (result, lines) = logged(|| {
        on_tokio(async {
            let group = task::Group::new(&Context::background()).named("outer");
            group.spawn_named("first", |ctx| async move {
                tokio::task::yield_now().await;
                let inner = task::Group::new(&ctx).named("inner");
                inner.spawn(|_| async {
                    tokio::task::yield_now().await;
                    tracing::info!("deep down");
                    headcount::ok(7)
                });
                inner.wait().await
            });
            group.spawn(|_| async {
                tracing::info!("beside it");
                headcount::ok(vec![])
            });
            group.wait().await
        })
    });
    assert_eq!(result.unwrap(), [vec![7], vec![]]);
    let deep = the_line(&lines, "deep down");
    let at = |what: &str| deep.find(what).unwrap_or_else(|| panic!("no {what} in {deep}"));
    assert!(at("name=\"outer\"") < at("name=\"first\""), "{deep}");
    assert!(at("name=\"first\"") < at("name=\"inner\""), "{deep}");
    assert!(deep.contains("number=1") && deep.contains("tests/observe/spans.rs:"), "{deep}");
    let beside = the_line(&lines, "beside it");
    assert!(beside.contains("number=2") && !beside.contains("first"), "{beside}");
}

#[test]
fn no_member_logs_in_anothers_span_between_its_polls() {
    let (_, lines) = logged(|| {
        on_tokio(async {
            let group = task::Group::new(&Context::background());
            for n in 1..=3 {
                group.spawn(move |_| async move {
                    for _ in 0..3 {
                        tracing::info!("turn of {n}");
                        tokio::task::yield_now().await;
                    }
                    headcount::ok(())
                });
            }
            tracing::info!("outside");
            group.wait().await
        })
    });
    assert_eq!(lines.len(), 10, "{lines:#?}");
    for line in &lines {
        match line.split_once("turn of ") {
            Some((spans, n)) => {
                assert!(spans.contains(&format!("number={n}")), "{line}");
                assert_eq!(spans.matches("member{").count(), 1, "{line}");
            }
            None => assert!(!line.contains("member{"), "{line}"),
        }
    }
}

#[test]
fn a_failure_is_an_event_and_so_is_the_cancellation_that_follows() {
    let (result, lines) = logged(|| {
        on_tokio(async {
            let group = task::Group::new(&Context::background()).named("fetch");
            group.spawn(|_| async { Err::<(), _>("no such host") });
            group.spawn(|ctx| async move { Err(ctx.wait_async().await) });
            group.wait().await
        })
    });
    let _: GroupError = result.unwrap_err();
    let failed = the_line(&lines, "member failed member=");
    assert!(
        failed.contains("WARN") && failed.contains("number=1") && failed.contains("no such host"),
        "{failed}"
    );
    let group = the_line(&lines, "group cancelled");
    assert!(group.contains("name=\"fetch\"") && group.contains("no such host"), "{group}");
    let member = the_line(&lines, "member cancelled");
    assert!(member.contains("DEBUG") && member.contains("number=2"), "{member}");
}

#[test]
fn causes_that_were_given_are_told_and_a_normal_end_is_no_cancellation() {
    let (_, lines) = logged(|| {
        on_tokio(async {
            let (ctx, canceller) = Context::background().with_cancel();
            let quiet = task::Group::new(&ctx).named("quiet");
            quiet.spawn(|_| async { headcount::ok(()) });
            quiet.wait().await.unwrap();
            let group = task::Group::new(&ctx).named("stopped");
            group.spawn(|ctx| async move { Err::<(), _>(ctx.wait_async().await) });
            canceller.cancel_because("the user has left");
            group.wait().await.unwrap_err();
        });
    });
    let line = the_line(&lines, "group cancelled");
    assert!(line.contains("name=\"stopped\"") && line.contains("the user has left"), "{line}");
    assert!(!lines.iter().any(|line| line.contains("quiet")), "{lines:#?}");
}

#[test]
fn panics_and_aborts_are_events() {
    let (tally, lines) = logged(|| {
        on_tokio(async {
            let group = task::Group::with_policy(&Context::background(), CollectAll)
                .panics(Panics::AsError)
                .grace(std::time::Duration::ZERO);
            group.spawn(|_| async {
                if true {
                    panic!("planted");
                }
                headcount::ok(())
            });
            group.spawn(|_| std::future::pending::<Result<(), &str>>());
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            group.cancel();
            group.wait().await.into_iter().filter(Result::is_err).count()
        })
    });
    assert_eq!(tally, 2);
    let panicked = the_line(&lines, "member panicked");
    assert!(panicked.contains("ERROR") && panicked.contains("planted"), "{panicked}");
    let aborted = the_line(&lines, "member aborted");
    assert!(aborted.contains("number=2"), "{aborted}");
}

#[test]
fn a_thread_is_in_its_members_span() {
    // A global subscriber would be every test's; so the member takes this one along.
    let (_, lines) = logged(|| {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        thread::Scope::new(&Context::background()).named("hash").run(|group| {
            let dispatch = dispatch.clone();
            group.spawn_named("a file", move |_| {
                tracing::dispatcher::with_default(&dispatch, || tracing::info!("hashing"));
                headcount::ok(())
            });
        })
    });
    let line = the_line(&lines, "hashing");
    assert!(line.contains("group{") && line.contains("name=\"hash\""), "{line}");
    assert!(line.contains("member{number=1 name=\"a file\""), "{line}");
}

/// A subscriber that panics whenever it is told anything.
struct Rude;

impl Subscriber for Rude {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        assert_ne!(attributes.metadata().name(), "member", "rude");
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {
        panic!("rude")
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        panic!("rude")
    }
    fn enter(&self, _: &Id) {
        panic!("rude")
    }
    fn exit(&self, _: &Id) {
        panic!("rude")
    }
}

#[test]
fn a_subscriber_that_panics_keeps_no_member_out() {
    let error = tracing::subscriber::with_default(Rude, || {
        on_tokio(async {
            let group = task::Group::<(), _>::new(&Context::background()).named("rude");
            group.spawn(|_| async { Err("what came of it") });
            group.spawn(|ctx| async move { Err(ctx.wait_async().await) });
            group.wait().await
        })
    });
    assert!(error.unwrap_err().to_string().contains("what came of it"));
}

/// In a process of its own, because threads that come later are heard only by a subscriber of the whole process.
#[test]
fn the_second_call_of_a_hedged_body_stands_in_the_span_of_its_member() {
    const ALONE: &str = "HEADCOUNT_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let name = "spans::the_second_call_of_a_hedged_body_stands_in_the_span_of_its_member";
        let mut itself = std::process::Command::new(std::env::current_exe().unwrap());
        let output = itself.args(["--exact", "--nocapture", name]).env(ALONE, "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let (calls, pause) = (AtomicUsize::new(0), Duration::from_millis(1));
    let values = thread::Scope::new(&Context::background()).named("hedged").hedge_after(pause).run(|group| {
        group.spawn_repeatable(|ctx| {
            if calls.fetch_add(1, SeqCst) == 0 {
                return Err(ctx.wait());
            }
            tracing::info!("the second call");
            Ok(7)
        });
    });
    assert_eq!(values.unwrap(), [7]);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let line = text.lines().find(|line| line.contains("the second call")).expect("it is logged");
    assert!(line.contains("hedged") && line.contains("member{"), "{line}");
}
