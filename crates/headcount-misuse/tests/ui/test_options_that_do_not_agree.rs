//! Flavours, workers and paused clocks that do not go together are told so, as Tokio would at run time.
#[headcount::test(flavor = "multi_thread", start_paused = true)]
async fn paused_on_many() {}

#[headcount::test(worker_threads = 2)]
async fn workers_of_one() {}

#[headcount::test(flavor = "multi_thread", worker_threads = 0)]
async fn no_workers() {}

#[headcount::test(flavor = "threads")]
async fn of_no_flavour() {}

#[headcount::test(start_paused = "yes")]
async fn perhaps_paused() {}

fn main() {}
