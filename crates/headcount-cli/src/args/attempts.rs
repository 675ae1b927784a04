//! The flags of attempts: how many, when, and after what.

use std::time::Duration;

use clap::Args;

use super::span::parse_span;
use crate::tries::{Backoff, RetryOn, Tries};

/// How often a member is tried.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Attempts")]
pub struct AttemptArgs {
    /// Try a member that fails up to N times more
    #[arg(long, value_name = "N", default_value_t = 0, allow_hyphen_values = true, value_parser = parse_retries)]
    pub retries: u32,

    /// How long to wait before that.
    #[command(flatten)]
    pub wait: WaitArgs,

    /// Try again only after these ends: exit codes (75), ranges (64-78), signals (SIGSEGV, signal for any), timeout
    #[arg(long, value_name = "CODES", value_parser = parse_retry_on, allow_hyphen_values = true)]
    pub retry_on: Option<RetryOn>,
}

/// How long to wait between two attempts.
#[derive(Debug, Clone, Copy, Args)]
pub struct WaitArgs {
    /// How long to wait before another attempt: 100ms and twice as long each time up to 30s (exp), or always D
    #[arg(
        long,
        value_name = "exp|fixed:D",
        default_value = "exp",
        value_parser = parse_backoff,
        allow_hyphen_values = true
    )]
    pub backoff: Backoff,

    /// Wait up to twice as long, by chance, so that those who failed together do not come back together
    #[arg(long)]
    pub jitter: bool,
}

impl AttemptArgs {
    /// As the batch needs it.
    #[must_use]
    pub fn tries(&self) -> Tries {
        self.wait.tries(self.retries, self.retry_on.clone().unwrap_or_default())
    }
}

impl WaitArgs {
    /// With so many attempts after the first, after these ends.
    pub(super) fn tries(self, retries: u32, on: RetryOn) -> Tries {
        Tries { retries, backoff: self.backoff, jitter: self.jitter, on }
    }
}

/// Reads how many attempts there are after the first.
///
/// # Errors
/// When it is no number, or one that nobody would live to see.
pub fn parse_retries(text: &str) -> Result<u32, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u32>() {
        Ok(retries @ 0..=1_000_000) if digits => Ok(retries),
        _ if digits => Err("more attempts than anybody would live to see (hint: up to 1000000)".into()),
        _ => Err("not a number of attempts (hint: --retries 2 makes three in all)".into()),
    }
}

/// Reads how long to wait between attempts.
///
/// # Errors
/// When it is neither `exp` nor `fixed:` and a time.
pub fn parse_backoff(text: &str) -> Result<Backoff, String> {
    match text.split_once(':') {
        None if text == "exp" => Ok(Backoff::Exponential),
        Some(("fixed", span)) => parse_span(span).map(Backoff::Fixed),
        _ => Err("not a way to wait (hint: write exp, or fixed:2s)".into()),
    }
}

/// Reads after what another attempt is made.
///
/// # Errors
/// When a part of it is neither a code, nor a range of codes, nor a signal, nor `timeout`.
pub fn parse_retry_on(text: &str) -> Result<RetryOn, String> {
    let mut on = RetryOn::nothing();
    for part in text.split(',').map(str::trim) {
        if part.eq_ignore_ascii_case("timeout") {
            on.timeout = true;
        } else if part.eq_ignore_ascii_case("signal") {
            on.any_signal = true;
        } else if let Some(signal) = signal_of(part) {
            on.signals.push(signal);
        } else {
            on.codes.push(codes(part)?);
        }
    }
    Ok(on)
}

const CODES_HINT: &str = "(hint: write 75, 64-78, SIGSEGV, signal or timeout, with commas between)";

fn codes(part: &str) -> Result<(i32, i32), String> {
    let code = |text: &str| match text.trim().parse::<u8>() {
        Ok(0) => Err(format!("0 is a success, which is not tried again {CODES_HINT}")),
        Ok(code) if text.trim().bytes().all(|byte| byte.is_ascii_digit()) => Ok(i32::from(code)),
        _ => Err(format!("{part:?} is no exit code from 1 to 255, and no signal {CODES_HINT}")),
    };
    let (from, to) = part.split_once('-').unwrap_or((part, part));
    let (from, to) = (code(from)?, code(to)?);
    if from > to {
        return Err(format!("{part:?} is a range without a code in it {CODES_HINT}"));
    }
    Ok((from, to))
}

/// `SIGSEGV` or `SEGV`.
fn signal_of(name: &str) -> Option<i32> {
    let name = name.to_ascii_uppercase();
    (1..65).find(|&signal| {
        signal_hook::low_level::signal_name(signal).is_some_and(|known| {
            known == name || known.strip_prefix("SIG").is_some_and(|short| short == name)
        })
    })
}

/// A wait, in words.
impl std::fmt::Display for Backoff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exponential => f.write_str("exp"),
            Self::Fixed(Duration::ZERO) => f.write_str("fixed:0s"),
            Self::Fixed(time) => write!(f, "fixed:{time:?}"),
        }
    }
}
