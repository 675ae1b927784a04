//! A recorder that is told the times too: for what ran somewhere else, and was written down.
//!
//! What is told may come out of a damaged file, so every step is checked before the census hears of it: its sums would go
//! below zero. Of members only those that are out are remembered here; the rest is bounded as any recording is.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Timeline;
use super::member::{HowEnded, Nanoseconds, TimelineMember};
use super::recorder::Recorder;
use crate::Name;

/// Makes a [`Timeline`] of something that was recorded elsewhere: a batch of processes, another program's log.
///
/// It is told of each member's spawn, begin and end with the time at which that was, in the order of time. A time before the one
/// that was told last is taken for that one. The timeline's pages and figures are those of a group that was recorded here, but
/// that members have no place of launch, and run in slots instead of on threads. Its [memory](Timeline#memory) is bounded in
/// the same way.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use headcount::{HowEnded, Timeline};
///
/// let ms = Duration::from_millis;
/// let mut replay = Timeline::replay("nightly backup").limit(1);
/// replay.spawned(1, Some("etc".into()), ms(0))?;
/// replay.begun(1, Some("1"), ms(1))?;
/// replay.spawned(2, Some("home".into()), ms(1))?;
/// replay.ended(1, HowEnded::Ok, None, ms(30))?;
/// replay.begun(2, Some("1"), ms(30))?;
/// replay.ended(2, HowEnded::Failed, Some("exit code 1"), ms(50))?;
///
/// let timeline = replay.timeline();
/// assert_eq!(timeline.summary().tally().failed, 1);
/// assert_eq!(timeline.summary().lost_to_limit(), ms(29));
/// println!("{timeline}");
/// # Ok::<(), headcount::TimelineReplayError>(())
/// ```
///
/// # When not to use it
///
/// A group that runs in this program records itself: `record` of a [task](crate::task::Group::record) or
/// [thread](crate::thread::Scope::record) group.
#[derive(Debug)]
pub struct TimelineReplay {
    recorder: Arc<Recorder>,
    limit: Option<usize>,
    /// Who is out, by index.
    out: HashMap<usize, Out>,
    /// The slots that were told, each text once.
    slots: HashMap<Box<str>, Arc<str>>,
}

#[derive(Debug)]
struct Out {
    name: Option<Name>,
    spawned: Nanoseconds,
    begun: Option<(Nanoseconds, Option<Arc<str>>)>,
}

/// A [`TimelineReplay`] was told something that cannot be, given what it was told before. It is as it was before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelineReplayError {
    member: u64,
    what: &'static str,
}

impl TimelineReplayError {
    /// The number of the member that was spoken of.
    #[must_use]
    pub fn member(&self) -> u64 {
        self.member
    }
}

impl fmt::Display for TimelineReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member #{} {}", self.member, self.what)
    }
}

impl std::error::Error for TimelineReplayError {}

impl TimelineReplay {
    pub(super) fn new(title: Name) -> Self {
        Self { recorder: Recorder::told(title), limit: None, out: HashMap::new(), slots: HashMap::new() }
    }

    /// As many members could run at once.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// A member was counted out. Its number, from 1, names it in what is told later, and is its place in the timeline.
    ///
    /// # Errors
    ///
    /// If a member of this number is out, or if the number is 0.
    pub fn spawned(
        &mut self,
        member: u64,
        name: Option<Name>,
        at: Duration,
    ) -> Result<(), TimelineReplayError> {
        let wrong = |what| TimelineReplayError { member, what };
        let index = index(member).ok_or(wrong("has no number that a member can have"))?;
        if self.out.contains_key(&index) {
            return Err(wrong("was spawned, and is out already"));
        }
        let spawned = self.recorder.tell_spawned(index, name.clone(), self.limit, nanoseconds(at));
        self.out.insert(index, Out { name, spawned, begun: None });
        Ok(())
    }

    /// A member has begun, in this slot.
    ///
    /// # Errors
    ///
    /// If it is not out, or runs already.
    pub fn begun(
        &mut self,
        member: u64,
        slot: Option<&str>,
        at: Duration,
    ) -> Result<(), TimelineReplayError> {
        let wrong = |what| TimelineReplayError { member, what };
        let (index, out) = find(&mut self.out, member).ok_or(wrong("began, and is not out"))?;
        if out.begun.is_some() {
            return Err(wrong("began, and runs already"));
        }
        let slot = slot.map(|slot| {
            let known = self.slots.entry(slot.into()).or_insert_with(|| slot.into());
            Arc::clone(known)
        });
        let begun = self.recorder.tell_begun(index, slot.clone(), nanoseconds(at));
        out.begun = Some((begun, slot));
        Ok(())
    }

