//! What a worker says of a member that has ended: how, and what it printed.
//!
//! A line of JSON, and behind it the bytes of its standard output and of its standard error, as they were written: the engine's
//! memory is dear, and bytes in JSON would take a third more.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::order::HEADROOM;
use crate::record::Finish;
use crate::signal;

const VERSION: u32 = 1;

/// What is said besides what it printed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    v: u32,
    /// Who ran it.
    pub(crate) worker: String,
    /// In which slot there, from 1.
    pub(crate) slot: usize,
    pub(crate) attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pid: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    /// In words; empty where there is nothing to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) how: String,
    seconds: f64,
    /// When it ended, by the clock of a worker that began at 0.
    #[serde(default)]
    at: f64,
    /// How much it printed, which may be more than is here.
    pub(crate) bytes: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) last_lines: Vec<String>,
    /// How long the two parts behind this line are.
    out: usize,
    err: usize,
}

/// An answer, and the two streams.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Heard {
    pub(crate) answer: Answer,
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(worker: &str, slot: usize, attempt: u32, finish: Finish, took: Duration) -> Self {
        let (code, signal) = match finish {
            Finish::Unknown => (None, None),
            Finish::Code(code) => (Some(code), None),
            Finish::Signal(signal) => (None, Some(signal)),
        };
        let worker = worker.to_owned();
        Self {
            v: VERSION,
            worker,
            slot,
            attempt,
            code,
            signal,
            seconds: took.as_secs_f64(),
            ..Self::default()
        }
    }

    pub(crate) fn finish(&self) -> Finish {
        match (self.code, self.signal) {
            (Some(code), _) => Finish::Code(code),
            (None, Some(signal)) => Finish::Signal(signal),
            (None, None) => Finish::Unknown,
        }
    }

    /// How long it ran; nothing where no worker has said that.
    pub(crate) fn took(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.seconds).ok().filter(|_| !self.worker.is_empty())
    }

    /// How it ended, in words.
    pub(crate) fn in_words(&self, lost: bool) -> String {
        match self.finish() {
            _ if !self.how.is_empty() => self.how.clone(),
            Finish::Code(code) => format!("exit code {code}"),
            Finish::Signal(signal) => signal::name(signal),
            Finish::Unknown if lost => "lost: every worker that ran it has vanished with it".into(),
            Finish::Unknown => "it failed".into(),
        }
    }

    /// It has just ended: so long after its worker began.
    pub(crate) fn ended(&mut self, at: Duration) {
        self.at = at.as_secs_f64();
    }

    /// When that was.
    pub(crate) fn at(&self) -> Duration {
        Duration::try_from_secs_f64(self.at).unwrap_or_default()
    }

    /// Who ran it, to be put behind how it ended.
    pub(crate) fn by(&self) -> String {
        if self.worker.is_empty() { String::new() } else { format!(" on {}", self.worker) }
    }

    /// As it is sent. What is said in words is cut where it would take more than there is room for.
    pub(crate) fn write(mut self, out: &[u8], err: &[u8]) -> Vec<u8> {
        (self.out, self.err) = (out.len(), err.len());
        let mut line = self.line();
        if line.len() > HEADROOM {
            self.last_lines.clear();
            self.how = self.how.chars().take(HEADROOM / 16).collect();
            line = self.line();
        }
        let mut bytes = line;
        bytes.push(b'\n');
        bytes.extend_from_slice(out);
        bytes.extend_from_slice(err);
        bytes
    }

    fn line(&self) -> Vec<u8> {
        // There is nothing in it that JSON could not take.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Heard {
    /// As it came. What is no such answer is taken for words: of a worker that is not this program, or of the engine.
    pub(crate) fn read(body: Vec<u8>) -> Self {
        Self::parse(&body).unwrap_or_else(|| Self {
            answer: Answer { how: String::from_utf8_lossy(&body).into_owned(), ..Answer::default() },
            ..Self::default()
        })
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let end = body.iter().position(|&byte| byte == b'\n')?;
        let answer: Answer = serde_json::from_slice(&body[..end]).ok()?;
        let rest = &body[end + 1..];
        let whole = answer.v == VERSION && answer.out.checked_add(answer.err) == Some(rest.len());
        if !whole {
            return None;
        }
        let (out, err) = rest.split_at(answer.out);
        Some(Self { out: out.to_vec(), err: err.to_vec(), answer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_printed_arrives_byte_for_byte() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut answer = Answer::new("host:1", 3, 2, Finish::Signal(9), Duration::from_millis(1250));
        answer.last_lines = vec!["\u{0}\"".into()];
        let heard = Heard::read(answer.write(&bytes, b"\n\n"));
        assert_eq!((&heard.out, &heard.err[..]), (&bytes, &b"\n\n"[..]));
        assert_eq!(
            (heard.answer.finish(), heard.answer.took()),
            (Finish::Signal(9), Some(Duration::from_millis(1250)))
        );
        assert_eq!((heard.answer.slot, heard.answer.attempt, heard.answer.last_lines.len()), (3, 2, 1));
    }

    #[test]
    fn what_is_said_in_words_never_takes_more_than_its_room() {
        let mut answer = Answer::new("host:1", 1, 1, Finish::Code(1), Duration::ZERO);
        answer.last_lines = vec!["x".repeat(HEADROOM)];
        answer.how = "y".repeat(HEADROOM);
        assert!(answer.write(b"", b"").len() <= HEADROOM + 1);
    }

    #[test]
    fn words_of_somebody_else_are_told_as_they_are() {
        for body in [&b"no handler of that name"[..], b"", b"{}\n", b"{\"v\":1}\nx"] {
            let heard = Heard::read(body.to_vec());
            assert_eq!(heard.answer.how.as_bytes(), body);
            assert!(heard.out.is_empty() && heard.answer.finish() == Finish::Unknown);
        }
    }
}
