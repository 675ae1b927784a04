//! Which policy was asked for, and the numbers of those that have one.

use clap::Args;

use crate::ledger::{Budget, Policy};
use crate::refusal::Refusal;

/// The flags that say when a batch is over. They are the same for whatever its members do.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// The first failure terminates the rest (the default)
    #[arg(long)]
    pub fail_fast: bool,

    /// Run every input, whatever fails
    #[arg(short, long)]
    pub keep_going: bool,

    /// The first success terminates the rest; that there is none is a failure
    #[arg(long)]
    pub first_success: bool,

    /// K successes terminate the rest, and so does a K that is out of reach
    #[arg(long, value_name = "K", value_parser = parse_quorum, allow_hyphen_values = true)]
    pub quorum: Option<u64>,

    /// Up to N may fail, or N% of all inputs; one more terminates the rest
    #[arg(long, value_name = "N|N%", value_parser = parse_budget, allow_hyphen_values = true)]
    pub max_failures: Option<Budget>,
}

impl PolicyArgs {
    /// The policy; the first failure terminates the rest if none was asked for.
    ///
    /// # Errors
    /// When two were: which of them was meant cannot be known.
    pub fn policy(&self) -> Result<Policy, Refusal> {
        let asked = [
            ("--fail-fast", self.fail_fast.then_some(Policy::FailFast)),
            ("--keep-going", self.keep_going.then_some(Policy::KeepGoing)),
            ("--first-success", self.first_success.then_some(Policy::FirstSuccess)),
            ("--quorum", self.quorum.map(Policy::Quorum)),
            ("--max-failures", self.max_failures.map(Policy::MaxFailures)),
        ];
        let mut asked = asked.into_iter().filter_map(|(flag, policy)| Some((flag, policy?)));
        let Some((flag, policy)) = asked.next() else { return Ok(Policy::FailFast) };
        match asked.next() {
            None => Ok(policy),
            Some((other, _)) => Err(Refusal::new(
                format!("{flag} and {other} are two policies, and a batch has one"),
                format!("leave out {flag} or {other}"),
            )),
        }
    }
}

/// Reads how many have to succeed.
///
/// # Errors
/// When it is no number, or none.
pub fn parse_quorum(text: &str) -> Result<u64, String> {
    match whole(text) {
        Some(0) => Err("a quorum of nobody is always reached (hint: --quorum 1 asks for one success)".into()),
        Some(needed) => Ok(needed),
        None => Err("not a number of members (hint: write how many have to succeed: 3)".into()),
    }
}

/// Reads how many may fail.
///
/// # Errors
/// When it is no number, or a share of more than all.
pub fn parse_budget(text: &str) -> Result<Budget, String> {
    let budget = match text.strip_suffix('%') {
        Some(share) => whole(share).map(Budget::Percent),
        None => whole(text).map(Budget::Count),
    };
    match budget {
        Some(Budget::Percent(101..)) => {
            Err("more than all cannot fail (hint: --keep-going runs every input, whatever fails)".into())
        }
        Some(budget) => Ok(budget),
        None => Err("not a number of failures (hint: write 5 or 10%)".into()),
    }
}

/// Digits and nothing else.
fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}
