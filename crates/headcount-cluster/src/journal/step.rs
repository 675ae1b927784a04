//! The steps that change a group, as they are written down: a kind, then its parts. Numbers are 8 bytes, the lowest first; texts and
//! bytes have their length before them.

use std::borrow::Cow;
use std::time::Duration;

use headcount_ledger::{Budget, Policy};

use crate::book::{Book, Millis};
use crate::store::{Backoff, GroupId, Report, Settings, Token};

/// One step of one group. What was asked is written down, and not what came of it: the book comes to the same again.
#[derive(Debug, Clone)]
pub(super) enum Step<'a> {
    Open(Cow<'a, Settings>),
    Add(Cow<'a, [(String, Vec<u8>)]>),
    Seal(u64),
    Keep,
    Claim { worker: Cow<'a, str>, most: u64, nonce: Cow<'a, str> },
    Renew(Cow<'a, [Token]>),
    Finish(Cow<'a, Token>, Cow<'a, Report>),
    Reap,
    Cancel(Cow<'a, str>),
}

impl Step<'_> {
    /// Takes a step that was read. What it is answered has been told to whoever asked.
    pub(super) fn take_again(&self, book: &mut Book, group: GroupId, now: Millis) {
        match self {
            // The book was made by it.
            Self::Open(_) => {}
            Self::Add(members) => drop(book.add(members, now)),
            Self::Seal(total) => drop(book.seal(group, *total, now)),
            Self::Keep => drop(book.keep(now)),
            Self::Claim { worker, most, nonce } => {
                let most = usize::try_from(*most).unwrap_or(usize::MAX);
                drop(book.claim(worker, most, nonce, now));
            }
            Self::Renew(held) => drop(book.renew(held, now)),
            Self::Finish(token, report) => drop(book.finish(token, report, now)),
            Self::Reap => drop(book.reap(now)),
            Self::Cancel(reason) => drop(book.cancel(reason, now)),
        }
    }

    pub(super) fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Open(settings) => {
                to.push(b'o');
                write_settings(to, settings);
            }
            Self::Add(members) => {
                to.push(b'a');
                number(to, members.len() as u64);
                for (member, payload) in members.iter() {
                    bytes(to, member.as_bytes());
                    bytes(to, payload);
                }
            }
            Self::Seal(total) => {
                to.push(b's');
                number(to, *total);
            }
            Self::Keep => to.push(b'k'),
            Self::Claim { worker, most, nonce } => {
                to.push(b'c');
                bytes(to, worker.as_bytes());
                number(to, *most);
                bytes(to, nonce.as_bytes());
            }
            Self::Renew(held) => {
                to.push(b'r');
                number(to, held.len() as u64);
                held.iter().for_each(|token| write_token(to, token));
            }
            Self::Finish(token, report) => {
                to.push(b'f');
                write_token(to, token);
                write_report(to, report);
            }
            Self::Reap => to.push(b'p'),
            Self::Cancel(reason) => {
                to.push(b'x');
                bytes(to, reason.as_bytes());
            }
        }
    }

    /// Reads a step, all of it; nothing if it is none.
    pub(super) fn read(from: &[u8]) -> Option<Step<'static>> {
        let mut from = Parts(from);
        let step = match from.byte()? {
            b'o' => Step::Open(Cow::Owned(read_settings(&mut from)?)),
            b'a' => {
                let count = from.count(16)?;
                let members = (0..count).map(|_| Some((from.text()?, from.bytes()?.to_vec())));
                Step::Add(Cow::Owned(members.collect::<Option<_>>()?))
            }
            b's' => Step::Seal(from.number()?),
            b'k' => Step::Keep,
            b'c' => {
                Step::Claim { worker: from.text()?.into(), most: from.number()?, nonce: from.text()?.into() }
            }
            b'r' => {
                let count = from.count(24)?;
                let held = (0..count).map(|_| read_token(&mut from)).collect::<Option<_>>()?;
                Step::Renew(Cow::Owned(held))
            }
            b'f' => {
                let token = read_token(&mut from)?;
                Step::Finish(Cow::Owned(token), Cow::Owned(read_report(&mut from)?))
            }
            b'p' => Step::Reap,
            b'x' => Step::Cancel(from.text()?.into()),
            _ => return None,
        };
        from.0.is_empty().then_some(step)
    }
}

fn number(to: &mut Vec<u8>, number: u64) {
    to.extend_from_slice(&number.to_le_bytes());
}

