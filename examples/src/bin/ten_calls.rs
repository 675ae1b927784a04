//! Ten slow web pages at once, from a server on this machine that takes 300 ms for each: in about the time of one.
//!
//! In Go `wg.Add(1)` inside the goroutine lets `Wait` return before the first call was made, and an error in a goroutine goes
//! nowhere. Here an item is counted before its call begins, and the first error ends the rest and is returned.

use std::time::{Duration, Instant};

use headcount::{Context, task};
use headcount_examples::slow_server::SlowServer;

const DELAY: Duration = Duration::from_millis(300);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = SlowServer::start(DELAY).await?;
    let client = headcount_examples::client();
    let ctx = Context::background().with_timeout(Duration::from_secs(30));

    let begin = Instant::now();
    let pages = task::map(0..10)
        .context(&ctx)
        .named("calls")
        .run(|_ctx, page| {
            let call = client.get(server.url(page)).send(); // borrows the client: all on this task
            async move { anyhow::Ok(call.await?.error_for_status()?.text().await?) }
        })
        .await?;
    let took = begin.elapsed();

    println!("{}", pages.join(", "));
    println!("{} pages in the time of {:.1}", pages.len(), took.as_secs_f64() / DELAY.as_secs_f64());
    Ok(())
}