    /// A member that ran stopped running and queues again, to be tried once more. In the timeline it runs from its last begin.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn requeued(&mut self, member: u64, at: Duration) -> Result<(), TimelineReplayError> {
        let wrong = TimelineReplayError { member, what: "was to be tried again, and did not run" };
        let (index, out) = find(&mut self.out, member).ok_or(wrong)?;
        out.begun.take().ok_or(wrong)?;
        self.recorder.tell_requeued(index, nanoseconds(at));
        Ok(())
    }

    /// A member has ended, whether it had begun or not, and this is what it said.
    ///
    /// # Errors
    ///
    /// If it is not out.
    pub fn ended(
        &mut self,
        member: u64,
        how: HowEnded,
        why: Option<&str>,
        at: Duration,
    ) -> Result<(), TimelineReplayError> {
        let wrong = TimelineReplayError { member, what: "ended, and is not out" };
        let index = index(member).ok_or(wrong)?;
        let Out { name, spawned, begun } = self.out.remove(&index).ok_or(wrong)?;
        let (begun, slot) = begun.map_or((None, None), |(begun, slot)| (Some(begun), slot));
        let told = TimelineMember {
            index,
            name,
            place: None,
            spawned,
            begun,
            ended: None,
            why: None,
            began_on: slot.clone(),
            ended_on: slot,
            queued_for_slot: false,
            sampled: false,
        };
        self.recorder.tell_ended(told, how, why, nanoseconds(at));
        Ok(())
    }

    /// The timeline of what was told so far, and is told later.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        Timeline::new(Arc::clone(&self.recorder))
    }
}

fn index(member: u64) -> Option<usize> {
    usize::try_from(member.checked_sub(1)?).ok()
}

fn find(out: &mut HashMap<usize, Out>, member: u64) -> Option<(usize, &mut Out)> {
    let index = index(member)?;
    Some((index, out.get_mut(&index)?))
}

fn nanoseconds(at: Duration) -> Nanoseconds {
    u64::try_from(at.as_nanos()).unwrap_or(u64::MAX)
}

impl Recorder {
    /// Gives the time that counts: none goes back.
    fn tell_spawned(
        &self,
        index: usize,
        name: Option<Name>,
        limit: Option<usize>,
        at: Nanoseconds,
    ) -> Nanoseconds {
        let mut book = self.book.lock();
        let now = at.max(book.census.last);
        book.spawn(self.capacity, index, name, None, limit, now);
        now
    }

    fn tell_begun(&self, index: usize, slot: Option<Arc<str>>, at: Nanoseconds) -> Nanoseconds {
        let mut book = self.book.lock();
        let now = at.max(book.census.last);
        book.census.begun_at(now);
        if let Some(member) = book.kept(index).and_then(|slot| book.sample[slot].as_mut()) {
            (member.begun, member.began_on) = (Some(now), slot);
        }
        now
    }

    fn tell_requeued(&self, index: usize, at: Nanoseconds) {
        let mut book = self.book.lock();
        let now = at.max(book.census.last);
        book.census.requeued_at(now);
        if let Some(member) = book.kept(index).and_then(|slot| book.sample[slot].as_mut()) {
            (member.begun, member.began_on) = (None, None);
        }
    }

    /// `told` is kept if the member is not in the sample and has failed.
    fn tell_ended(&self, told: TimelineMember, how: HowEnded, why: Option<&str>, at: Nanoseconds) {
        let mut book = self.book.lock();
        let now = at.max(book.census.last);
        book.census.ended_at(now, told.begun.is_some(), how);
        let why = why.map(|why| book.text(why));
        match book.kept(told.index).and_then(|slot| book.sample[slot].as_mut()) {
            Some(member) => {
                (member.ended, member.ended_on, member.why) = (Some((now, how)), told.ended_on, why);
            }
            None if how.is_failure() => {
                book.keep_failure(TimelineMember { ended: Some((now, how)), why, ..told });
            }
            None => {}
        }
    }
}
