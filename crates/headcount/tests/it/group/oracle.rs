//! The naive twin of every policy: plain loops over the whole story, told after the fact.

use headcount::Verdict;

/// One member's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Value,
    Fork,
    Failed,
    /// With an error that wraps the cancellation of somebody else.
    PassedOn,
    /// With an error that wraps its own deadline.
    TooLate,
    Panicked,
    Cancelled,
    Aborted,
    ByHand,
}

/// What happened, in order: who ended how. From `cancelled` on the group was cancelled.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) ends: Vec<(usize, End)>,
    pub(super) cancelled: usize,
}

/// Why a group's answer is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blame {
    pub(super) root: Root,
    /// The other members that failed.
    pub(super) others: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Member(usize),
    Cancelled,
    TooFew,
}

/// What `CollectAll` says of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Value(usize),
    Failed,
    Panicked,
    Cancelled,
    Aborted,
}

impl Story {
    /// What becomes of the `at`th end when the group has looked at it.
    fn said(&self, at: usize) -> Option<Said> {
        let (index, end) = self.ends[at];
        Some(match end {
            End::Fork => return None,
            End::Value => Said::Value(index),
            End::PassedOn if at >= self.cancelled => Said::Cancelled,
            End::Failed | End::TooLate | End::PassedOn => Said::Failed,
            End::Panicked => Said::Panicked,
            End::Cancelled | End::ByHand => Said::Cancelled,
            End::Aborted => Said::Aborted,
        })
    }

    fn failed(&self, at: usize) -> bool {
        matches!(self.said(at), Some(Said::Failed | Said::Panicked))
    }

    fn stopped(&self, at: usize) -> bool {
        self.ends[at].1 != End::ByHand && matches!(self.said(at), Some(Said::Cancelled | Said::Aborted))
    }

    /// Who failed, in order.
    fn failures(&self) -> Vec<usize> {
        (0..self.ends.len()).filter(|&at| self.failed(at)).map(|at| self.ends[at].0).collect()
    }

    /// Who succeeded, in order.
    fn successes(&self) -> Vec<usize> {
        self.ends.iter().filter(|(_, end)| *end == End::Value).map(|(index, _)| *index).collect()
    }

    fn any_stopped(&self) -> bool {
        (0..self.ends.len()).any(|at| self.stopped(at))
    }

    /// The cancellation that is to blame, if any, or else the member that was stopped without one.
    fn cancellation(&self) -> Root {
        let first = (0..self.ends.len()).find(|&at| self.stopped(at));
        match first {
            None => Root::TooFew,
            Some(at) if self.cancelled > self.ends.len() && self.said(at) == Some(Said::Aborted) => {
                Root::Member(self.ends[at].0)
            }
            Some(_) => Root::Cancelled,
        }
    }

    fn blame(&self) -> Blame {
        let failures = self.failures();
        match failures.split_first() {
            Some((first, others)) => Blame { root: Root::Member(*first), others: others.to_vec() },
            None => Blame { root: self.cancellation(), others: Vec::new() },
        }
    }

    /// The verdict after each end, if the group is over once `enough` of the ends so far.
    fn verdicts(&self, enough: impl Fn(&Self, usize) -> bool) -> Vec<Verdict> {
        (1..=self.ends.len())
            .map(|so_far| {
                let over = (1..=so_far).any(|so_far| enough(self, so_far));
                if over { Verdict::Finish } else { Verdict::Continue }
            })
            .collect()
    }

    pub(super) fn fail_fast(&self) -> (Vec<Verdict>, Result<Vec<usize>, Blame>) {
        let verdicts = self.verdicts(|story, so_far| (0..so_far).any(|at| story.failed(at)));
        let fine = self.failures().is_empty() && !self.any_stopped();
        (verdicts, if fine { Ok(sorted(self.successes())) } else { Err(self.blame()) })
    }

    pub(super) fn collect_all(&self) -> (Vec<Verdict>, Vec<Said>) {
        let mut all: Vec<_> =
            (0..self.ends.len()).filter_map(|at| Some((self.ends[at].0, self.said(at)?))).collect();
        all.sort_by_key(|(index, _)| *index);
        (self.verdicts(|_, _| false), all.into_iter().map(|(_, said)| said).collect())
    }

    pub(super) fn first_ok(&self) -> (Vec<Verdict>, Result<usize, Blame>) {
        let verdicts = self.verdicts(|story, so_far| story.ends[so_far - 1].1 == End::Value);
        (verdicts, self.successes().first().copied().ok_or_else(|| self.blame()))
    }

    pub(super) fn quorum(&self, needed: usize) -> (Vec<Verdict>, Result<Vec<usize>, Blame>) {
        // None needed is enough from the start, but a policy speaks only when somebody ends.
        let verdicts = self.verdicts(|story, so_far| {
            let values = story.ends[..so_far].iter().filter(|(_, end)| *end == End::Value).count();
            values >= needed
        });
        let mut first = self.successes();
        if first.len() < needed {
            return (verdicts, Err(self.blame()));
        }
        first.truncate(needed);
        (verdicts, Ok(sorted(first)))
    }

    /// The failures that were allowed are told by who failed.
    #[expect(clippy::type_complexity, reason = "it is the policy's answer, beside its verdicts")]
    pub(super) fn error_budget(&self, allowed: usize) -> (Vec<Verdict>, Result<(Vec<usize>, usize), Blame>) {
        let verdicts = self.verdicts(|story, so_far| {
            let failures = (0..so_far).filter(|&at| story.failed(at)).count();
            failures > allowed
        });
        let failures = self.failures();
        let answer = if failures.len() > allowed {
            Err(self.blame())
        } else if self.any_stopped() {
            Err(Blame { root: self.cancellation(), others: failures })
        } else {
            Ok((sorted(self.successes()), failures.len()))
        };
        (verdicts, answer)
    }

    /// Succeeded, failed, panicked, cancelled, aborted.
    pub(super) fn tally(&self) -> [u64; 5] {
        let mut tally = [0; 5];
        for at in 0..self.ends.len() {
            tally[match self.said(at) {
                None | Some(Said::Value(_)) => 0,
                Some(Said::Failed) => 1,
                Some(Said::Panicked) => 2,
                Some(Said::Cancelled) => 3,
                Some(Said::Aborted) => 4,
            }] += 1;
        }
        tally
    }

    pub(super) fn continues(&self) -> Vec<Verdict> {
        self.verdicts(|_, _| false)
    }
}

fn sorted(mut indices: Vec<usize>) -> Vec<usize> {
    indices.sort_unstable();
    indices
}
