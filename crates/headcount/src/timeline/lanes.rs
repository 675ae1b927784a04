//! Spans laid out in lanes: so few that no two in a lane overlap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::member::Nanoseconds;

/// When a member began and when it ended.
pub(super) type Span = (Nanoseconds, Nanoseconds);

/// A lane for each span, counted from zero: the lowest in which it touches nobody who is still there. Who begins when another
/// ends may follow in the same lane.
///
/// There are no more lanes than spans that overlap at one moment, which is the fewest there can be.
pub(super) fn pack(spans: &[Span]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_unstable_by_key(|at| (spans[*at], *at));
    let mut lanes = vec![0; spans.len()];
    // By when they are free again; and those that are free, the lowest first.
    let mut taken: BinaryHeap<Reverse<(Nanoseconds, usize)>> = BinaryHeap::new();
    let mut free: BinaryHeap<Reverse<usize>> = BinaryHeap::new();
    let mut opened = 0;
    for at in order {
        let (begin, end) = spans[at];
        while let Some(lane) = leave(&mut taken, begin) {
            free.push(Reverse(lane));
        }
        let lane = free.pop().map_or_else(
            || {
                opened += 1;
                opened - 1
            },
            |Reverse(lane)| lane,
        );
        lanes[at] = lane;
        taken.push(Reverse((end, lane)));
    }
    lanes
}

/// The lane of one who has left by `now`, if there is one.
fn leave(taken: &mut BinaryHeap<Reverse<(Nanoseconds, usize)>>, now: Nanoseconds) -> Option<usize> {
    let Reverse((end, _)) = taken.peek()?;
    if *end > now {
        return None;
    }
    taken.pop().map(|Reverse((_, lane))| lane)
}

/// How many spans there are, at each moment at which that changes, in order.
pub(super) fn concurrency(spans: &[Span]) -> Vec<(Nanoseconds, usize)> {
    let mut changes: Vec<(Nanoseconds, i64)> =
        spans.iter().flat_map(|(begin, end)| [(*begin, 1), (*end, -1)]).collect();
    // Ends before begins: who follows another does not overlap it.
    changes.sort_unstable();
    let mut curve: Vec<(Nanoseconds, usize)> = Vec::new();
    let mut now = 0_i64;
    for (at, change) in changes {
        now += change;
        // A span without length ends before it begins, for a moment.
        let count = usize::try_from(now).unwrap_or(0);
        match curve.last_mut() {
            Some(last) if last.0 == at => last.1 = count,
            _ => curve.push((at, count)),
        }
    }
    curve
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::{Span, concurrency, pack};

    /// How many overlap at a moment, counted one by one.
    fn counted(spans: &[Span], at: u64) -> usize {
        spans.iter().filter(|(begin, end)| *begin <= at && at < *end).count()
    }

    proptest! {
        #[test]
        fn lanes_hold_no_two_that_overlap_and_are_as_few_as_can_be(
            spans in prop::collection::vec((0_u64..60, 0_u64..20).prop_map(|(begin, long)| (begin, begin + long)), 0..60)
        ) {
            let lanes = pack(&spans);
            for a in 0..spans.len() {
                for b in 0..a {
                    let apart = spans[a].1 <= spans[b].0 || spans[b].1 <= spans[a].0;
                    prop_assert!(lanes[a] != lanes[b] || apart, "{:?} and {:?}", spans[a], spans[b]);
                }
            }
            let most = (0..80).map(|at| counted(&spans, at)).max().unwrap_or(0);
            let lengthless = spans.iter().any(|(begin, end)| begin == end);
            let used = lanes.iter().max().map_or(0, |lane| lane + 1);
            // One without length takes a lane for no time at all.
            prop_assert!(used == most || (lengthless && used <= most + 1), "{used} lanes for {most} at once");
        }

        #[test]
        fn concurrency_is_what_counting_says(
            spans in prop::collection::vec((0_u64..60, 0_u64..20).prop_map(|(begin, long)| (begin, begin + long)), 0..60)
        ) {
            let curve = concurrency(&spans);
            prop_assert!(curve.windows(2).all(|pair| pair[0].0 < pair[1].0), "sorted, once a moment");
            for at in 0..80 {
                let then = curve.iter().take_while(|(moment, _)| *moment <= at).last().map_or(0, |(_, n)| *n);
                prop_assert_eq!(then, counted(&spans, at), "at {}", at);
            }
        }
    }
}
