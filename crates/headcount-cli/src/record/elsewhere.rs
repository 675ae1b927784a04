//! Members that ran on other machines, put where they were in time.
//!
//! Ends are heard of late, and many at once; but each worker says by its own clock when an attempt ended, and how long it took.
//! Of all that was heard of a worker, what was heard soonest says how its clock stands to ours: at the most by the time that the
//! quickest word took. By that its members are put in their places when the page is made, and not before, since the best word may be
//! the last. So everybody is remembered until then.

use std::collections::HashMap;
use std::time::Duration;

use super::story::Story;
use crate::ledger::End;

/// When an attempt ended by the clock of the worker that ran it, which began when that worker did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct There<'a> {
    pub(crate) worker: &'a str,
    pub(crate) at: Duration,
}

/// See the room's text.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    members: HashMap<u64, Member>,
    /// In seconds: what is added to a worker's time to get ours, and perhaps a little more.
    clocks: HashMap<Box<str>, f64>,
    stops: Vec<(Duration, String)>,
}

#[derive(Debug)]
struct Member {
    input: Box<str>,
    registered: Duration,
    /// The slot and when it was heard of: of the last attempt.
    begun: Option<(usize, Duration)>,
    /// How long that took, and how it ended.
    took: Duration,
    how: Box<str>,
    there: Option<(Box<str>, Duration)>,
    ended: Option<(End, Duration)>,
}

/// What happened to a member, in the order in which it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Registered,
    Begun,
    Ended,
}

impl Elsewhere {
    pub(super) fn registered(&mut self, member: u64, input: &str, at: Duration) {
        let fresh = Member {
            input: input.into(),
            registered: at,
            begun: None,
            took: Duration::ZERO,
            how: Box::default(),
            there: None,
            ended: None,
        };
        self.members.insert(member, fresh);
    }

    pub(super) fn started(&mut self, member: u64, slot: usize, at: Duration) {
        if let Some(member) = self.members.get_mut(&member) {
            member.begun = Some((slot, at));
        }
    }

    pub(super) fn attempt_ended(
        &mut self,
        member: u64,
        how: &str,
        took: Duration,
        there: Option<There<'_>>,
        at: Duration,
    ) {
        let Some(member) = self.members.get_mut(&member) else { return };
        (member.how, member.took) = (how.into(), took);
        if let Some(There { worker, at: then }) = there {
            let late = at.as_secs_f64() - then.as_secs_f64();
            let clock = self.clocks.entry(worker.into()).or_insert(late);
            *clock = clock.min(late);
            member.there = Some((worker.into(), then));
        }
    }

    pub(super) fn ended(&mut self, member: u64, end: End, at: Duration) {
        if let Some(member) = self.members.get_mut(&member) {
            member.ended = Some((end, at));
        }
    }

    pub(super) fn stopping(&mut self, why: &str, at: Duration) {
        self.stops.push((at, why.to_owned()));
    }

    /// When the last attempt of a member began and ended, if it had one.
    fn times(&self, member: &Member) -> Option<(Duration, Duration)> {
        let (_, heard) = member.begun?;
        let ended = member.there.as_ref().and_then(|(worker, then)| {
            let ours = then.as_secs_f64() + self.clocks.get(worker)?;
            Duration::try_from_secs_f64(ours).ok()
        });
        // Never before it was there, nor after it was heard of.
        let ended = ended.unwrap_or(heard).clamp(member.registered, heard.max(member.registered));
        Some((ended.saturating_sub(member.took).max(member.registered), ended))
    }

    /// Tells it all in the order of time.
    pub(super) fn tell(&self, story: &mut Story) {
        let mut steps = Vec::new();
        for (&number, member) in &self.members {
            steps.push((member.registered, number, Step::Registered));
            let times = self.times(member);
            steps.extend(times.map(|(began, _)| (began, number, Step::Begun)));
            steps.extend(
                member.ended.map(|(_, heard)| (times.map_or(heard, |(_, at)| at), number, Step::Ended)),
            );
        }
        steps.sort_unstable();
        for (at, number, step) in steps {
            let member = &self.members[&number];
            let told = match step {
                Step::Registered => story.registered(number, &member.input, at),
                Step::Begun => story.started(number, member.begun.map_or(1, |(slot, _)| slot), at),
                Step::Ended => {
                    let end = member.ended.map_or(End::Lost, |(end, _)| end);
                    let last = member.begun.map_or(Ok(()), |_| {
                        story.attempt_ended(number, &member.how, false, member.took, None, at)
                    });
                    last.and_then(|()| story.ended(number, end, at))
                }
            };
            debug_assert!(told.is_ok(), "each was told of before in this order: {told:?}");
        }
        self.stops.iter().for_each(|(at, why)| story.stopping(why, *at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_put_where_they_were_by_the_clocks_of_their_workers() {
        let s = Duration::from_secs;
        let mut story = Elsewhere::default();
        let there = |at| Some(There { worker: "w", at: s(at) });
        for member in 1..=3 {
            story.registered(member, "x", s(1));
            story.started(member, 1, s(100));
        }
        // That clock is 1000 ahead of ours, and the third was heard of at once.
        story.attempt_ended(1, "", s(10), there(1010), s(100));
        story.attempt_ended(2, "", s(30), there(1040), s(100));
        story.attempt_ended(3, "", s(60), there(1100), s(100));
        let times = |member| story.times(&story.members[&member]).expect("it ran");
        assert_eq!(times(1), (s(1), s(10)), "it did not begin before it was there");
        assert_eq!(times(2), (s(10), s(40)));
        assert_eq!(times(3), (s(40), s(100)));
        // Of who was stopped only that is known.
        story.registered(4, "x", s(1));
        story.started(4, 2, s(50));
        story.attempt_ended(4, "stopped", Duration::ZERO, None, s(50));
        assert_eq!(story.times(&story.members[&4]), Some((s(50), s(50))));
    }
}
