//! The flags of pace: how soon the next member may start, besides how many may run.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Args;

use super::fetch::parse_size;

/// When the next member may start.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Pace")]
pub struct PaceArgs {
    /// Start no more than N members a second (or N/m a minute, N/h an hour), evenly
    #[arg(long, value_name = "N/s", allow_hyphen_values = true)]
    pub rate: Option<Rate>,

    /// Start nobody while the load average, or the number of processes that want a core now, is above N
    #[arg(long, value_name = "N|N%", allow_hyphen_values = true)]
    pub load: Option<Load>,

    /// Start nobody while less memory than SIZE is available
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_hyphen_values = true)]
    pub mem_free: Option<u64>,

    /// Read the number of jobs from FILE, once at the start and again at each SIGUSR2
    #[arg(long, value_name = "FILE")]
    pub control: Option<PathBuf>,
}

/// So many in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The time from one to the next.
    pub period: Duration,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const HINT: &str = "not a rate (hint: write 10/s, 30/m or 100/h)";
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(HINT.into()),
        };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(HINT.into());
        }
        match number.parse::<u32>() {
            Ok(0) => Err("at this rate nothing would ever run (hint: 1/h is one an hour)".into()),
            Ok(number @ ..=1_000_000) => Ok(Self { period: Duration::from_secs(seconds) / number }),
            _ => Err("more than any machine starts (hint: leave it out for no limit)".into()),
        }
    }
}

/// A load as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Load {
    /// This one.
    Exactly(f64),
    /// So many in a hundred of the cores.
    Percent(f64),
}

impl Load {
    /// The load on this machine.
    #[must_use]
    pub fn here(self) -> f64 {
        match self {
            Self::Exactly(load) => load,
            Self::Percent(share) => {
                let cores = available_parallelism().map_or(1, NonZeroUsize::get);
                share / 100.0 * f64::from(u32::try_from(cores).unwrap_or(u32::MAX))
            }
        }
    }
}

impl FromStr for Load {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, kind): (_, fn(f64) -> Self) = match text.strip_suffix('%') {
            Some(share) => (share, Self::Percent),
            None => (text, Self::Exactly),
        };
        let digits = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match number.parse::<f64>() {
            Ok(number) if digits && number > 0.0 => Ok(kind(number)),
            Ok(_) if digits => Err("some load there always is (hint: --load 100% is one a core)".into()),
            _ => Err("not a load (hint: write 4, 1.5 or 80%)".into()),
        }
    }
}
