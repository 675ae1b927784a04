//! What both kinds of group share, without launching anything.

mod consequences;
mod errors;
mod oracle;
mod panics;
mod policies;

use std::error::Error;
use std::fmt;

use headcount::{Cancelled, Context};

/// An error with a text of its own and perhaps another below it.
#[derive(Debug)]
struct Oops(&'static str, Option<Box<dyn Error + Send + Sync>>);

impl Oops {
    fn new(text: &'static str) -> Self {
        Self(text, None)
    }

    fn over(text: &'static str, below: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(text, Some(below.into()))
    }
}

impl fmt::Display for Oops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Oops {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|below| below as &(dyn Error + 'static))
    }
}

/// A cancellation that somebody asked for.
fn cancelled() -> Cancelled {
    let (ctx, canceller) = Context::background().with_cancel();
    canceller.cancel();
    ctx.cancelled_because().unwrap()
}

/// A deadline that has passed.
fn too_late() -> Cancelled {
    Context::background().with_timeout(std::time::Duration::ZERO).cancelled_because().unwrap()
}
