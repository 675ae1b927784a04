//! Feature `stream`: results are a stream like any other.

use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};

use futures_core::Stream;
use headcount::{CollectAll, Context, task};

#[test]
fn results_are_a_stream_that_ends_when_everybody_is_back() {
    let group =
        task::Group::with_policy(&Context::background(), CollectAll).on(|task| smol::spawn(task).detach());
    for n in 0..10 {
        group.spawn(move |_| async move { if n == 3 { Err("three") } else { Ok(n) } });
    }
    let mut results = pin!(group.stream());
    let mut seen = Vec::new();
    let begun = std::time::Instant::now();
    loop {
        match results.as_mut().poll_next(&mut TaskContext::from_waker(Waker::noop())) {
            Poll::Ready(Some((member, result))) => {
                assert_eq!(result.is_err(), member.index() == 3);
                seen.push(member.index());
            }
            Poll::Ready(None) => break,
            Poll::Pending => std::thread::yield_now(),
        }
        assert!(begun.elapsed().as_secs() < 90, "only {seen:?} in a minute and a half");
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
}
