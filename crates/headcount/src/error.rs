//! Every public error. One for each method that can fail, opaque inside, with the questions a caller would ask.

#[cfg(feature = "std")]
pub use waits::{WaitCancelledError, WaitTimeoutError};

#[cfg(feature = "std")]
mod waits {
    use std::panic::Location;
    use std::time::Duration;
    use std::{error, fmt};

    use crate::context::Cancelled;
    use crate::roll::{RollCall, brief};

    /// A wait has run out of time; it knows who is still out.
    ///
    /// Returned by `wait_timeout` and `wait_deadline`. The wait left nothing behind: the members go on, and it may be
    /// made again. Its text is the roll call, headed by what was asked:
    ///
    /// ```text
    /// wait group (src/main.rs:12): 2 still out after 5.00 s, waited for at src/main.rs:31
    ///   #3  "sku 42"  out  4.98 s  src/prices.rs:31
    ///   #7  "sku 77"  out  4.99 s  src/prices.rs:31
    /// ```
    ///
    /// The roll call is taken when the time runs out, just after the wait gave up: a member that came back in between
    /// is no longer in it, so it may even be empty.
    #[derive(Clone)]
    pub struct WaitTimeoutError(Box<Inner>);

    /// Boxed, so that the `Ok` of a wait stays as small as it can be.
    #[derive(Clone)]
    struct Inner {
        waited: Duration,
        place: &'static Location<'static>,
        roll_call: RollCall,
    }

    impl WaitTimeoutError {
        pub(crate) fn new(waited: Duration, place: &'static Location<'static>, roll_call: RollCall) -> Self {
            Self(Box::new(Inner { waited, place, roll_call }))
        }

        /// How long the wait lasted.
        #[must_use]
        pub fn waited(&self) -> Duration {
            self.0.waited
        }

        /// How many members were out when it gave up.
        #[must_use]
        pub fn outstanding(&self) -> usize {
            self.0.roll_call.outstanding()
        }

        /// Where in the source the wait was made.
        #[must_use]
        pub fn place(&self) -> &'static Location<'static> {
            self.0.place
        }

        /// Who was out.
        #[must_use]
        pub fn roll_call(&self) -> &RollCall {
            &self.0.roll_call
        }

        /// Who was out, by value.
        #[must_use]
        pub fn into_roll_call(self) -> RollCall {
            self.0.roll_call
        }
    }

    impl fmt::Display for WaitTimeoutError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let Inner { waited, place, roll_call } = &*self.0;
            roll_call.write_heading(f)?;
            write!(f, " after {}, waited for at {}:{}", brief(*waited), place.file(), place.line())?;
            roll_call.write_members(f)
        }
    }

    /// The same as its text: errors are mostly seen through `unwrap`, and there the roll call is what helps.
    impl fmt::Debug for WaitTimeoutError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "WaitTimeoutError: {self}")
        }
    }

    impl error::Error for WaitTimeoutError {}

    /// A wait was given up because its context was cancelled; it knows why, and who is still out.
    ///
    /// Returned by `wait_with`. Its text is the roll call, headed by what was asked; the cancellation is its
    /// [`source`](error::Error::source). The members go on, unless they heed the same context.
    #[derive(Clone)]
    pub struct WaitCancelledError(Box<Given>);

    #[derive(Clone)]
    struct Given {
        cancelled: Cancelled,
        place: &'static Location<'static>,
        roll_call: RollCall,
    }

    impl WaitCancelledError {
        pub(crate) fn new(
            cancelled: Cancelled,
            place: &'static Location<'static>,
            roll_call: RollCall,
        ) -> Self {
            Self(Box::new(Given { cancelled, place, roll_call }))
        }

        /// Why the context was cancelled.
        #[must_use]
        pub fn cancelled(&self) -> &Cancelled {
            &self.0.cancelled
        }

        /// Where in the source the wait was made.
        #[must_use]
        pub fn place(&self) -> &'static Location<'static> {
            self.0.place
        }

        /// Who was out when the wait was given up.
        #[must_use]
        pub fn roll_call(&self) -> &RollCall {
            &self.0.roll_call
        }
    }

    impl fmt::Display for WaitCancelledError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let Given { place, roll_call, .. } = &*self.0;
            roll_call.write_heading(f)?;
            write!(f, " when the wait at {}:{} was cancelled", place.file(), place.line())?;
            roll_call.write_members(f)
        }
    }

    impl fmt::Debug for WaitCancelledError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "WaitCancelledError: {self}: {:?}", self.0.cancelled)
        }
    }

    impl error::Error for WaitCancelledError {
        fn source(&self) -> Option<&(dyn error::Error + 'static)> {
            Some(&self.0.cancelled)
        }
    }
}
