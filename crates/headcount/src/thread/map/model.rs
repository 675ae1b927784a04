//! A map's supply and shelves, as the model checker's suite sees them: it brings the threads.

use std::sync::Arc;

use super::gate::Gate;
use super::hands::Sink;
use super::results::{Shelves, Taker};
use super::supply::{Claim, Supply};

/// A map over the numbers below some end, whose items are run by who calls [`work`](Self::work).
#[derive(Clone)]
pub struct Map {
    supply: Arc<Supply<std::ops::Range<usize>>>,
    shelves: Arc<Shelves<usize>>,
}

impl Map {
    /// For so many who run items, who are all there from the beginning. `taken` if results are taken one by one.
    pub fn new(end: usize, workers: usize, taken: bool) -> Self {
        let gate = taken.then(Arc::<Gate>::default);
        let supply = Arc::new(Supply::new(0..end, workers, gate));
        // The first is counted already.
        (1..workers).for_each(|_| supply.expect_one());
        Self { supply, shelves: Arc::new(Shelves::new()) }
    }

    /// Runs items until there are none left: gives each to `item`.
    pub fn work(&self, mut item: impl FnMut(usize)) {
        let mut own = self.shelves.open();
        let mut hand = self.supply.join();
        while let Claim::Items { start } = self.supply.claim(&mut hand, || false) {
            if start {
                // There are no more threads in this model.
                self.supply.cannot_come();
            }
            while hand.items.pop().is_some() {
                let index = hand.next;
                hand.next += 1;
                item(index);
                self.shelves.put(&mut own, index, index);
            }
            self.shelves.flush(&mut own);
        }
        self.shelves.close(own);
        if self.supply.leave(hand) {
            self.shelves.over();
        }
    }

    /// Takes all results, one by one.
    pub fn take(&self, ordered: bool) -> Vec<usize> {
        let mut taker = Taker::new(&self.shelves, &self.supply, ordered);
        std::iter::from_fn(|| taker.next()).collect()
    }
}

impl std::fmt::Debug for Map {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Map").field("shelves", &self.shelves).finish_non_exhaustive()
    }
}
