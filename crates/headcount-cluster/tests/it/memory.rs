//! The engine of one process, and with it the book.

use std::time::Duration;

use headcount_cluster::conformance::Bench;
use headcount_cluster::{Clock, GroupId, Memory, Passing};

struct InMemory(Memory, Passing);

impl Bench for InMemory {
    type Store = Memory;

    fn store(&self) -> &Memory {
        &self.0
    }

    async fn pass(&self, _: GroupId, time: Duration) {
        self.1.pass(time);
    }
}

headcount_cluster::conformance_tests!({
    let time = Passing::default();
    InMemory(Memory::with_clock(Clock::Driven(time.clone())), time)
});
