//! Settings, policies and reports in the words that the scripts know.

use headcount_ledger::{Budget, Policy};

use crate::book::millis;
use crate::store::{Backoff, Report, Settings, Token};

/// The policy's name and its number, as the scripts have them.
fn policy(policy: Policy) -> (&'static str, u64) {
    match policy {
        Policy::FailFast => ("fail-fast", 0),
        Policy::KeepGoing => ("keep-going", 0),
        Policy::FirstSuccess => ("first-success", 0),
        Policy::Quorum(need) => ("quorum", need),
        Policy::MaxFailures(Budget::Count(most)) => ("max-failures", most),
        Policy::MaxFailures(Budget::Percent(share)) => ("max-failures-percent", share),
    }
}

/// The same, read back.
pub(super) fn policy_of(name: &str, need: u64) -> Option<Policy> {
    Some(match name {
        "fail-fast" => Policy::FailFast,
        "keep-going" => Policy::KeepGoing,
        "first-success" => Policy::FirstSuccess,
        "quorum" => Policy::Quorum(need),
        "max-failures" => Policy::MaxFailures(Budget::Count(need)),
        "max-failures-percent" => Policy::MaxFailures(Budget::Percent(need)),
        _ => return None,
    })
}

/// What is said of a group when it is made: names of fields and their values, in turns.
pub(super) fn header(settings: &Settings, incarnation: Option<String>) -> Vec<String> {
    let (policy, need) = policy(settings.policy);
    let (backoff, first, most) = match settings.backoff {
        Backoff::Fixed(wait) => ("fixed", wait, wait),
        Backoff::Doubling { first, most } => ("exp", first, most),
    };
    let mut fields = vec![
        ("name", settings.name.clone()),
        ("policy", policy.into()),
        ("need", need.to_string()),
        ("limit", settings.limit.to_string()),
        ("retries", settings.retries.to_string()),
        ("losses", settings.losses.to_string()),
        ("backoff", backoff.into()),
        ("backoff_ms", millis(first).to_string()),
        ("backoff_most_ms", millis(most).to_string()),
        ("lease_ms", millis(settings.lease).to_string()),
        ("owner_ms", millis(settings.owner_lease).to_string()),
        ("keep_ms", millis(settings.keep).to_string()),
        ("cap", settings.largest.to_string()),
        ("events", settings.events.min(u64::from(u32::MAX)).to_string()),
    ];
    fields.extend(settings.deadline.map(|time| ("deadline_in_ms", millis(time).to_string())));
    fields.extend(incarnation.map(|run| ("incarnation", run)));
    fields.into_iter().flat_map(|(field, value)| [field.into(), value]).collect()
}

/// The attempt, where the member goes, and what is to be said to that, as the script has them.
pub(super) fn told(token: &Token, report: &Report) -> [String; 3] {
    let (place, wait) = match report {
        Report::Done(_) => ("o", 0),
        Report::Failed { again, .. } => ("f", u64::from(*again)),
        Report::Cancelled => ("c", 0),
        Report::Returned { after } => ("b", millis(*after)),
    };
    [token.attempt.to_string(), place.into(), wait.to_string()]
}
