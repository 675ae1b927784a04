//! The seats of a parent's children: taking one and leaving it are constant work, and memory follows the number taken.

/// A list with numbered places.
#[derive(Debug)]
pub(super) struct Seats<T> {
    seats: Vec<Option<T>>,
    /// Numbers of seats that were left. Numbers beyond the last seat are stale: the list was cut behind them.
    free: Vec<usize>,
    taken: usize,
}

/// Below this many seats memory is not worth giving back.
const SMALL: usize = 32;

impl<T> Default for Seats<T> {
    fn default() -> Self {
        Self { seats: Vec::new(), free: Vec::new(), taken: 0 }
    }
}

impl<T> Seats<T> {
    /// Takes a seat for `who`; its number.
    pub(super) fn take(&mut self, who: T) -> usize {
        self.taken += 1;
        while let Some(seat) = self.free.pop() {
            if let Some(empty @ None) = self.seats.get_mut(seat) {
                *empty = Some(who);
                return seat;
            }
        }
        self.seats.push(Some(who));
        self.seats.len() - 1
    }

    /// Leaves a seat.
    pub(super) fn leave(&mut self, seat: usize) -> Option<T> {
        let who = self.seats.get_mut(seat)?.take()?;
        self.taken -= 1;
        if seat + 1 == self.seats.len() {
            // Cut all empty seats at the end: each was added once, so this is constant work on the average.
            while self.seats.last().is_some_and(Option::is_none) {
                self.seats.pop();
            }
        } else {
            self.free.push(seat);
        }
        self.shrink();
        Some(who)
    }

    fn shrink(&mut self) {
        let needed = self.seats.len();
        if needed == 0 {
            self.free.clear();
        }
        if self.seats.capacity() > SMALL.max(4 * needed) {
            self.seats.shrink_to(SMALL.max(2 * needed));
        }
        if self.free.capacity() > SMALL.max(4 * needed) {
            self.free.retain(|&seat| seat < needed);
            self.free.shrink_to(SMALL.max(2 * needed));
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.seats.iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::{SMALL, Seats};

    #[test]
    fn a_seat_left_is_taken_again() {
        let mut seats = Seats::default();
        let numbers: Vec<_> = (0..5).map(|who| seats.take(who)).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
        assert_eq!(seats.leave(1), Some(1));
        assert_eq!(seats.leave(1), None, "left already");
        assert_eq!(seats.take(9), 1);
        assert_eq!(seats.iter().copied().collect::<Vec<_>>(), [0, 9, 2, 3, 4]);
    }

    #[test]
    fn memory_follows_the_number_taken_in_any_order_of_leaving() {
        for order in 0..3 {
            let mut seats = Seats::default();
            let mut numbers: Vec<_> = (0..100_000).map(|who| seats.take(who)).collect();
            match order {
                0 => {}
                1 => numbers.reverse(),
                _ => numbers.sort_by_key(|number| number % 7),
            }
            for number in numbers {
                assert!(seats.leave(number).is_some());
            }
            assert_eq!(seats.len(), 0);
            assert!(seats.seats.capacity() <= SMALL && seats.free.capacity() <= SMALL);
        }
    }

    #[test]
    fn stale_numbers_are_not_given_out() {
        let mut seats = Seats::default();
        let numbers: Vec<_> = (0..10).map(|who| seats.take(who)).collect();
        // Left from the front: their numbers are remembered. Then the end: the list is cut to nothing.
        numbers.into_iter().for_each(|number| assert!(seats.leave(number).is_some()));
        assert_eq!((0..10).map(|who| seats.take(who)).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        assert_eq!(seats.iter().count(), 10);
    }
}
