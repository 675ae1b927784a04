//! The test of a cache's warm-up: nothing sleeps, nothing can hang.

use std::sync::mpsc;
use std::time::Duration;

use headcount::Context;
use headcount_examples::cache::Cache;

fn patience() -> Context {
    Context::background().with_timeout(Duration::from_secs(90))
}

#[test]
fn every_key_is_there_when_the_warm_up_returns() {
    for entries in [0, 1, 3, 1000] {
        let cache = Cache::default();
        let keys: Vec<u64> = (0..entries).collect();
        assert_eq!(cache.warm_up(&patience(), &keys).unwrap() as u64, entries);
        assert!(keys.iter().all(|key| cache.get(*key) == Some(key * key)));
        assert_eq!(cache.get(entries), None);
    }
}

#[test]
fn a_key_that_cannot_be_cached_is_named() {
    let error = Cache::default().warm_up(&patience(), &[1, 2, u64::MAX]).unwrap_err();
    assert!(
        error.to_string().ends_with(&format!("failed: the square of {} does not fit", u64::MAX)),
        "{error}"
    );
    assert_eq!(error.member().unwrap().index(), 2);
}

#[test]
fn a_warm_up_that_is_cancelled_says_so() {
    let (ctx, canceller) = patience().with_cancel();
    canceller.cancel_because("nobody will ask");
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || done.send(Cache::default().warm_up(&ctx, &[1, 2, 3])));
    let error = is_done.recv_timeout(Duration::from_secs(90)).unwrap().unwrap_err();
    assert!(error.cancelled().is_some(), "{error}");
}
