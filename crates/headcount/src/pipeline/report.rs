//! What each stage did with its time, and which one holds the others up.

use std::fmt;
use std::iter::Sum;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::roll::Name;
use crate::wait::lock::Lock;

/// Looks at a [`Pipeline`](super::Pipeline) while it runs and afterwards, from anywhere. Cheap to clone.
///
/// From [`Pipeline::meter`](super::Pipeline::meter).
///
/// # Cost
///
/// Workers count once for each batch, not for each item.
#[derive(Clone, Default)]
pub struct Meter {
    board: Arc<Lock<Board>>,
}

#[derive(Debug, Default)]
struct Board {
    begun: Option<Instant>,
    ended: Option<Instant>,
    stages: Vec<(Name, usize, Arc<Record>)>,
}

impl Meter {
    /// How things stand: a line for each stage, from the source to the sink; none before the run has begun.
    #[must_use]
    pub fn report(&self) -> Report {
        let board = self.board.lock();
        let until = board.ended.unwrap_or_else(Instant::now);
        let elapsed = board.begun.map(|begun| until.saturating_duration_since(begun)).unwrap_or_default();
        let stages = board.stages.iter();
        let stages = stages.map(|(name, workers, record)| StageCounters {
            name: name.clone(),
            workers: *workers,
            shift: *record.0.lock(),
        });
        Report { elapsed, stages: stages.collect() }
    }

    pub(super) fn begin(&self) {
        self.board.lock().begun = Some(Instant::now());
    }

    pub(super) fn end(&self) {
        self.board.lock().ended = Some(Instant::now());
    }

    /// A line for a stage, below those that were added before.
    pub(super) fn add(&self, name: Name, workers: usize) -> Arc<Record> {
        let record = Arc::new(Record::default());
        self.board.lock().stages.push((name, workers, Arc::clone(&record)));
        record
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.report()).finish()
    }
}

/// What the workers of one stage have written down. Locked once for each batch.
#[derive(Debug, Default)]
pub(super) struct Record(Lock<Shift>);

impl Record {
    pub(super) fn add(&self, shift: Shift) {
        let mut sum = self.0.lock();
        *sum = [*sum, shift].into_iter().sum();
    }
}

/// A part of a worker's time, or all of all workers'.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shift {
    pub(super) taken: usize,
    pub(super) given: usize,
    pub(super) busy: Duration,
    pub(super) waiting: Duration,
    pub(super) blocked: Duration,
}

impl Sum for Shift {
    fn sum<I: Iterator<Item = Self>>(shifts: I) -> Self {
        shifts.fold(Self::default(), |one, two| Self {
            taken: one.taken + two.taken,
            given: one.given + two.given,
            busy: one.busy + two.busy,
            waiting: one.waiting + two.waiting,
            blocked: one.blocked + two.blocked,
        })
    }
}

/// What the workers of one stage have done, all together.
#[derive(Clone, Debug)]
pub struct StageCounters {
    name: Name,
    workers: usize,
    shift: Shift,
}

impl StageCounters {
    /// What the stage is called. The ends of a pipeline are called `source` and `sink`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// How many workers it has.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// How many items it has taken in and dealt with.
    #[must_use]
    pub fn items_in(&self) -> usize {
        self.shift.taken
    }

    /// How many items it has handed on.
    #[must_use]
    pub fn items_out(&self) -> usize {
        self.shift.given
    }

    /// How long its workers have worked. The time of the last batch is missing while it lasts, and so it is from the others.
    #[must_use]
    pub fn busy(&self) -> Duration {
        self.shift.busy
    }

    /// How long they have waited for input.
    #[must_use]
    pub fn waiting(&self) -> Duration {
        self.shift.waiting
    }

    /// How long they have been blocked because the stage below had no room for their output.
    #[must_use]
    pub fn blocked(&self) -> Duration {
        self.shift.blocked
    }

    /// The share of its time in which it worked, from 0 to 1.
    #[must_use]
    pub fn utilization(&self) -> f64 {
        self.share(self.shift.busy)
    }

    /// How long one of its workers has worked, on average.
    fn busy_each(&self) -> Duration {
        self.shift.busy / u32::try_from(self.workers.max(1)).unwrap_or(u32::MAX)
    }

    fn share(&self, part: Duration) -> f64 {
        let all = self.shift.busy + self.shift.waiting + self.shift.blocked;
        if all.is_zero() { 0.0 } else { part.as_secs_f64() / all.as_secs_f64() }
    }
}

/// What every stage of a pipeline has done so far. Printed, it says first which stage holds the others up.
///
/// ```text
/// 2.10s, "resize" holds the others up: busy for 97 % of that
///   source           10000 out   busy  3 %   waiting  0 %   blocked 97 %
///   parse ×4      10000 in    9981 out   busy 12 %   waiting  1 %   blocked 87 %
///   …
/// ```
///
/// The stages above the bottleneck are blocked on their output, those below wait for input.
#[derive(Clone, Debug)]
pub struct Report {
    elapsed: Duration,
    stages: Vec<StageCounters>,
}

impl Report {
    /// How long the pipeline has run, or ran.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The stages, from the source to the sink.
    #[must_use]
    pub fn stages(&self) -> &[StageCounters] {
        &self.stages
    }

    /// The stage of this name, the first one if there are several.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<&StageCounters> {
        self.stages.iter().find(|stage| stage.name() == name)
    }

    /// The stage each of whose workers has worked longest: more workers, or a faster one, help there and nowhere else.
    ///
    /// A stage that was done early may have been busy all its short time; that does not make it the one.
    #[must_use]
    pub fn bottleneck(&self) -> Option<&StageCounters> {
        let busy = self.stages.iter().filter(|stage| !stage.busy().is_zero());
        busy.max_by_key(|stage| stage.busy_each())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2?}", self.elapsed)?;
        if let Some(stage) = self.bottleneck() {
            let percent =
                stage.busy_each().as_secs_f64() / self.elapsed.as_secs_f64().max(f64::EPSILON) * 100.0;
            write!(f, ", {:?} holds the others up: busy for {percent:.0} % of that", stage.name())?;
        }
        let label = |stage: &StageCounters| match stage.workers {
            1 => stage.name().to_owned(),
            workers => format!("{} ×{workers}", stage.name()),
        };
        // Nothing can be padded to more than 65,535 characters.
        let width = self.stages.iter().map(|stage| label(stage).chars().count().min(200)).max().unwrap_or(0);
        for (nth, stage) in self.stages.iter().enumerate() {
            let taken = if nth == 0 { String::new() } else { format!("{} in", stage.items_in()) };
            let last = nth + 1 == self.stages.len();
            let given = if last { String::new() } else { format!("{} out", stage.items_out()) };
            let percent = |part| stage.share(part) * 100.0;
            write!(
                f,
                "\n  {:width$}  {taken:>12}  {given:>13}  busy {:3.0} %  waiting {:3.0} %  blocked {:3.0} %",
                label(stage),
                percent(stage.busy()),
                percent(stage.waiting()),
                percent(stage.blocked()),
            )?;
        }
        Ok(())
    }
}
