//! Reading events back: a story out of the lines that were written.
//!
//! A file is one batch. What cannot be read is an error with its line and is not guessed at, but for the end: a batch that was
//! killed has no last event, and its last line may be torn. That is said. Unknown events and fields are passed over.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufRead, Read as _};
use std::time::Duration;

use serde::Deserialize;

use super::elsewhere::There;
use super::events::SCHEMA;
use super::story::{Story, Wrong};
use crate::ledger::{End, Tally};
use crate::legible;
use crate::refusal::Refusal;

/// No event is longer: an input has at most 1 MiB, and a command hardly more than twice that, in base64 and as text.
const LONGEST: u64 = 64 << 20;

/// What a file of events tells.
#[derive(Debug)]
pub(crate) struct Told {
    story: Story,
    tally: Option<Tally>,
    /// The time of the last event.
    last: Duration,
    /// The attempts that have begun and not ended, by member.
    running: HashMap<u64, u64>,
    /// What is to be said of the file itself.
    pub(crate) remarks: Vec<String>,
}

/// The fields of an event that are read.
#[derive(Debug, Deserialize)]
struct Event<'l> {
    schema: u64,
    #[serde(borrow)]
    event: Cow<'l, str>,
    elapsed: f64,
    #[serde(default)]
    id: Option<u64>,
    #[serde(default, borrow)]
    input: Option<Cow<'l, str>>,
    #[serde(default)]
    attempt: Option<u64>,
    #[serde(default)]
    slot: Option<usize>,
    #[serde(default, borrow)]
    how: Option<Cow<'l, str>>,
    #[serde(default, borrow)]
    why: Option<Cow<'l, str>>,
    #[serde(default, borrow)]
    end: Option<Cow<'l, str>>,
    #[serde(default)]
    again: bool,
    #[serde(default)]
    seconds: f64,
    #[serde(default, borrow)]
    worker: Option<Cow<'l, str>>,
    #[serde(default)]
    worker_elapsed: f64,
    #[serde(default, borrow)]
    group: Option<Cow<'l, str>>,
    #[serde(default, borrow)]
    subcommand: Option<Cow<'l, str>>,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    jobs: Option<usize>,
    #[serde(default)]
    members: Option<u64>,
    #[serde(default)]
    ok: u64,
    #[serde(default)]
    failed: u64,
    #[serde(default)]
    lost: u64,
    #[serde(default)]
    cancelled: u64,
}

/// What is wrong with a line, and what would help.
type Fault = (String, &'static str);

const DAMAGED: &str =
    "the file was changed or damaged after it was written; what --events writes has no such lines";
const FOREIGN: &str = "name a file that `headcount run --events FILE` has written";

impl Told {
    /// Reads a file to its end. `shown` is what it is called.
    ///
    /// # Errors
    /// When it is no record of a batch, or a damaged one.
    pub(crate) fn read(mut from: impl BufRead, shown: &str) -> Result<Self, Refusal> {
        let mut told: Option<Self> = None;
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            let refuse = |(what, hint): Fault| Refusal::new(format!("{shown}, line {number}: {what}"), hint);
            let read = (&mut from).take(LONGEST).read_until(b'\n', &mut line);
            read.map_err(|error| {
                refuse((format!("it cannot be read: {error}"), "is the file still there, and whole?"))
            })?;
            if line.is_empty() {
                break;
            }
            if line.len() as u64 == LONGEST {
                return Err(refuse(("it is longer than any event".into(), FOREIGN)));
            }
            match take(&mut told, &line) {
                Ok(()) => {}
                Err(_) if !line.ends_with(b"\n") && told.is_some() => {
                    let torn = format!("line {number}, the last one, is torn and left out");
                    told.iter_mut().for_each(|told| told.remarks.push(torn.clone()));
                }
                Err(fault) => return Err(refuse(fault)),
            }
        }
        let mut told = told.ok_or_else(|| Refusal::new(format!("{shown} holds no events"), FOREIGN))?;
        if told.tally.is_none() {
            told.remarks.push("the record ends before the batch did: it was cut off, or still runs".into());
        }
        Ok(told)
    }

    /// What a terminal is told.
    pub(crate) fn summary(&self) -> String {
        let counts = self.tally.map_or(String::new(), |tally| format!("{tally}\n"));
        format!("{counts}{}", self.story.summary())
    }

    /// The page.
    pub(crate) fn page(&self) -> String {
        self.story.page()
    }
}

