//! Where did the time go? A group under a limit, recorded: the summary on the terminal, and two files to look at, a page for
//! a browser and a trace for Perfetto.
//!
//! With a number as its argument it launches so many members instead: `cargo run --example timeline 10000`.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::time::Duration;

use headcount::{Cancelled, CollectAll, Context, HowEnded, Panics, Timeline, task};

/// What one member does: most are quick, some are slow, a few go wrong.
async fn fetch(ctx: &Context, sku: u64) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    let slow = if sku % 11 == 7 { 12 } else { 1 };
    ctx.sleep_async(Duration::from_micros((sku * 7919 % 1900 + 300) * slow)).await?;
    match sku {
        13 => Err("the warehouse has never heard of 13".into()),
        29 => panic!("a price below zero"),
        sku if sku % 97 == 96 => Err(format!("no route to the warehouse of {sku}").into()),
        sku => Ok(sku * 5),
    }
}

async fn prices(members: u64) -> Timeline {
    let ctx = Context::background();
    let group = task::Group::with_policy(&ctx, CollectAll)
        .limit(8)
        .named("prices")
        .panics(Panics::AsError)
        .grace(Duration::from_millis(100))
        .record();
    let timeline = group.timeline().expect("it is recorded");
    for sku in 0..members {
        group.spawn_named(format!("sku {sku}"), move |ctx| async move { fetch(&ctx, sku).await });
    }
    // One that waits for what never comes, until it is told why; and one that does not listen.
    group.set_limit(10);
    group.spawn_named("audit", |ctx| async move { Err::<u64, Cancelled>(ctx.wait_async().await) });
    group.spawn_named("deaf", |_| std::future::pending::<Result<u64, Cancelled>>());
    while group.running() + group.queued() > 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    group.cancel_because("the shop closes");
    let results = group.wait().await;
    assert_eq!(results.len() as u64, members + 2);
    timeline
}

fn main() -> io::Result<()> {
    // The panic is part of the show, and the timeline tells of it.
    std::panic::set_hook(Box::new(|_| {}));
    let members = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(120);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let timeline = runtime.block_on(prices(members));

    println!("{timeline}");
    let tally = timeline.summary().tally();
    assert_eq!((tally.panicked, tally.cancelled, tally.aborted), (1, 1, 1));
    let deaf = timeline.members().pop().expect("it was the last to be launched");
    assert_eq!((deaf.name(), deaf.how_ended()), (Some("deaf"), Some(HowEnded::Aborted)));

    let folder = std::env::temp_dir().join(format!("headcount-timeline-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let (page, trace) = (folder.join("timeline.html"), folder.join("trace.json"));
    timeline.write_html(BufWriter::new(File::create(&page)?))?;
    timeline.write_chrome_json(BufWriter::new(File::create(&trace)?))?;
    println!("\n{} ({} KB)", page.display(), fs::metadata(&page)?.len() / 1000);
    println!("{} ({} KB)", trace.display(), fs::metadata(&trace)?.len() / 1000);
    Ok(())
}
