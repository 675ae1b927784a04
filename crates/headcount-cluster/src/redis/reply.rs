//! What scripts answer, read.

use std::time::Duration;

use headcount_ledger::Tally;
use redis::{FromRedisValue, Value, from_redis_value};

use crate::book::Millis;
use crate::store::{
    Added, Claim, Claimed, Ended, Finished, GroupState, Place, Reaped, Renewed, Standing, StoreError,
    Summary, Token,
};

/// An answer that is what the scripts of this version give, or an error.
#[derive(Debug)]
pub(super) struct Reply(Value);

fn odd(what: &str) -> StoreError {
    let source = format!("its answer is none that this version understands ({what})").into();
    StoreError::Engine { asked: "take a step", source }
}

fn read<T: FromRedisValue>(value: Value, what: &str) -> Result<T, StoreError> {
    from_redis_value(value).map_err(|error| odd(&format!("{what}: {error}")))
}

fn parts(value: Value, what: &str) -> Result<std::vec::IntoIter<Value>, StoreError> {
    Ok(read::<Vec<Value>>(value, what)?.into_iter())
}

fn next<T: FromRedisValue>(values: &mut std::vec::IntoIter<Value>, what: &str) -> Result<T, StoreError> {
    read(values.next().ok_or_else(|| odd(what))?, what)
}

/// The group as the scripts write it: see `summary` in `prelude.lua`.
fn summary(value: Value) -> Result<Summary, StoreError> {
    let mut fields = parts(value, "summary")?;
    let mut text = || next::<String>(&mut fields, "summary");
    let number =
        |text: String| if text.is_empty() { Ok(0) } else { text.parse::<u64>().map_err(|_| odd("number")) };
    let state = |text: &str| GroupState::ALL.into_iter().find(|state| state.word() == text);
    let filled = |text: String| Some(text).filter(|text| !text.is_empty());

    let now = number(text()?)?;
    let (running, waiting) = (number(text()?)?, number(text()?)?);
    let is_at = state(&text()?).ok_or_else(|| odd("state"))?;
    let toward = state(&text()?);
    let reason = filled(text()?);
    let sealed = filled(text()?).is_some();
    let registered = number(text()?)?;
    let (done, failed, lost, cancelled) =
        (number(text()?)?, number(text()?)?, number(text()?)?, number(text()?)?);
    let revision = number(text()?)?;
    let first_failure = filled(text()?);
    let name = text()?;
    let (policy, need) = (text()?, number(text()?)?);
    let policy = super::words::policy_of(&policy, need).ok_or_else(|| odd("policy"))?;
    let lease = Duration::from_millis(number(text()?)?);
    let deadline = filled(text()?).map(number).transpose()?;
    let incarnation = filled(text()?);
    Ok(Summary {
        name,
        policy,
        state: is_at,
        toward,
        reason,
        sealed,
        tally: Tally { registered, running, waiting, done, failed, lost, cancelled },
        first_failure,
        revision,
        incarnation,
        left: deadline.map(|at| Duration::from_millis(at.saturating_sub(now))),
        lease,
    })
}

impl Reply {
    pub(super) fn new(value: Value) -> Self {
        Self(value)
    }

    pub(super) fn summary(self) -> Result<Summary, StoreError> {
        summary(self.0)
    }

    /// The engine's clock when it answered. The answer is a summary.
    pub(super) fn now(self) -> Result<Millis, StoreError> {
        let text: String = next(&mut parts(self.0, "summary")?, "time")?;
        text.parse().map_err(|_| odd("time"))
    }

    pub(super) fn word_and_summary(self) -> Result<(String, Summary), StoreError> {
        let mut parts = parts(self.0, "word")?;
        Ok((next(&mut parts, "word")?, summary(next(&mut parts, "summary")?)?))
    }

    pub(super) fn added(self) -> Result<Added, StoreError> {
        let mut parts = parts(self.0, "add")?;
        let said: String = next(&mut parts, "add")?;
        let group = summary(next(&mut parts, "summary")?)?;
        match said.as_str() {
            "added" => {
                let known = parts.map(|member| read(member, "member")).collect::<Result<_, _>>()?;
                Ok(Added::In { known, group })
            }
            "sealed" => Ok(Added::Sealed(group)),
            "over" => Ok(Added::Over(group)),
            _ => Err(odd("add")),
        }
    }

    pub(super) fn claimed(self) -> Result<Claimed, StoreError> {
        let mut parts = parts(self.0, "claim")?;
        let group = summary(next(&mut parts, "summary")?)?;
        let claims = parts.map(|claim| {
            let (member, attempt, nonce, payload): (String, String, String, Vec<u8>) = read(claim, "claim")?;
            let attempt = attempt.parse().map_err(|_| odd("attempt"))?;
            Ok(Claim { token: Token { member, attempt, nonce }, payload })
        });
        Ok(Claimed { group, claims: claims.collect::<Result<_, StoreError>>()? })
    }

    pub(super) fn renewed(self) -> Result<Renewed, StoreError> {
        let mut parts = parts(self.0, "renew")?;
        let group = summary(next(&mut parts, "summary")?)?;
        let stale = parts.map(|member| read(member, "member")).collect::<Result<_, _>>()?;
        Ok(Renewed { group, stale })
    }

    /// What came of so many reports.
    pub(super) fn finished(self, reports: usize) -> Result<(Vec<Finished>, Summary), StoreError> {
        let mut parts = parts(self.0, "finish")?;
        let mut finished = Vec::with_capacity(reports);
        for _ in 0..reports {
            let (said, wait): (String, String) = (next(&mut parts, "finish")?, next(&mut parts, "wait")?);
            finished.push(match said.as_str() {
                "counted" => Finished::Counted,
                "same" => Finished::AlreadySame,
                "stale" => Finished::Stale,
                "again" => Finished::Again(Duration::from_millis(wait.parse().map_err(|_| odd("wait"))?)),
                _ => return Err(odd("finish")),
            });
        }
        Ok((finished, summary(next(&mut parts, "summary")?)?))
    }

    pub(super) fn reaped(self) -> Result<Reaped, StoreError> {
        let mut parts = parts(self.0, "reap")?;
        let mut count = || next::<String>(&mut parts, "reap")?.parse().map_err(|_| odd("reap"));
        let (redelivered, lost) = (count()?, count()?);
        Ok(Reaped { redelivered, lost, group: summary(next(&mut parts, "summary")?)? })
    }
}

/// Where a member stands, as the scripts write it: see `prelude.lua`.
pub(super) fn standing(member: String, record: &str, now: Millis) -> Result<Standing, StoreError> {
    let mut fields = record.splitn(6, ':');
    let place = fields.next();
    let attempt = fields.next().and_then(|attempt| attempt.parse().ok()).ok_or_else(|| odd("member"))?;
    let place = match place {
        Some("q") => Place::Queued,
        Some("d") => Place::Waiting,
        Some("r") => Place::Running,
        Some("o") => Place::Ended(Ended::Done),
        Some("f") => Place::Ended(Ended::Failed),
        Some("l") => Place::Ended(Ended::Lost),
        Some("c") => Place::Ended(Ended::Cancelled),
        _ => return Err(odd("member")),
    };
    let (_losses, _nonce) = (fields.next(), fields.next());
    let since: Option<Millis> = fields.next().and_then(|since| since.parse().ok());
    let runs = since
        .zip(fields.next())
        .map(|(since, worker)| (worker.into(), Duration::from_millis(now.saturating_sub(since))));
    Ok(Standing { member, place, attempt, runs })
}
