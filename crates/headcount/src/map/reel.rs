//! Values of several spools, put in the order of their items.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::vec::IntoIter;

use super::spool::{Run, Spool};

/// The values of all, as far as none is missing, and those that wait for others.
///
/// Spools may be emptied onto it at any time. If that is done often the values are moved while they are in the processor's
/// cache, and little is left for the end.
#[derive(Debug)]
pub(crate) struct Reel<T> {
    values: Vec<T>,
    /// Whose they are, in as few runs as there can be.
    runs: Vec<Run>,
    /// What is left of spools, by the index of the first.
    waiting: BTreeMap<usize, Wound<T>>,
    count: u64,
}

/// A spool's values, and its runs, the lowest first.
#[derive(Debug)]
struct Wound<T> {
    values: IntoIter<T>,
    runs: VecDeque<Run>,
}

impl<T> Reel<T> {
    /// An empty one, with room for as many values as are expected, as far as that is cheap.
    ///
    /// Room that is made by a thread which then ends is not kept by the allocator for the next map; so it is made by whoever
    /// calls this.
    pub(crate) fn new(expected: usize) -> Self {
        /// In bytes. Whoever says that there will be more has to bring them first.
        const CHEAP: usize = 32 << 20;
        let values = Vec::with_capacity(expected.min(CHEAP / size_of::<T>().max(1)));
        Self { values, runs: Vec::new(), waiting: BTreeMap::new(), count: 0 }
    }

    /// Takes all that is on `spool`, which may go on at any index.
    pub(crate) fn take(&mut self, spool: &mut Spool<T>) {
        let (values, runs, count) = spool.parts();
        self.count += count;
        match runs[..] {
            [] => {}
            // By far the most frequent way, if it is taken often. The spool keeps its memory.
            [run] if run.first == self.next() => {
                if self.values.capacity() == 0 {
                    self.values = mem::take(values);
                } else {
                    self.values.append(values);
                }
                runs.clear();
                self.ran(run);
            }
            _ => self.part(mem::take(values), mem::take(runs)),
        }
        while let Some(wound) = self.waiting.remove(&self.next()) {
            self.unwind(wound);
        }
    }

    /// Lets the values of a spool wait: all together, if it was wound upwards.
    fn part(&mut self, mut values: Vec<T>, runs: Vec<Run>) {
        // Whoever took over another's items may have gone down; there are few such places.
        let mut ends = values.len();
        let mut runs = VecDeque::from(runs);
        while !runs.is_empty() {
            let up = (1..runs.len()).rev().find(|&at| runs[at].first < runs[at - 1].first).unwrap_or(0);
            let top = runs.split_off(up);
            let first = top[0].first;
            ends -= top.iter().map(|run| run.count).sum::<usize>();
            let values = values.split_off(ends).into_iter();
            self.waiting.insert(first, Wound { values, runs: top });
        }
    }

    /// Winds the first run of `wound`, and lets the rest wait again.
    fn unwind(&mut self, mut wound: Wound<T>) {
        let Some(run) = wound.runs.pop_front() else { return };
        self.values.extend(wound.values.by_ref().take(run.count));
        self.ran(run);
        if let Some(next) = wound.runs.front() {
            self.waiting.insert(next.first, wound);
        }
    }

    fn ran(&mut self, run: Run) {
        match self.runs.last_mut() {
            Some(last) if last.first + last.count == run.first => last.count += run.count,
            _ => self.runs.push(run),
        }
    }

    /// The index after the last, if none is missing.
    fn next(&self) -> usize {
        self.runs.last().map_or(0, |last| last.first + last.count)
    }

    /// All of them as one spool, in order, whatever is missing.
    pub(crate) fn finish(mut self) -> Spool<T> {
        while let Some((_, wound)) = self.waiting.pop_first() {
            self.unwind(wound);
        }
        Spool::of(self.values, self.runs, self.count)
    }
}