fn bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    number(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

/// A time, to the nanosecond: what was set is what is read.
fn time(to: &mut Vec<u8>, time: Duration) {
    number(to, time.as_secs());
    number(to, u64::from(time.subsec_nanos()));
}

fn write_token(to: &mut Vec<u8>, token: &Token) {
    bytes(to, token.member.as_bytes());
    number(to, u64::from(token.attempt));
    bytes(to, token.nonce.as_bytes());
}

fn read_token(from: &mut Parts<'_>) -> Option<Token> {
    Some(Token { member: from.text()?, attempt: from.small()?, nonce: from.text()? })
}

fn write_report(to: &mut Vec<u8>, report: &Report) {
    match report {
        Report::Done(body) => {
            to.push(b'o');
            bytes(to, body);
        }
        Report::Failed { why, again } => {
            to.push(if *again { b'a' } else { b'f' });
            bytes(to, why);
        }
        Report::Cancelled => to.push(b'c'),
        Report::Returned { after } => {
            to.push(b'b');
            time(to, *after);
        }
    }
}

fn read_report(from: &mut Parts<'_>) -> Option<Report> {
    Some(match from.byte()? {
        b'o' => Report::Done(from.bytes()?.to_vec()),
        kind @ (b'a' | b'f') => Report::Failed { why: from.bytes()?.to_vec(), again: kind == b'a' },
        b'c' => Report::Cancelled,
        b'b' => Report::Returned { after: from.time()? },
        _ => return None,
    })
}

fn write_settings(to: &mut Vec<u8>, settings: &Settings) {
    let Settings {
        name,
        policy,
        limit,
        retries,
        backoff,
        losses,
        lease,
        owner_lease,
        deadline,
        keep,
        largest,
        events,
    } = settings;
    bytes(to, name.as_bytes());
    let (kind, need) = match policy {
        Policy::FailFast => (0, 0),
        Policy::KeepGoing => (1, 0),
        Policy::FirstSuccess => (2, 0),
        Policy::Quorum(need) => (3, *need),
        Policy::MaxFailures(Budget::Count(most)) => (4, *most),
        Policy::MaxFailures(Budget::Percent(share)) => (5, *share),
    };
    let (first, most) = match backoff {
        Backoff::Fixed(wait) => (wait, None),
        Backoff::Doubling { first, most } => (first, Some(most)),
    };
    for figure in [kind, need, u64::from(*limit), u64::from(*retries), u64::from(*losses), *events] {
        number(to, figure);
    }
    number(to, *largest as u64);
    for span in [first, lease, owner_lease, keep] {
        time(to, *span);
    }
    for perhaps in [most.copied(), *deadline] {
        to.push(u8::from(perhaps.is_some()));
        time(to, perhaps.unwrap_or_default());
    }
}

fn read_settings(from: &mut Parts<'_>) -> Option<Settings> {
    let name = from.text()?;
    let (kind, need) = (from.number()?, from.number()?);
    let policy = match kind {
        0 => Policy::FailFast,
        1 => Policy::KeepGoing,
        2 => Policy::FirstSuccess,
        3 => Policy::Quorum(need),
        4 => Policy::MaxFailures(Budget::Count(need)),
        5 => Policy::MaxFailures(Budget::Percent(need)),
        _ => return None,
    };
    let (limit, retries, losses, events) = (from.small()?, from.small()?, from.small()?, from.number()?);
    let largest = usize::try_from(from.number()?).ok()?;
    let (first, lease, owner_lease, keep) = (from.time()?, from.time()?, from.time()?, from.time()?);
    let backoff = match from.perhaps()? {
        Some(most) => Backoff::Doubling { first, most },
        None => Backoff::Fixed(first),
    };
    let deadline = from.perhaps()?;
    Some(Settings {
        name,
        policy,
        limit,
        retries,
        backoff,
        losses,
        lease,
        owner_lease,
        deadline,
        keep,
        largest,
        events,
    })
}

/// What is left to be read of a step.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take(8)?.first_chunk()?))
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// How many follow, each of at least so many bytes: no more than there is room for.
    fn count(&mut self, least: usize) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len() / least).then_some(count)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    fn time(&mut self) -> Option<Duration> {
        let (seconds, nanos) = (self.number()?, self.small()?);
        (nanos < 1_000_000_000).then(|| Duration::new(seconds, nanos))
    }

    fn perhaps(&mut self) -> Option<Option<Duration>> {
        let (is_there, time) = (self.byte()?, self.time()?);
        Some((is_there != 0).then_some(time))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_again(step: &Step<'_>) -> String {
        let mut bytes = Vec::new();
        step.write(&mut bytes);
        format!("{:?}", Step::read(&bytes).expect("it was written"))
    }

    #[test]
    fn settings_of_every_kind_are_read_as_they_were() {
        let policies = [
            Policy::FailFast,
            Policy::KeepGoing,
            Policy::FirstSuccess,
            Policy::Quorum(u64::MAX),
            Policy::MaxFailures(Budget::Count(7)),
            Policy::MaxFailures(Budget::Percent(7)),
        ];
        let backoffs = [
            Backoff::Fixed(Duration::MAX),
            Backoff::Doubling { first: Duration::from_nanos(1), most: Duration::from_secs(9) },
        ];
        for policy in policies {
            for backoff in backoffs {
                for deadline in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
                    let settings = Settings { policy, backoff, deadline, limit: 3, ..Settings::new("a\nb") };
                    let step = Step::Open(Cow::Owned(settings));
                    assert_eq!(read_again(&step), format!("{step:?}"));
                }
            }
        }
    }

    /// The bytes of a file that exists somewhere. Where this fails the format is another: then it needs another version.
    #[test]
    fn a_step_is_written_as_it_always_was() {
        let token = Token { member: "m".into(), attempt: 2, nonce: "ab".into() };
        let mut bytes = Vec::new();
        let report = Report::Failed { why: b"no".to_vec(), again: true };
        Step::Finish(Cow::Owned(token), Cow::Owned(report)).write(&mut bytes);
        let eight = |n: u8| [n, 0, 0, 0, 0, 0, 0, 0];
        let parts: [&[u8]; 9] = [b"f", &eight(1), b"m", &eight(2), &eight(2), b"ab", b"a", &eight(2), b"no"];
        assert_eq!(bytes, parts.concat());
    }

    proptest! {
        /// Damage is found by the checksum before a step is read; whatever gets past it is refused, or is a step.
        #[test]
        fn arbitrary_bytes_are_a_step_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..9_usize) {
            let mut bytes = bytes;
            bytes.insert(0, b"oaskcrfpx"[kind]);
            if let Some(step) = Step::read(&bytes) {
                let mut again = Vec::new();
                step.write(&mut again);
                prop_assert_eq!(format!("{:?}", Step::read(&again)), format!("{:?}", Some(step)));
            }
        }
    }
}
