//! Models of a map on threads: items that two take from one source and from each other, results that are waited for,
//! and a window that closes and opens.
//!
//! Under the checker two items are pulled at a time and taken in hand one by one, and one result may be ahead.

use std::sync::Arc;

use headcount::thread::model::Map;
use loom::thread;

use crate::{Gate, Slot, check};

models! {
    /// T1: every item is begun once, whoever takes it from whom, and what it did is seen when both have left.
    each_item_is_run_once_by_one_of_two, 3 => {
        let map = Map::new(3, 2, false);
        let slots: Vec<_> = (0..3).map(|_| Slot::new()).collect();
        let (there, filled) = (map.clone(), slots.clone());
        let other = thread::spawn(move || there.work(|item| filled[item].fill()));
        map.work(|item| slots[item].fill());
        other.join().unwrap();
        assert!(slots.iter().all(|slot| slot.read() == 1));
    }

    /// T2: both items are pulled together and wait for each other, so they must run side by side.
    neighbours_run_side_by_side, 3 => {
        let map = Map::new(2, 2, false);
        let gates = Arc::new([Gate::new(), Gate::new()]);
        let work = |map: Map, gates: Arc<[Gate; 2]>| map.work(|item| {
            gates[item].open();
            gates[1 - item].pass();
        });
        let (there, theirs) = (map.clone(), Arc::clone(&gates));
        let other = thread::spawn(move || work(there, theirs));
        work(map, gates);
        other.join().unwrap();
    }

    /// The results of one who runs items, taken in order: none is left lying, and the taker sees the end. T4: the second item
    /// is begun when the first result was taken.
    results_are_taken_in_order_and_the_window_opens, 3 => {
        let map = Map::new(2, 1, true);
        let slot = Slot::new();
        let (there, filled) = (map.clone(), Arc::clone(&slot));
        let worker = thread::spawn(move || there.work(|_| filled.fill()));
        assert_eq!(map.take(true), [0, 1]);
        assert_eq!(slot.read(), 2);
        worker.join().unwrap();
    }

    /// The same as they come, from two.
    results_are_taken_from_two_as_they_come, 2 => {
        let map = Map::new(2, 2, true);
        let there = map.clone();
        let one = thread::spawn(move || there.work(|_| ()));
        let there = map.clone();
        let two = thread::spawn(move || there.work(|_| ()));
        let mut taken = map.take(false);
        taken.sort_unstable();
        assert_eq!(taken, [0, 1]);
        one.join().unwrap();
        two.join().unwrap();
    }
}
