//! A context for a whole program, cancelled by Ctrl-C or by a request to terminate.

use std::fmt;
use std::io;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, signal_name};

use super::Context;

impl Context {
    /// A context that is cancelled by the first SIGINT (Ctrl-C) or SIGTERM: a program's shutdown in one line.
    ///
    /// The second signal does what it would have done without this: it ends the process, for the user whose patience is at
    /// an end. The cause of the cancellation is a [`SignalReceived`].
    ///
    /// Call it once, early in `main`. The handlers and the one thread that waits for them stay for the life of the process.
    ///
    /// # Errors
    ///
    /// If the handlers cannot be installed or the thread not be started.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use headcount::{Context, WaitGroup};
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ctx = Context::on_signals()?;
    /// let workers = WaitGroup::new();
    /// // … launch workers that heed `ctx` …
    /// println!("{}", ctx.wait()); // cancelled at src/main.rs:5
    /// workers.wait_timeout(Duration::from_secs(10))?; // or the error says who would not stop
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn on_signals() -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let place = std::panic::Location::caller();
        let (context, canceller) = Self::background().with_cancel();
        thread::Builder::new().name("headcount sig".into()).spawn(move || {
            let mut canceller = Some(canceller);
            for signal in signals.forever() {
                match canceller.take() {
                    Some(canceller) => canceller.cancel_at(Some(SignalReceived(signal).into()), place),
                    // Fails only for a signal that cannot end a process, which neither of the two is.
                    None => _ = emulate_default_handler(signal),
                }
            }
        })?;
        Ok(context)
    }
}

/// The cause of a cancellation by [`Context::on_signals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalReceived(i32);

impl SignalReceived {
    /// The signal's number.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for SignalReceived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "received {}", signal_name(self.0).unwrap_or("a signal"))
    }
}

impl std::error::Error for SignalReceived {}
