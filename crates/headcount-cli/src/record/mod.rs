//! The record: what happened to whom and when, in files that outlive the batch.
//!
//! It is told of every change of state by whoever makes the change, and never steers. Its promises:
//!
//! 1. Without a file to write, telling costs one look at a field: nothing is put together, no thread runs.
//! 2. A file that cannot be written is found out before the first member starts. One that fails later is said once at the
//!    end, and neither stops the batch nor takes anything from its account; but the command does not end with 0 then.
//! 3. What is told of one member is in the order in which it was told, and so are the times.
//! 4. Who is told of a stop is never held up by a slow reader of a file. A member may be, as long as nobody stops the batch.
//!
//! | file | idea |
//! |---|---|
//! | `scribe` | one file, and the thread that writes it |
//! | `events`, `line`, `stamp` | JSON lines, and what they are made of |
//! | `joblog` | the columns of GNU parallel |
//! | `story` | the page, and a summary; `elsewhere` when members ran on other machines |
//! | `reading` | the same from events that were written before |

mod elsewhere;
mod events;
mod joblog;
mod line;
mod reading;
mod scribe;
mod stamp;
mod story;

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use crate::args::RecordArgs;
use crate::exit::{self, Ending};
use crate::input::Columns;
use crate::ledger::{End, Number, Policy, Tally};
use crate::legible;
use crate::locked;
use crate::refusal::Refusal;
use crate::stop::Strength;
use scribe::Scribe;
use story::Story;

pub(crate) use elsewhere::There;
pub(crate) use events::policy_words;
pub(crate) use reading::Told;

