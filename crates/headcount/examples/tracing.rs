//! A program that logs through `tracing` sees its groups: what a member logs stands in the member's span, below its group's,
//! and what fails and what is cancelled for it are events. The feature `tracing` is all it takes.
//!
//! In a program of yours the subscriber is whatever you have; this one writes plain lines into memory, to be looked at.

use std::io;
use std::sync::{Arc, Mutex};

use headcount::{Context, GroupError, task};

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics while writing").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn prices() -> Result<Vec<u32>, GroupError> {
    let group = task::Group::new(&Context::background()).named("prices");
    group.spawn_named("sku 42", |_| async {
        tracing::info!("asked the shop");
        headcount::ok(100)
    });
    group.spawn_named("sku 99", |ctx| async move {
        let why = ctx.wait_async().await;
        tracing::info!("had to stop");
        Err(why)
    });
    group.spawn_named("sku 77", |_| async { Err("no such article") });
    group.wait().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).expect("there was none before");

    let error = prices().await.expect_err("there is no sku 77");
    assert!(error.to_string().contains("no such article"), "{error}");

    let log = String::from_utf8(lines.0.lock().expect("nobody writes any more").clone()).expect("it is text");
    print!("{log}");
    let line =
        |what: &str| log.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}: {log}"));
    // Whoever logs is named by its span, and its group is.
    for (what, who) in
        [("asked the shop", "sku 42"), ("no such article", "sku 77"), ("had to stop", "sku 99")]
    {
        let line = line(what);
        assert!(line.contains("group{") && line.contains("name=\"prices\""), "{line}");
        assert!(line.contains("member{number=") && line.contains(&format!("name={who:?}")), "{line}");
        assert!(line.contains("examples/tracing.rs:"), "{line}");
    }
    assert!(line("member failed").contains("WARN"), "{log}");
    // The group says why it is over, once.
    assert_eq!(log.matches("group cancelled").count(), 1, "{log}");
    assert!(line("group cancelled").contains("no such article"), "{log}");
}
