//! A plain function has no runtime to be told about.
#[headcount::test(flavor = "multi_thread", worker_threads = 2)]
fn on_no_runtime() {}

#[headcount::test(start_paused = true)]
fn with_no_clock() {}

fn main() {}
