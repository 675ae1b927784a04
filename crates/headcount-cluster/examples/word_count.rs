//! Counts the words of some texts, by whoever helps.
//!
//! ```sh
//! cargo run -p headcount-cluster --example word_count                                # in this process alone
//! cargo run -p headcount-cluster --example word_count redis://127.0.0.1:6379         # with help from everywhere
//! cargo run -p headcount-cluster --example word_count redis://127.0.0.1:6379 help    # there, until Ctrl-C or kill
//! ```

use std::error::Error;
use std::time::Duration;

use headcount::{Cancelled, Context};
use headcount_cluster::{Group, Memory, Redis, Settings, Store, Worker};

const TEXTS: [(&str, &str); 3] = [
    ("a proverb", "many hands make light work"),
    ("a warning", "too many cooks spoil the broth"),
    ("a roll call", "everyone out and everyone back in"),
];

/// What helpers know how to do. A worker that vanishes costs an attempt and nothing else: counting twice is counting once.
fn helper<S: Store>(engine: &S) -> Worker<S> {
    Worker::new(engine.clone()).handle("count words", |ctx: Context, text: String| async move {
        let mut words = 0_u64;
        for word in text.split_whitespace() {
            // It is cancelled when nobody needs the answer any more.
            ctx.check()?;
            words += u64::from(word.chars().all(char::is_alphabetic));
        }
        Ok::<_, Cancelled>(words)
    })
}

/// Makes the group, lends a hand, and waits; says how many words each text has.
pub(crate) async fn count<S: Store>(engine: S) -> Result<Vec<u64>, Box<dyn Error>> {
    let group = Group::open(engine.clone(), Settings::new("word count")).await?;
    for (title, text) in TEXTS {
        group.spawn_named(title, "count words", text).await?;
    }
    // From here on it ends by itself, whatever becomes of this process; `group.id()` is how others find it.
    let group = group.seal().await?;

    let (ctx, stop) = Context::background().with_cancel();
    let worker = helper(&engine).groups([group.id()]);
    let helps = tokio::spawn(async move { worker.run(&ctx).await });
    if let Err(error) = group.wait_timeout(Duration::from_secs(60)).await {
        // Who failed and why, or who is still out: since when, where, in which attempt.
        return Err(error.into());
    }
    let words = group.results().await?;
    stop.cancel();
    helps.await??;
    Ok(words)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let words = match (args.next(), args.next()) {
        (None, _) => count(Memory::new()).await?,
        (Some(url), None) => count(Redis::connect(&url).await?).await?,
        (Some(url), Some(_)) => {
            let served = helper(&Redis::connect(&url).await?).run(&Context::background()).await?;
            println!("{served:?}");
            return Ok(());
        }
    };
    for ((title, _), words) in TEXTS.iter().zip(words) {
        println!("{title}: {words} words");
    }
    Ok(())
}
