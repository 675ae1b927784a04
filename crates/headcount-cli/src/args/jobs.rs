//! How many members run at once: `8`, `50%`, `+2`.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::thread::available_parallelism;

/// A number of jobs as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    /// So many.
    Exactly(usize),
    /// So many in a hundred of the cores, but at least one.
    Percent(usize),
    /// So many more than there are cores.
    More(usize),
}

impl Jobs {
    /// The number on this machine. It counts the cores this process may use.
    #[must_use]
    pub fn here(self) -> usize {
        self.on(available_parallelism().map_or(1, NonZeroUsize::get))
    }

    /// The number on a machine with so many cores.
    #[must_use]
    pub fn on(self, cores: usize) -> usize {
        match self {
            Self::Exactly(jobs) => jobs,
            Self::Percent(share) => (cores.saturating_mul(share) / 100).max(1),
            Self::More(more) => cores.saturating_add(more),
        }
    }
}

/// As it is asked for.
impl fmt::Display for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(jobs) => write!(f, "{jobs}"),
            Self::Percent(share) => write!(f, "{share}%"),
            Self::More(more) => write!(f, "+{more}"),
        }
    }
}

impl FromStr for Jobs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, kind): (_, fn(usize) -> Self) = if let Some(digits) = text.strip_suffix('%') {
            (digits, Self::Percent)
        } else if let Some(digits) = text.strip_prefix('+') {
            (digits, Self::More)
        } else {
            (text, Self::Exactly)
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("not a number of jobs (hint: write 8, 50% or +2)".into());
        }
        match digits.parse::<usize>().ok().map(kind) {
            Some(Self::Exactly(0) | Self::Percent(0)) => {
                Err("with no jobs nothing would ever run (hint: -j1 runs one at a time, -j100% one a core)"
                    .into())
            }
            Some(jobs) => Ok(jobs),
            None => Err("more jobs than can be counted (hint: write 8, 50% or +2)".into()),
        }
    }
}
