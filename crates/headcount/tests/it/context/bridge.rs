//! To and from Tokio's `CancellationToken`.

use std::time::Duration;

use headcount::{CancelKind, Context};
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

fn within_limit(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(crate::LIMIT, test).await.expect("not over within the limit")
    });
}

#[test]
fn a_context_cancels_a_token_while_the_link_is_kept() {
    let (ctx, canceller) = Context::background().with_cancel();
    let [linked, unlinked, kept] = [(); 3].map(|()| CancellationToken::new());
    let _link = ctx.cancels_token(&linked);
    drop(ctx.cancels_token(&unlinked));
    ctx.cancels_token(&kept).keep();
    canceller.cancel();
    assert!(linked.is_cancelled() && kept.is_cancelled() && !unlinked.is_cancelled());
    let late = CancellationToken::new();
    ctx.cancels_token(&late).keep();
    assert!(late.is_cancelled());
}

#[test]
fn a_token_cancels_a_context_and_all_below_it() {
    within_limit(async {
        let token = CancellationToken::new();
        let line = line!() + 1;
        let ctx = Context::background().with_value(1_u8).with_token(&token);
        let (below, _below) = ctx.with_cancel();
        assert!(!ctx.is_cancelled());
        token.cancel();
        let why = below.wait_async().await;
        assert_eq!((why.kind(), why.place().line()), (CancelKind::Cancelled, line));
        assert_eq!(ctx.value::<u8>(), Some(&1));
        assert!(Context::background().with_token(&token).is_cancelled(), "cancelled already");
    });
}

#[test]
fn the_link_from_a_token_goes_with_the_context() {
    within_limit(async {
        let token = CancellationToken::new();
        drop(Context::background().with_token(&token));
        let (parent, canceller) = Context::background().with_cancel();
        let ctx = parent.with_token(&token);
        canceller.cancel();
        assert!(ctx.is_cancelled());
        while Handle::current().metrics().num_alive_tasks() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(!token.is_cancelled());
    });
}
