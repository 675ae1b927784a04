//! Argument lists given on the command line: every combination of one argument a list, the last list
//! turning fastest.

use super::{Columns, InputError, Source};

/// All combinations of some lists. A list that is empty leaves no combination.
#[derive(Debug, Clone)]
pub struct Product {
    lists: Vec<Vec<Vec<u8>>>,
    /// The combination that comes next, as a place in each list; nothing after the last.
    next: Option<Vec<usize>>,
}

impl Product {
    /// The product of these lists.
    #[must_use]
    pub fn new(lists: Vec<Vec<Vec<u8>>>) -> Self {
        let possible = !lists.is_empty() && lists.iter().all(|list| !list.is_empty());
        let next = possible.then(|| vec![0; lists.len()]);
        Self { lists, next }
    }

    /// How many lists there are, which is how many columns each input has.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.lists.len()
    }
}

impl Source for Product {
    fn next(&mut self) -> Result<Option<Columns>, InputError> {
        let Some(places) = &mut self.next else { return Ok(None) };
        let columns =
            self.lists.iter().zip(places.iter()).map(|(list, &place)| list[place].clone()).collect();
        // Count up by one, as an odometer does.
        let turned = places.iter_mut().zip(&self.lists).rev().any(|(place, list)| {
            *place = (*place + 1) % list.len();
            *place != 0
        });
        if !turned {
            self.next = None;
        }
        Ok(Some(columns))
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn total(&self) -> Option<u64> {
        let mut lengths = self.lists.iter().map(|list| list.len() as u64);
        if self.lists.is_empty() { Some(0) } else { lengths.try_fold(1_u64, |all, n| all.checked_mul(n)) }
    }
}
