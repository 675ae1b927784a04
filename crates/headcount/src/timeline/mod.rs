//! Timelines: what the members of a recorded group did and when, as a summary, a page and a trace.
//!
//! The recorder is told what happens and never steers; it knows nothing of groups. They tell it of each member's launch, begin
//! and end, in `group/recorded.rs`; one that is not recorded has none, and looks for it in one place each.
//!
//! | file | idea |
//! |---|---|
//! | `recorder` | what is kept, and how its memory is bounded |
//! | `replay` | the same, told of what was recorded elsewhere |
//! | `member` | what is known of one member |
//! | `summary` | the figures, and the critical path |
//! | `chart`, `lanes` | members as bars, in as few lanes as there can be |
//! | `chrome`, `json` | the trace |
//! | `page` | the page: `page.html`, `page.css`, `page.js` |

mod chart;
mod chrome;
mod json;
mod lanes;
mod member;
mod page;
mod recorder;
mod replay;
mod summary;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use self::chart::Chart;
pub use self::member::{HowEnded, TimelineMember};
pub(crate) use self::recorder::{Recorder, Who};
pub use self::replay::{TimelineReplay, TimelineReplayError};
pub use self::summary::TimelineSummary;

/// What the members of a recorded group did and when: a summary for the terminal, a page to look at, a trace for other tools.
///
/// A group is recorded that was made with `record` ([task](crate::task::Group::record), [thread](crate::thread::Scope::record)),
/// and so are the items of a map ([task](crate::task::Map::record), [thread](crate::thread::Map::record)), the jobs of a
/// [crew](crate::Crew::record), the workers of a [pipeline](crate::Pipeline::record), and the members of a
/// [scope of tasks](crate::task::Scope::record). Its timeline can be asked for at any time, also while it runs, and outlives it. Cheap to clone.
///
/// # Examples
///
/// ```
/// use headcount::{Context, thread};
///
/// let scope = thread::Scope::new(&Context::background()).limit(2).named("words").record();
/// let timeline = scope.timeline().expect("it is recorded");
/// let lengths = scope.run(|group| {
///     for word in ["one", "three", "seven"] {
///         group.spawn_named(word, move |_| headcount::ok(word.len()));
///     }
/// })?;
/// assert_eq!(lengths, [3, 5, 5]);
///
/// println!("{timeline}"); // how long, how many at once, who was slow, what the limit cost
/// assert_eq!(timeline.summary().tally().succeeded, 3);
/// let mut page = Vec::new();
/// timeline.write_html(&mut page)?; // one file, to be opened in a browser
/// let trace = timeline.to_chrome_json(); // for chrome://tracing or Perfetto
/// assert!(trace.contains("\"name\":\"seven\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Memory
///
/// It is bounded. The first 100,000 members are kept, all of them. When there are more, every second one is forgotten, then every
/// second of the rest, and so on: what is left is every 2nd, 4th, 8th … member in the order of spawning, between 50,000 and
/// 100,000 of them, whatever they did. The first 1,000 that fail are kept besides. The figures of the summary (counts, times,
/// concurrency) are of all members, always. A member that is kept takes about 200 bytes, and what its name and its error take.
///
/// # Cost
///
/// Nothing to speak of for a group that is not recorded. One that is takes a lock and reads the clock three times a member.
///
/// # When not to use it
///
/// To see who is out right now a roll call is enough, and always there. For the path of one request through several services,
/// use `tracing`.
#[derive(Clone)]
pub struct Timeline {
    recorder: Arc<Recorder>,
}

impl Timeline {
    pub(crate) fn new(recorder: Arc<Recorder>) -> Self {
        Self { recorder }
    }

    /// A timeline of something that was recorded elsewhere: told event by event, with its times. See [`TimelineReplay`].
    pub fn replay(title: impl Into<crate::Name>) -> TimelineReplay {
        TimelineReplay::new(title.into())
    }

    /// The figures so far; printed, they are the summary.
    #[must_use]
    pub fn summary(&self) -> TimelineSummary {
        TimelineSummary::of(&self.recorder.snapshot())
    }

    /// The members that are [kept](Self#memory), in the order of spawning.
    #[must_use]
    pub fn members(&self) -> Vec<TimelineMember> {
        self.recorder.snapshot().members
    }

    /// The timeline as trace events, in the JSON that Chrome's and Perfetto's viewers open.
    #[must_use]
    pub fn to_chrome_json(&self) -> String {
        text(|to| self.write_chrome_json(to))
    }

    /// Writes the same to a file, or anything else. Give it a buffered writer.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn write_chrome_json(&self, mut to: impl Write) -> io::Result<()> {
        chrome::write(&Chart::new(&self.recorder.snapshot()), &mut to)
    }

    /// The timeline as a page: one HTML file that loads nothing from outside, with every member in a chart that can be
    /// zoomed, searched, and used by mouse, touch and keyboard.
    #[must_use]
    pub fn to_html(&self) -> String {
        text(|to| self.write_html(to))
    }

    /// Writes the same to a file, or anything else. Give it a buffered writer.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn write_html(&self, mut to: impl Write) -> io::Result<()> {
        let snapshot = self.recorder.snapshot();
        page::write(&Chart::new(&snapshot), &TimelineSummary::of(&snapshot), &mut to)
    }
}

/// What is written, as a string.
fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    let written = write(&mut bytes);
    debug_assert!(written.is_ok(), "memory does not fail");
    // Nothing but strings was written.
    String::from_utf8(bytes).unwrap_or_default()
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.summary().fmt(f)
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = self.summary();
        f.debug_struct("Timeline")
            .field("spawned", &summary.spawned())
            .field("outstanding", &summary.outstanding())
            .finish_non_exhaustive()
    }
}
