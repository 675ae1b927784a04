//! The protocol, without a socket: what a line says, and what it must not say.
//!
//! One line is asked, one is answered, and the connection is over. A line is one JSON object and ends with a line break. Both
//! begin with the version, which is looked at before all else, so that two programs built years apart can still say why they do not
//! understand each other. Whatever bytes come, they are read or refused; none makes this room panic or take more memory than
//! the limits below.

use std::fmt;
use std::io::{self, Read};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::census::{Ask, Census};

/// The version of the protocol that is spoken here. It changes when what was said before would be misunderstood.
pub const VERSION: u32 = 1;

/// A question is no longer than this.
pub(super) const LONGEST_QUESTION: usize = 4 << 10;

/// An answer is no longer than this.
pub(super) const LONGEST_ANSWER: usize = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Versioned {
    headcount: u32,
}

#[derive(Serialize, Deserialize)]
struct Question {
    headcount: u32,
    ask: Ask,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    headcount: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    census: Option<Census>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// Besides: it was refused because it would have been so many bytes long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    too_long: Option<u64>,
}

/// Why a line is not understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is in another version of the protocol.
    Version(u32),
    /// It is none of ours.
    Garbage(String),
    /// The other side said no.
    Refused(String),
    /// It said no because the answer would be so many bytes long.
    TooLong(u64),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(theirs) => {
                write!(f, "version {theirs} of the protocol is not spoken here, version {VERSION} is")
            }
            Self::Garbage(what) => write!(f, "that is no line of the protocol: {what}"),
            Self::Refused(why) => f.write_str(why),
            Self::TooLong(bytes) => write!(f, "the answer would be {} MB long", bytes >> 20),
        }
    }
}

/// What a line says, if it is one of ours and of our version.
fn read<'l, L: Deserialize<'l>>(line: &'l [u8]) -> Result<L, Unread> {
    let garbage = |error: serde_json::Error| Unread::Garbage(error.to_string());
    let Versioned { headcount } = serde_json::from_slice(line).map_err(garbage)?;
    if headcount != VERSION {
        return Err(Unread::Version(headcount));
    }
    serde_json::from_slice(line).map_err(garbage)
}

pub(super) fn read_question(line: &[u8]) -> Result<Ask, Unread> {
    read::<Question>(line).map(|question| question.ask)
}

pub(super) fn read_answer(line: &[u8]) -> Result<Census, Unread> {
    match read::<Answer>(line)? {
        Answer { too_long: Some(bytes), .. } => Err(Unread::TooLong(bytes)),
        Answer { refused: Some(why), .. } => Err(Unread::Refused(why)),
        Answer { census: Some(census), .. } => Ok(census),
        Answer { .. } => Err(Unread::Garbage("neither an answer nor a refusal".into())),
    }
}

pub(super) fn question(ask: &Ask) -> Vec<u8> {
    line(&Question { headcount: VERSION, ask: ask.clone() })
}

/// The answer, if it is no longer than `limit`: who asks would not read on, and could not say why.
pub(super) fn answer(census: Census, limit: usize) -> Vec<u8> {
    let answer = line(&Answer { headcount: VERSION, census: Some(census), refused: None, too_long: None });
    // The line break does not count.
    match answer.len() - 1 {
        bytes if bytes > limit => refusal(&Unread::TooLong(bytes as u64)),
        _ => answer,
    }
}

pub(super) fn refusal(why: &Unread) -> Vec<u8> {
    let too_long = if let Unread::TooLong(bytes) = why { Some(*bytes) } else { None };
    line(&Answer { headcount: VERSION, census: None, refused: Some(why.to_string()), too_long })
}

fn line(what: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(what).unwrap_or_else(|error| unreachable!("it is plain data: {error}"));
    line.push(b'\n');
    line
}

/// Reads up to a line break, no more than `limit` bytes and not beyond `until`. Each single read must have a limit of its own.
pub(super) fn read_line(mut from: impl Read, limit: usize, until: Instant) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut piece = [0; 8 << 10];
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the line was cut off")),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = piece[..read].iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(&piece[..end.unwrap_or(read)]);
        if line.len() > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is too long"));
        }
        if end.is_some() {
            return Ok(line);
        }
        if Instant::now() >= until {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fuzzing::reads_or_refuses;
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_question_is_read_as_it_was_asked_and_so_is_an_answer() {
        for ask in [Ask::summary(), Ask::members(7), Ask::member("sku \n 42")] {
            let line = question(&ask);
            let read = read_line(&line[..], LONGEST_QUESTION, soon()).unwrap();
            assert_eq!(read_question(&read), Ok(ask));
        }
        let census = Census { pid: 7, program: "it".into(), groups: vec![] };
        let line = answer(census.clone(), LONGEST_ANSWER);
        assert_eq!(read_answer(line.trim_ascii_end()), Ok(census));
    }

    #[test]
    fn an_answer_that_would_not_be_read_is_not_given_and_that_is_said() {
        let census = Census { pid: 7, program: "it".repeat(5 << 20), groups: vec![] };
        let whole =
            line(&Answer { headcount: VERSION, census: Some(census.clone()), refused: None, too_long: None });
        let length = whole.len() - 1;
        assert_eq!(read_answer(answer(census.clone(), length).trim_ascii_end()), Ok(census.clone()));
        let said = answer(census, length - 1);
        assert!(said.len() < 1000);
        assert_eq!(read_answer(said.trim_ascii_end()), Err(Unread::TooLong(length as u64)));
        // Whoever does not know the word reads a refusal.
        assert!(String::from_utf8_lossy(&said).contains(r#""refused":"the answer would be 10 MB long""#));
    }

    #[test]
    fn another_version_is_said_so_whatever_else_the_line_holds() {
        let line = br#"{"headcount": 2, "ask": {"dance": true}, "more": [1]}"#;
        assert_eq!(read_question(line), Err(Unread::Version(2)));
        assert_eq!(read_answer(line), Err(Unread::Version(2)));
        let refused = refusal(&Unread::Version(2));
        let Err(Unread::Refused(why)) = read_answer(refused.trim_ascii_end()) else { panic!("{refused:?}") };
        assert!(why.contains("version 2") && why.contains("version 1"), "{why}");
    }

    #[test]
    fn a_line_has_a_longest_length_and_must_end() {
        let long = vec![b'x'; LONGEST_QUESTION + 2];
        let error = read_line(&long[..], LONGEST_QUESTION, soon()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let error = read_line(&b"cut"[..], LONGEST_QUESTION, soon()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let error = read_line(io::repeat(b'x'), usize::MAX, Instant::now()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    /// Bytes of any kind, and lines of ours with some of them changed.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let noise = prop::collection::vec(any::<u8>(), 0..200);
        let ours = (0..3_usize, prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4));
        let changed = ours.prop_map(|(which, changes)| {
            let mut line = match which {
                0 => question(&Ask::member("who")),
                1 => answer(Census { pid: 1, program: "p".into(), groups: vec![] }, LONGEST_ANSWER),
                _ => refusal(&Unread::Version(9)),
            };
            for (at, byte) in changes {
                let at = at.index(line.len());
                line[at] = byte;
            }
            line
        });
        prop_oneof![noise, changed]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        #[test]
        fn no_bytes_make_the_reader_panic_and_what_is_read_can_be_said_again(bytes in bytes()) {
            reads_or_refuses(&bytes);
        }
    }
}
