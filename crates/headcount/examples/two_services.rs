//! One request split into two calls, whose answers have different types: both at once, and when one fails the other is
//! cancelled instead of being waited for.
//!
//! In Go this is an `errgroup` and two variables that the goroutines write; to forget the `Wait` before reading them is a data
//! race. Here a value can be taken from its fork, and from nowhere else.

use std::io;
use std::time::Duration;

use headcount::{Context, GroupError, task};

async fn price(ctx: &Context, sku: u32) -> io::Result<u32> {
    ctx.sleep_async(Duration::from_millis(20)).await?;
    Ok(sku * 5)
}

async fn availability(ctx: &Context, sku: u32) -> Result<bool, String> {
    ctx.sleep_async(Duration::from_millis(5)).await.map_err(|why| why.to_string())?;
    if sku == 13 { Err(format!("the warehouse has never heard of {sku}")) } else { Ok(true) }
}

async fn offer(ctx: &Context, sku: u32) -> Result<Option<(u32, bool)>, GroupError> {
    let group = task::Group::<()>::new(ctx).named("offer");
    let price = group.fork(move |ctx| async move { price(&ctx, sku).await });
    let availability = group.fork(move |ctx| async move { availability(&ctx, sku).await });
    group.wait().await?;
    Ok(price.take().zip(availability.take()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let ctx = Context::background().with_timeout(Duration::from_secs(1));
    let offered = offer(&ctx, 199).await.expect("both answer");
    println!("{offered:?}");
    assert_eq!(offered, Some((995, true)));

    let error = offer(&ctx, 13).await.expect_err("one does not");
    println!("{error}");
    assert!(error.to_string().ends_with("failed: the warehouse has never heard of 13"));
    assert_eq!(error.tally().cancelled, 1, "the other was told");
}
