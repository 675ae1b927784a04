//! Tests that leave nobody behind: what was launched in a test and is still out at its end fails it, by name.
//!
//! Put [`#[headcount::test]`](macro@crate::test) where `#[test]` stood, or run a part of a test in a [`check`]. When the
//! body ends, or takes too long, the test fails with the roll call of what was launched in it: names, ages, launch places.
//!
//! ```
//! # #[allow(dead_code)]
//! #[headcount::test]
//! fn the_cache_is_filled() {
//!     let group = headcount::WaitGroup::new();
//!     for shelf in 0..4 {
//!         group.spawn(move || println!("{shelf}"));
//!     }
//!     group.wait(); // without this line: "1 still out", and where it was launched
//! }
//! ```
//!
//! # What is seen
//!
//! Members of groups and scopes, of maps, pipelines and crews; tokens of wait groups; contexts whose deadline is still to
//! come; callbacks of [`on_cancel`](crate::Context::on_cancel) that wait for a context which still lives; crews
//! that were not stopped. They belong to the
//! test in which they (or what they are members of) were made: on the test's own thread, on one of its runtime, or in a member
//! of anything that belongs to it. So tests that run at once in one process never accuse each other.
//!
//! A thread that the body starts by itself, with `std::thread::spawn`, is not seen, and what is made there belongs to no
//! test; give it a token, or launch it with [`WaitGroup::spawn`](crate::WaitGroup::spawn).
//!
//! # How it is looked for
//!
//! Somebody who is just leaving is not accused: the test looks again, at growing distances, until nobody is out or
//! [`patience`](Check::patience) is over, one second. A test that is clean does not wait at all.
//!
//! | file | idea |
//! |---|---|
//! | here | [`Check`], what is asked of a test |
//! | `conduct` | the body on a thread of its own, and what becomes of it |
//! | `verdict` | who is out, and what is said of them |
//! | `pattern` | who may stay |
//! | `runtime` | the body as a future, on a runtime of its own |

mod conduct;
mod pattern;
#[cfg(feature = "tokio")]
mod runtime;
mod verdict;

use std::time::Duration;

/// Runs a body that must leave nobody behind, within ten seconds, and gives what it returns: [`Check::run`] without options.
///
/// # Panics
///
/// As [`Check::run`].
///
/// # Examples
///
/// ```
/// use headcount::{WaitGroup, testing};
///
/// let sum = testing::check(|| {
///     let group = WaitGroup::new();
///     group.spawn(|| println!("at work"));
///     group.wait();
///     1 + 1
/// });
/// assert_eq!(sum, 2);
/// ```
#[track_caller]
pub fn check<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    Check::new().run(body)
}

/// Runs an async body that must leave nobody behind, on a Tokio runtime of its own: [`Check::run_async`] without options.
///
/// # Panics
///
/// As [`Check::run_async`].
///
/// # Examples
///
/// ```
/// use headcount::{WaitGroup, testing};
///
/// testing::check_async(|| async {
///     let group = WaitGroup::new();
///     group.spawn_async(async { println!("at work") });
///     group.wait_async().await;
/// });
/// ```
#[cfg(feature = "tokio")]
#[track_caller]
pub fn check_async<F: Future<Output: Send + 'static>>(
    body: impl FnOnce() -> F + Send + 'static,
) -> F::Output {
    Check::new().run_async(body)
}

/// What is asked of a test: how long it may take, who may stay, on which runtime it runs.
///
/// What [`#[headcount::test]`](macro@crate::test) is made of, for tests that are written by hand, and for parts of tests.
///
/// **When not to use it.** In a program: a body that takes too long is left behind on its thread. To wait with a limit there,
/// use the waits that have one.
///
/// # Examples
///
/// ```
/// use headcount::{WaitGroup, testing::Check};
/// use std::time::Duration;
///
/// let accused = std::panic::catch_unwind(|| {
///     Check::new().patience(Duration::from_millis(20)).run(|| {
///         let group = WaitGroup::new();
///         group.add_named("the reader") // and the test returns it: still out
///     })
/// });
/// let text = *accused.unwrap_err().downcast::<String>().unwrap();
/// assert!(text.contains("the reader"), "{text}");
/// ```
#[derive(Clone, Debug)]
#[must_use = "it checks nothing until it runs a body"]
pub struct Check {
    timeout: Duration,
    patience: Duration,
    allowed: Vec<String>,
    #[cfg(feature = "tokio")]
    runtime: runtime::Choice,
}

