//! A policy of one's own: a batch of uploads gives up when three in a row have failed, because then it is the network, and
//! goes on after single failures, because those are single files.
//!
//! Go's `errgroup` has one rule, the first error; whoever needs another writes the counting, the lock and the cancelling
//! again.

use headcount::{Context, Ended, GroupError, Outcome, Policy, Verdict, thread};

/// The rule: over when `in_a_row` members have failed one after the other.
struct GiveUp {
    in_a_row: u32,
    failed: u32,
}

impl<T, E> Policy<T, E> for GiveUp {
    const KEEPS: bool = true;
    /// The values of those that succeeded, and how many did not; or the group's error.
    type Output = Result<(Vec<T>, u64), GroupError<E>>;

    fn judge(&mut self, outcome: &Outcome<'_, T, E>) -> Verdict {
        self.failed = match outcome {
            Outcome::Failed(_, error) if error.is_failure() => self.failed + 1,
            _ => 0,
        };
        if self.failed == self.in_a_row { Verdict::Finish } else { Verdict::Continue }
    }

    fn output(self, ended: Ended<T, E>) -> Self::Output {
        let failed = ended.tally().failed;
        if self.failed == self.in_a_row { Err(ended.into_error()) } else { Ok((ended.into_values(), failed)) }
    }
}

/// Uploads files, one after the other; `reachable` says which can be.
fn upload(files: u32, reachable: fn(u32) -> bool) -> Result<(Vec<u32>, u64), GroupError> {
    let policy = GiveUp { in_a_row: 3, failed: 0 };
    thread::Scope::with_policy(&Context::background(), policy).limit(1).named("uploads").run(|group| {
        for file in 0..files {
            group.spawn(move |_ctx| if reachable(file) { Ok(file) } else { Err("connection reset") });
        }
    })
}

fn main() {
    let (sent, failed) = upload(10, |file| file % 4 != 0).expect("never three in a row");
    println!("sent {sent:?}, {failed} failed");
    assert_eq!((sent, failed), (vec![1, 2, 3, 5, 6, 7, 9], 3));

    let error = upload(10, |file| file < 5).expect_err("the network is gone after five");
    println!("{error}");
    let tally = error.tally();
    assert_eq!((tally.succeeded, tally.failed, tally.cancelled), (5, 3, 2));
}
