//! Values on their way into the order of their items.
//!
//! Whoever runs items winds their values on a spool of its own, without a lock; items come in runs of neighbours, and only
//! where a run begins is written down. When all is over, or now and then, the spools are emptied together onto a [`Reel`], run
//! by run.

use std::mem;

use super::reel::Reel;
use crate::group::panics;

/// Items that are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    pub(crate) first: usize,
    pub(crate) count: usize,
}

/// The values of one who ran items, in the order in which they ran.
#[derive(Debug)]
pub(crate) struct Spool<T> {
    values: Vec<T>,
    /// Without the one that is being wound.
    runs: Vec<Run>,
    /// The run being wound: the index of its first, and where in `values` it stands.
    open: (usize, usize),
    /// Whether values are kept. If not they are dropped as they come, and only counted.
    keeps: bool,
    /// How many came.
    count: u64,
}

impl<T> Spool<T> {
    pub(crate) fn new(keeps: bool) -> Self {
        Self { values: Vec::new(), runs: Vec::new(), open: (0, 0), keeps, count: 0 }
    }

    /// For `count` values that went elsewhere.
    pub(crate) fn of_none(count: u64) -> Self {
        Self { count, ..Self::new(false) }
    }

    /// The value of the item `index`.
    #[inline]
    pub(crate) fn wind(&mut self, index: usize, value: T) {
        self.count += 1;
        if !self.keeps {
            // What panics in its end is of no interest, and must not be taken for its item's panic.
            if mem::needs_drop::<T>() {
                panics::drop_quietly(value);
            }
            return;
        }
        if index != self.open.0 + (self.values.len() - self.open.1) {
            self.cut(index);
        }
        self.values.push(value);
    }

    /// Ends the run, and begins one at `index`.
    #[cold]
    fn cut(&mut self, index: usize) {
        let (first, from) = mem::replace(&mut self.open, (index, self.values.len()));
        let count = self.values.len() - from;
        if count > 0 {
            self.runs.push(Run { first, count });
        }
    }

    /// Whether it is time to empty it before the value of `index` comes: a run is over, and there are so many that it is worth
    /// it.
    #[inline]
    pub(crate) fn is_full(&self, index: usize) -> bool {
        /// A spool with fewer is not worth it.
        const WORTH: usize = 256;
        self.values.len() >= WORTH && index != self.open.0 + (self.values.len() - self.open.1)
    }

    /// What is on it, to be taken: values, runs, and how many came.
    pub(super) fn parts(&mut self) -> (&mut Vec<T>, &mut Vec<Run>, u64) {
        self.cut(0);
        self.open = (0, 0);
        (&mut self.values, &mut self.runs, mem::take(&mut self.count))
    }

    /// One that has been wound in order.
    pub(super) fn of(values: Vec<T>, runs: Vec<Run>, count: u64) -> Self {
        let open = (0, values.len());
        Self { values, runs, open, keeps: true, count }
    }

    /// How many values came, kept or not.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}

/// All values in the order of their items, and whose they are: index of the first and how many.
pub(crate) fn unwind<T>(spools: Vec<Spool<T>>) -> (Vec<T>, Vec<(usize, usize)>) {
    let mut reel = Reel::new(0);
    for mut spool in spools {
        reel.take(&mut spool);
    }
    let Spool { values, runs, .. } = reel.finish();
    (values, runs.into_iter().map(|run| (run.first, run.count)).collect())
}

#[cfg(test)]
mod tests {
    use super::{Reel, Spool, unwind};

    #[test]
    fn a_reel_that_is_wound_now_and_then_has_all_in_order() {
        for often in [1, 2, 5, 100] {
            let mut reel = Reel::new(10);
            let mut spools = [spool(&[]), spool(&[]), spool(&[])];
            // Who is next, and with which run.
            for (who, first) in [(1, 3), (0, 0), (2, 12), (2, 6), (1, 15), (0, 9), (1, 18)] {
                for index in first..first + 3 {
                    spools[who].wind(index, index.to_string());
                    if index % often == 0 {
                        reel.take(&mut spools[who]);
                    }
                }
            }
            spools.iter_mut().for_each(|spool| reel.take(spool));
            let spool = reel.finish();
            assert_eq!(spool.count(), 21);
            let (values, runs) = unwind(vec![spool]);
            assert!(values.into_iter().eq((0..21).map(|n| n.to_string())), "every {often}");
            assert_eq!(runs, [(0, 21)]);
        }
    }

    fn spool(indices: &[usize]) -> Spool<String> {
        let mut spool = Spool::new(true);
        indices.iter().for_each(|&index| spool.wind(index, index.to_string()));
        spool
    }

    fn unwound(spools: &[&[usize]]) -> (Vec<String>, Vec<(usize, usize)>) {
        unwind(spools.iter().map(|indices| spool(indices)).collect())
    }

    #[test]
    fn values_come_out_in_the_order_of_their_items_however_they_were_wound() {
        let all: Vec<String> = (0..9).map(|n| n.to_string()).collect();
        for spools in [
            &[&[0, 1, 2, 3, 4, 5, 6, 7, 8][..]][..],
            &[&[4, 5, 6, 7, 8, 0, 1, 2, 3]],
            &[&[0, 1, 4, 5], &[2, 3, 8], &[6, 7], &[]],
            &[&[8, 7, 6, 5, 4, 3, 2, 1, 0]],
            &[&[6, 2, 4, 0], &[7, 8, 1, 3, 5]],
        ] {
            assert_eq!(unwound(spools), (all.clone(), vec![(0, 9)]), "{spools:?}");
        }
    }

    #[test]
    fn whose_values_they_are_is_told_in_runs() {
        assert_eq!(unwound(&[&[5, 6], &[1, 2, 9]]).1, [(1, 2), (5, 2), (9, 1)]);
        assert_eq!(unwound(&[&[], &[]]), (vec![], vec![]));
    }

    #[test]
    fn values_that_are_not_kept_are_counted() {
        let mut spool = Spool::new(false);
        (0..5).for_each(|index| spool.wind(index, String::from("gone")));
        assert_eq!(spool.count(), 5);
        assert_eq!(unwind(vec![spool]), (vec![], vec![]));
    }
}