fn take(told: &mut Option<Told>, line: &[u8]) -> Result<(), Fault> {
    let first = told.is_none();
    let hint = if first { FOREIGN } else { DAMAGED };
    let event: Event<'_> = serde_json::from_slice(line).map_err(|error| {
        (format!("it is no event: {}", legible::one_line(error.to_string().as_bytes())), hint)
    })?;
    if event.schema != SCHEMA {
        let what =
            format!("it was written in schema {}, and this headcount reads schema {SCHEMA}", event.schema);
        return Err((what, "read it with the version of headcount that wrote it, or a newer one"));
    }
    let at = Duration::try_from_secs_f64(event.elapsed)
        .map_err(|_| (format!("{} is no time since the beginning", event.elapsed), hint))?;
    match told {
        None if event.event == "batch_begun" => {
            let command = legible::shell_line(&event.command);
            let missing = |what: &str| (format!("a batch begins and its {what} is missing"), FOREIGN);
            let subcommand = event.subcommand.as_deref().ok_or_else(|| missing("subcommand"))?;
            // In a group on many machines there may be none.
            if event.jobs.is_none() && event.group.is_none() {
                return Err(missing("number of jobs"));
            }
            *told = Some(Told {
                story: Story::new(subcommand, &command, event.jobs, event.group.as_deref()),
                tally: None,
                last: at,
                running: HashMap::new(),
                remarks: Vec::new(),
            });
            Ok(())
        }
        None => Err((format!("the first event is {:?} and no beginning of a batch", event.event), FOREIGN)),
        Some(_) if event.event == "batch_begun" => {
            Err(("another batch begins here".into(), "a file is one batch; give each its own --events FILE"))
        }
        Some(told) if told.tally.is_some() => {
            Err((format!("{:?} after the end of the batch", event.event), DAMAGED))
        }
        Some(told) if at < told.last => {
            Err((format!("its time, {at:?}, is before that of the line above, {:?}", told.last), DAMAGED))
        }
        Some(told) => {
            told.last = at;
            step(told, &event, at)
        }
    }
}

fn step(told: &mut Told, event: &Event<'_>, at: Duration) -> Result<(), Fault> {
    let missing = |what: &str| (format!("{} without its {what}", event.event), DAMAGED);
    let id = || event.id.ok_or_else(|| missing("id"));
    let wrong = |wrong: Wrong| (wrong.to_string(), DAMAGED);
    let story = &mut told.story;
    match &*event.event {
        "registered" => {
            let input = event.input.as_deref().ok_or_else(|| missing("input"))?;
            story.registered(id()?, &legible::one_line(input.as_bytes()), at).map_err(wrong)
        }
        "attempt_started" => {
            let attempt = event.attempt.ok_or_else(|| missing("attempt"))?;
            story.started(id()?, event.slot.ok_or_else(|| missing("slot"))?, at).map_err(wrong)?;
            told.running.insert(id()?, attempt);
            Ok(())
        }
        "attempt_ended" => {
            let (id, attempt) = (id()?, event.attempt.ok_or_else(|| missing("attempt"))?);
            if told.running.remove(&id) != Some(attempt) {
                return Err((format!("attempt {attempt} of member #{id} ended, and had not begun"), DAMAGED));
            }
            let time = |seconds: f64| {
                let fault = |_| (format!("{seconds} is no number of seconds"), DAMAGED);
                Duration::try_from_secs_f64(seconds).map_err(fault)
            };
            let took = time(event.seconds)?;
            let there = match event.worker.as_deref() {
                Some(worker) => Some(There { worker, at: time(event.worker_elapsed)? }),
                None => None,
            };
            let how = event.how.as_deref().unwrap_or_default();
            story.attempt_ended(id, how, event.again, took, there, at).map_err(wrong)
        }
        "ended" => {
            let word = event.end.as_deref().ok_or_else(|| missing("end"))?;
            let end = end(word).ok_or_else(|| (format!("{word:?} is no end of a member"), DAMAGED))?;
            // What became of one that is lost is not known, so its attempt may have no end.
            if told.running.remove(&id()?).is_some() && end != End::Lost {
                return Err((format!("member #{} ended, and its attempt had not", id()?), DAMAGED));
            }
            story.ended(id()?, end, at).map_err(wrong)
        }
        "stopping" => {
            story.stopping(event.why.as_deref().unwrap_or_default(), at);
            Ok(())
        }
        "batch_ended" => {
            let Event { ok, failed, lost, cancelled, .. } = *event;
            let registered = event.members.ok_or_else(|| missing("members"))?;
            let ended = [ok, failed, lost, cancelled].into_iter().try_fold(0_u64, u64::checked_add);
            if ended != Some(registered) {
                return Err((
                    format!("the counts at the end do not add up to {registered} members"),
                    DAMAGED,
                ));
            }
            told.tally = Some(Tally { registered, done: ok, failed, lost, cancelled, ..Tally::default() });
            Ok(())
        }
        // Of a later version, which says that it can be passed over by leaving the schema's number as it is.
        _ => Ok(()),
    }
}