/// A change of state.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Happening<'a> {
    /// The batch begins.
    Begun(Plan<'a>),
    /// An input was taken in, and its member counted out.
    Registered(Whose<'a>),
    /// An attempt has begun; without a process if none could be started.
    Started { whose: Whose<'a>, attempt: u32, slot: usize, pid: Option<i32>, words: &'a [OsString] },
    /// An attempt has ended.
    AttemptEnded { whose: Whose<'a>, attempt: u32, words: &'a [OsString], close: Close<'a> },
    /// A member has ended.
    Ended { whose: Whose<'a>, end: End },
    /// The batch is being stopped, and why.
    Stopping { strength: Strength, why: &'a str },
    /// The batch is over.
    Closed { tally: &'a Tally, ending: Ending },
}

/// What a batch sets out to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// The subcommand.
    pub(crate) what: &'static str,
    /// The command as it was typed, placeholders and all.
    pub(crate) words: &'a [OsString],
    /// How many run at once, where somebody said that.
    pub(crate) jobs: Option<usize>,
    pub(crate) policy: Policy,
    /// How many inputs there are, where that is known.
    pub(crate) total: Option<u64>,
    /// The group, where members run on other machines.
    pub(crate) group: Option<&'a str>,
}

/// Of which member something is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whose<'a> {
    pub(crate) number: Number,
    pub(crate) columns: &'a Columns,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Close<'a> {
    pub(crate) end: End,
    pub(crate) finish: Finish,
    /// In words; empty where there is nothing to say.
    pub(crate) how: &'a str,
    pub(crate) took: Duration,
    /// How much it wrote, on both streams.
    pub(crate) bytes: u64,
    /// It will be tried again.
    pub(crate) again: bool,
    /// When that was, where it is told late.
    pub(crate) there: Option<There<'a>>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Finish {
    /// There was none, or nobody knows.
    #[default]
    Unknown,
    Code(i32),
    Signal(i32),
}

/// When something happened: by the calendar, and since the batch began.
#[derive(Debug, Clone, Copy)]
struct When {
    clock: SystemTime,
    since: Duration,
}

/// See the room's text.
#[derive(Debug, Default)]
pub(crate) struct Record(Option<Desk>);

#[derive(Debug)]
struct Desk {
    began: Instant,
    /// Held while the time is read and what happened then is handed to the scribes.
    turn: Mutex<()>,
    events: Option<Scribe>,
    joblog: Option<Scribe>,
    /// The page's file, which is written at the end, and what it will tell.
    report: Option<(Scribe, Mutex<Option<Story>>)>,
}

/// The files of a record, open, with what was in them before.
#[derive(Debug)]
pub(crate) struct Files<'a>([Option<(Name<'a>, File, Metadata)>; 3]);

/// A flag and the file it names.
type Name<'a> = (&'static str, &'a Path);

impl<'a> Files<'a> {
    /// Opens the files. `others` is what must not be written over.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub(crate) fn open(
        args: &'a RecordArgs,
        others: [(&'static str, Option<&Path>); 2],
    ) -> Result<Self, Refusal> {
        let mut files = Self([None, None, None]);
        let asked = [("--events", &args.events), ("--joblog", &args.joblog), ("--report", &args.report)];
        for ((flag, path), slot) in asked.into_iter().zip(&mut files.0) {
            if let Some(path) = path {
                let (file, what) = open(flag, path)?;
                *slot = Some(((flag, path), file, what));
            }
        }
        files.refuse_twice(others)?;
        Ok(files)
    }

    /// Two records in one file would be none, and a record over the inputs would eat them.
    fn refuse_twice(&self, others: [(&'static str, Option<&Path>); 2]) -> Result<(), Refusal> {
        let there = others.into_iter().filter_map(|(flag, path)| Some((flag, path?.metadata().ok()?)));
        let mut seen: Vec<(&str, Metadata)> = there.collect();
        for ((flag, _), _, what) in self.0.iter().flatten() {
            // A terminal or a pipe may well get both.
            let same =
                |other: &Metadata| what.is_file() && (other.dev(), other.ino()) == (what.dev(), what.ino());
            if let Some((other, _)) = seen.iter().find(|(_, other)| same(other)) {
                return Err(Refusal::new(
                    format!("{other} and {flag} name one and the same file"),
                    "give each its own",
                ));
            }
            seen.push((flag, what.clone()));
        }
        Ok(())
    }

    /// Empties the files and begins. Nothing of the batch can be refused any more.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub(crate) fn begin(self) -> Result<Record, Refusal> {
        if self.0.iter().all(Option::is_none) {
            return Ok(Record(None));
        }
        let mut scribes = Vec::new();
        for file in self.0 {
            let begin = |((flag, path), file, what): (Name<'_>, File, Metadata)| {
                Scribe::start(flag, path, (file, what))
            };
            scribes.push(file.map(begin).transpose()?);
        }
        let report = scribes.pop().flatten().map(|scribe| (scribe, Mutex::new(None)));
        let joblog = scribes.pop().flatten();
        let events = scribes.pop().flatten();
        if let Some(joblog) = &joblog {
            joblog.write(|text| text.extend_from_slice(joblog::HEADER));
        }
        Ok(Record(Some(Desk { began: Instant::now(), turn: Mutex::new(()), events, joblog, report })))
    }
}

impl Record {
    /// Whether there is anything to tell: who has to go to some length for it asks first.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Something happened.
    pub(crate) fn tell(&self, what: &Happening<'_>) {
        let Some(desk) = &self.0 else { return };
        let stops = matches!(what, Happening::Stopping { .. });
        for scribe in [&desk.events, &desk.joblog].into_iter().flatten() {
            if stops {
                scribe.hurry();
            }
            scribe.wait_for_room();
        }
        let _turn = locked(&desk.turn);
        let when = When { clock: SystemTime::now(), since: desk.began.elapsed() };
        if let Some(events) = &desk.events {
            events.write(|text| events::line(text, when, what));
        }
        if let Some(joblog) = &desk.joblog {
            if let Happening::AttemptEnded { whose, words, close, .. } = what {
                joblog.write(|text| joblog::line(text, when, *whose, words, close));
            }
        }
        if let Some((_, story)) = &desk.report {
            let mut story = locked(story);
            if let Happening::Begun(plan) = what {
                *story = Some(Story::begun(plan));
            }
            let told = story.as_mut().map_or(Ok(()), |story| story.hear(when.since, what));
            debug_assert!(told.is_ok(), "who tells keeps the order: {told:?}");
        }
    }

    /// The batch is over: tells that, and waits until all is written. Gives the ending the command has with that, and
    /// what went wrong, a sentence a file.
    pub(crate) fn close(&self, tally: &Tally, ending: Ending) -> (Ending, Vec<String>) {
        let Some(desk) = &self.0 else { return (ending, Vec::new()) };
        let mut faults = Vec::new();
        let with = |faults: &[String]| match ending {
            Ending::Code(exit::OK) if !faults.is_empty() => Ending::Code(exit::FAILED),
            ending => ending,
        };
        // First what does not tell the ending, so that what does can tell the right one.
        faults.extend(desk.joblog.as_ref().and_then(Scribe::close));
        if let Some((scribe, story)) = &desk.report {
            if let Some(story) = &*locked(story) {
                scribe.write(|text| text.extend_from_slice(story.page().as_bytes()));
            }
            faults.extend(scribe.close());
        }
        self.tell(&Happening::Closed { tally, ending: with(&faults) });
        faults.extend(desk.events.as_ref().and_then(Scribe::close));
        (with(&faults), faults)
    }
}

/// Opens a file to be written from its beginning, and leaves what is in it alone for now.
fn open(flag: &str, path: &Path) -> Result<(File, Metadata), Refusal> {
    let shown = legible::one_line(path.as_os_str().as_bytes());
    if path == Path::new("-") {
        return Err(Refusal::new(
            format!("{flag} - would mix the record with what the members print"),
            "name a file; /dev/fd/3 is a stream of your own (3>...), ./- a file of that name",
        ));
    }
    let opened = File::options().write(true).create(true).truncate(false).open(path);
    let opened = opened.and_then(|file| file.metadata().map(|what| (file, what)));
    opened.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => "does its folder exist? the path counts from the current folder",
            std::io::ErrorKind::PermissionDenied => {
                "may you write there? see ls -ld on the file and its folder"
            }
            std::io::ErrorKind::IsADirectory => "name a file in it",
            _ => "name a file that can be written",
        };
        Refusal::new(format!("{flag}: {shown} cannot be written: {error}"), hint)
    })
}