impl Default for Check {
    fn default() -> Self {
        Self::new()
    }
}

impl Check {
    /// Ten seconds for the body, one second of patience after it, nobody allowed to stay.
    pub fn new() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            patience: Duration::from_secs(1),
            allowed: Vec::new(),
            #[cfg(feature = "tokio")]
            runtime: runtime::Choice::default(),
        }
    }

    /// How long the body may take, in real time.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long those may still be out who are just leaving when the body has ended.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Lets those stay whose name or launch place contains `pattern`, or those of a group that is called so or was made there.
    ///
    /// A place is written as the roll call writes it, `src/pool.rs:31`. A `*` in the pattern stands for anything. Said more than
    /// once, each pattern lets some stay.
    pub fn allow_leaks(mut self, pattern: impl Into<String>) -> Self {
        self.allowed.push(pattern.into());
        self
    }

    /// Runs async bodies on a runtime with several worker threads.
    #[cfg(feature = "tokio")]
    pub fn multi_thread(mut self) -> Self {
        self.runtime.multi_thread = true;
        self
    }

    /// Runs async bodies on a runtime with `n` worker threads.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    #[cfg(feature = "tokio")]
    pub fn worker_threads(mut self, n: usize) -> Self {
        assert!(n > 0, "Check::worker_threads(0): a runtime needs a thread");
        self.runtime.worker_threads = Some(n);
        self.multi_thread()
    }

    /// Begins async bodies with Tokio's clock paused. When the body has ended the clock runs again.
    ///
    /// Only for the flavour with one thread, which is the default: with several, [`run_async`](Self::run_async) panics.
    #[cfg(feature = "tokio")]
    pub fn start_paused(mut self) -> Self {
        self.runtime.start_paused = true;
        self
    }

    /// Runs `body` on a thread of its own and gives what it returns.
    ///
    /// # Panics
    ///
    /// With the roll call, if somebody who was launched in the body is still out at its end, or if it takes too long. Then it
    /// is left behind where it stands. With the body's own panic, if it panicked; if somebody is out besides, that is printed.
    ///
    /// If the operating system cannot start a thread.
    #[track_caller]
    pub fn run<R: Send + 'static>(self, body: impl FnOnce() -> R + Send + 'static) -> R {
        match self.conduct(body).settle() {
            Ok(returned) => returned,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Runs `body`, which must panic with a message that contains `expected`, and must leave nobody behind all the same.
    ///
    /// This is what `#[should_panic]` under [`#[headcount::test]`](macro@crate::test) means: an accusation is not the panic that
    /// was expected.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run), and if the body does not panic, or says something else.
    #[track_caller]
    pub fn should_panic<R>(self, expected: &str, body: impl FnOnce() -> R + Send + 'static) {
        let came = self.conduct(|| drop(body())).settle_quietly();
        conduct::assert_panicked(came.err(), expected);
    }

    /// Runs the future of `body` on a Tokio runtime of its own and gives its output. The future need not be `Send`.
    ///
    /// Afterwards the runtime goes on until nobody is out, and is shut down in the background.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run). A future that takes too long is dropped, if it is not stuck inside a poll.
    #[cfg(feature = "tokio")]
    #[track_caller]
    pub fn run_async<F: Future<Output: Send + 'static>>(
        self,
        body: impl FnOnce() -> F + Send + 'static,
    ) -> F::Output {
        match self.conduct_async(body).settle() {
            Ok(returned) => returned,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// [`should_panic`](Self::should_panic) for an async body.
    ///
    /// # Panics
    ///
    /// As [`should_panic`](Self::should_panic).
    #[cfg(feature = "tokio")]
    #[track_caller]
    pub fn should_panic_async<F: Future>(self, expected: &str, body: impl FnOnce() -> F + Send + 'static) {
        let came = self.conduct_async(|| async { drop(body().await) }).settle_quietly();
        conduct::assert_panicked(came.err(), expected);
    }
}