fn end(word: &str) -> Option<End> {
    [End::Done, End::Failed, End::Lost, End::Cancelled]
        .into_iter()
        .find(|end| super::events::end_word(*end) == word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Told;

    /// A whole record: one member that is tried twice.
    const WHOLE: &str = r#"{"schema":1,"time":"2026-01-01T00:00:00.000000Z","elapsed":0.0,"event":"batch_begun","id":null,"input":null,"attempt":null,"subcommand":"run","command":["true"],"jobs":2,"policy":"fail-fast","inputs":1,"version":"0.1.0","pid":9}
{"schema":1,"elapsed":0.1,"event":"registered","id":1,"input":"a","attempt":null}
{"schema":1,"elapsed":0.2,"event":"attempt_started","id":1,"input":"a","attempt":1,"slot":1,"pid":10,"command":["true","a"]}
{"schema":1,"elapsed":0.3,"event":"attempt_ended","id":1,"input":"a","attempt":1,"end":"failed","code":1,"signal":null,"how":"exit code 1","seconds":0.1,"bytes":0,"again":true}
{"schema":1,"elapsed":0.4,"event":"attempt_started","id":1,"input":"a","attempt":2,"slot":2,"pid":11,"command":["true","a"]}
{"schema":1,"elapsed":0.5,"event":"attempt_ended","id":1,"input":"a","attempt":2,"end":"ok","code":0,"signal":null,"how":"","seconds":0.1,"bytes":0,"again":false}
{"schema":1,"elapsed":0.6,"event":"ended","id":1,"input":"a","attempt":null,"end":"ok"}
{"schema":1,"elapsed":0.7,"event":"batch_ended","id":null,"input":null,"attempt":null,"members":1,"ok":1,"failed":0,"lost":0,"cancelled":0,"code":0,"signal":null}
"#;

    /// Reads it and draws it, or says with a hint why not.
    fn read(bytes: &[u8]) -> Result<Told, String> {
        match Told::read(bytes, "f") {
            Ok(told) => {
                assert!(told.summary().contains("headcount ") && told.page().ends_with("</html>\n"));
                Ok(told)
            }
            Err(refusal) => {
                assert!(!refusal.hint().is_empty());
                Err(refusal.to_string())
            }
        }
    }

    #[test]
    fn a_whole_record_is_read_without_a_remark() {
        assert_eq!(read(WHOLE.as_bytes()).expect("it is one").remarks, [""; 0]);
    }

    proptest! {
        #[test]
        fn whatever_is_in_a_file_it_is_told_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(read(&bytes).is_err());
            // Behind a good beginning as well.
            let (first, _) = WHOLE.split_once('\n').expect("lines");
            let behind = [first.as_bytes(), b"\n", &bytes].concat();
            drop(read(&behind));
        }

        #[test]
        fn wherever_it_is_cut_it_is_told_with_a_remark(cut in 0..WHOLE.len()) {
            let first = WHOLE.find('\n').expect("lines");
            match read(&WHOLE.as_bytes()[..cut]) {
                // Only the last line break may be missing unnoticed.
                Ok(told) => prop_assert!(cut >= first && (!told.remarks.is_empty() || cut == WHOLE.len() - 1)),
                Err(why) => prop_assert!(cut < first, "{why}"),
            }
        }

        #[test]
        fn a_changed_byte_or_a_line_out_of_its_place_never_brings_it_down(
            place in 0..WHOLE.len(), byte in any::<u8>(), from in 0_usize..8, to in 0_usize..8
        ) {
            let mut bytes = WHOLE.as_bytes().to_vec();
            bytes[place] = byte;
            drop(read(&bytes));
            let mut lines: Vec<_> = WHOLE.lines().collect();
            let line = lines.remove(from);
            lines.insert(to, line);
            let moved = read(format!("{}\n", lines.join("\n")).as_bytes());
            prop_assert_eq!(moved.is_ok(), from == to, "{:?}", moved);
        }
    }
}
