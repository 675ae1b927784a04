//! The attribute itself, on every form of function that it takes.

use std::error::Error;
use std::mem;
use std::process::ExitCode;

use headcount::{Context, WaitGroup};

use crate::{accusation, assert_says};

#[headcount::test]
fn a_plain_function_is_a_test() {
    let group = WaitGroup::new();
    group.spawn(|| ());
    group.wait();
}

#[headcount::test(timeout = 60s, allow_leaks = ["of *rse", "elsewhere"],)]
fn options_are_taken() {
    mem::forget(WaitGroup::new().add_named("of course"));
}

#[headcount::test(timeout = "1.5m")]
pub(crate) fn a_result_may_be_returned() -> Result<(), Box<dyn Error>> {
    Context::background().check()?;
    Ok(())
}

#[headcount::test]
#[should_panic]
fn a_panic_may_be_wanted() {
    panic!("wanted");
}

#[headcount::test]
#[should_panic(expected = "wan")]
fn a_panic_of_a_kind_may_be_wanted() {
    panic!("wanted");
}

#[headcount::test]
#[should_panic = "wan"]
fn a_panic_of_a_kind_may_be_wanted_briefly() -> Result<(), Box<dyn Error>> {
    panic!("wanted");
}

#[test]
fn the_body_runs_on_a_thread_with_the_name_of_the_tests() {
    let name = || std::thread::current().name().map(String::from);
    let here = name();
    assert_eq!(headcount::testing::check(name), here);
}

mod inside {
    //! What fails is called by the tests below, and is no test of the harness.
    #![allow(unnameable_test_items, reason = "it is called by name")]

    use super::*;

    #[test]
    fn an_error_returned_fails_the_test() {
        #[headcount::test]
        fn fails() -> Result<(), Box<dyn Error>> {
            Err("as it goes")?
        }
        assert_ne!(format!("{:?}", fails()), format!("{:?}", ExitCode::SUCCESS));
    }

    #[test]
    fn a_leak_fails_the_test_also_when_a_panic_is_wanted() {
        #[headcount::test]
        fn leaks() {
            mem::forget(WaitGroup::new().add_named("left"));
        }
        #[headcount::test]
        #[should_panic(expected = "left")]
        fn leaks_and_panics() {
            mem::forget(WaitGroup::new().add_named("left"));
            panic!("left");
        }
        for test in [leaks, leaks_and_panics] {
            assert_says(&accusation(test), &["left 1 behind", "\"left\"", file!()]);
        }
    }

    #[test]
    fn a_panic_that_does_not_come_fails_the_test() {
        #[headcount::test]
        #[should_panic]
        fn quiet() {}
        assert_says(&accusation(quiet), &["was to panic"]);
    }

    #[test]
    fn too_little_time_fails_the_test() {
        #[headcount::test(timeout = 10ms)]
        fn slow() {
            std::thread::park_timeout(crate::LIMIT);
        }
        assert_says(&accusation(slow), &["has not ended after 10 ms"]);
    }
}

#[cfg(feature = "tokio")]
mod tasks {
    use super::*;
    use std::time::Duration;

    #[headcount::test]
    async fn an_async_function_is_a_test() {
        let group = WaitGroup::new();
        group.spawn_async(async {});
        group.wait_async().await;
    }

    #[headcount::test(flavor = "current_thread", start_paused = false)]
    async fn its_future_need_not_be_send() -> Result<(), Box<dyn Error>> {
        let local = std::rc::Rc::new(());
        tokio::task::yield_now().await;
        drop(local);
        Ok(())
    }

    #[headcount::test(flavor = "multi_thread", worker_threads = 3)]
    async fn workers_are_as_many_as_asked_for() {
        assert_eq!(tokio::runtime::Handle::current().metrics().num_workers(), 3);
    }

    #[headcount::test(start_paused = true, timeout = "20s")]
    async fn a_day_passes_in_no_time() {
        tokio::time::sleep(Duration::from_secs(86_400)).await;
    }

    #[headcount::test]
    #[should_panic(expected = "wanted")]
    async fn a_panic_may_be_wanted() {
        tokio::task::yield_now().await;
        panic!("wanted");
    }
}
