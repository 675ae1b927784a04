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

    /// How long after `earlier` this was.
    pub(crate) fn since(self, earlier: Self) -> Option<Duration> {
        #[cfg(feature = "std")]
        return Some(self.at.saturating_duration_since(earlier.at));
        #[cfg(not(feature = "std"))]
        {
            let _ = earlier;
            None
        }
    }
}
