//! Values on their way into the order of their items.
//!
//! Whoever runs items winds their values on a spool of its own, without a lock; items come in runs of neighbours, and only
//! where a run begins is written down. When all is over the spools are unwound together, run by run, into one vector.

use std::mem;

use crate::group::panics;

/// The values of one who ran items, in the order in which they ran.
#[derive(Debug)]
pub(crate) struct Spool<T> {
    values: Vec<T>,
    /// Index of the first and how many; without the one that is being wound.
    runs: Vec<(usize, usize)>,
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
            self.runs.push((first, count));
        }
    }

    /// How many values came, kept or not.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}

/// All values in the order of their items, and whose they are: runs of indices.
pub(crate) fn unwind<T>(mut spools: Vec<Spool<T>>) -> (Vec<T>, Vec<(usize, usize)>) {
    spools.iter_mut().for_each(|spool| spool.cut(0));
    spools.retain(|spool| !spool.values.is_empty());
    if let [spool] = &mut spools[..] {
        if spool.runs.is_sorted() {
            let runs = mem::take(&mut spool.runs);
            return (mem::take(&mut spool.values), joined(runs));
        }
    }
    // Those whose runs came in their order are read from front to back. Who took over another's items may have gone back to
    // lower indices; there are few such places, and the part after each is a reel of its own.
    let mut reels = Vec::new();
    let mut runs = Vec::new();
    let mut all = 0;
    for Spool { mut values, runs: own, .. } in spools {
        all += values.len();
        let mut cuts = Vec::new();
        let mut at = 0;
        for (nth, run) in own.iter().enumerate() {
            if nth > 0 && *run < own[nth - 1] {
                cuts.push(at);
            }
            at += run.1;
            runs.push((*run, reels.len() + cuts.len()));
        }
        let tails: Vec<Vec<T>> = cuts.iter().rev().map(|&cut| values.split_off(cut)).collect();
        reels.push(values.into_iter());
        reels.extend(tails.into_iter().rev().map(Vec::into_iter));
    }
    runs.sort_unstable();
    let mut values = Vec::with_capacity(all);
    for ((_, count), reel) in &runs {
        values.extend(reels[*reel].by_ref().take(*count));
    }
    (values, joined(runs.into_iter().map(|(run, _)| run)))
}

/// The same indices in as few runs as there can be.
fn joined(runs: impl IntoIterator<Item = (usize, usize)>) -> Vec<(usize, usize)> {
    let mut joined: Vec<(usize, usize)> = Vec::new();
    for (first, count) in runs {
        match joined.last_mut() {
            Some(last) if last.0 + last.1 == first => last.1 += count,
            _ => joined.push((first, count)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::{Spool, unwind};

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
