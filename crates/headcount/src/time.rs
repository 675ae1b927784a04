//! The one door through which clocks enter: std's, or none.

use core::time::Duration;

/// When something happened. Without an operating system there is no clock, and ages are unknown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    #[cfg(feature = "std")]
    at: std::time::Instant,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            #[cfg(feature = "std")]
            at: std::time::Instant::now(),
        }
    }

    pub(crate) fn age(self) -> Option<Duration> {
        #[cfg(feature = "std")]
        return Some(self.at.elapsed());
        #[cfg(not(feature = "std"))]
        None
    }
}
