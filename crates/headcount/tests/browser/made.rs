//! Pages to try out, of groups that really ran.

use std::path::PathBuf;
use std::time::Duration;

use headcount::{Cancelled, CollectAll, Context, Panics, Timeline, task};

/// How many members [`small`] has.
pub(crate) const MEMBERS: u64 = 42;
/// The number of one that fails.
pub(crate) const FAILS: u64 = 8;
/// The number of one that is cancelled, for a reason.
pub(crate) const CANCELLED: u64 = 41;

/// Leaves a page where the browser finds it.
pub(crate) fn page(name: &str, html: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("{name}-{}.html", std::process::id()));
    std::fs::write(&file, html).expect("the page can be written");
    file
}

fn recorded<Fut: Future<Output = Timeline>>(run: impl FnOnce(Context) -> Fut) -> String {
    // The panics of members are meant, and need not be seen.
    std::panic::set_hook(Box::new(|info| {
        if !info.to_string().contains("below zero") {
            eprintln!("{info}");
        }
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    let timeline = runtime.expect("a runtime").block_on(run(Context::background()));
    timeline.to_html()
}

/// Forty members under a limit, two of which fail and one panics; one that is cancelled, and one that does not heed it.
pub(crate) fn small() -> String {
    recorded(|ctx| async move {
        let group = task::Group::with_policy(&ctx, CollectAll)
            .limit(6)
            .named("prices")
            .panics(Panics::AsError)
            .grace(Duration::from_millis(20))
            .record();
        let timeline = group.timeline().expect("it is recorded");
        for sku in 0..40_u64 {
            group.spawn_named(format!("sku {sku}"), move |ctx| async move {
                ctx.sleep_async(Duration::from_millis(4 + sku * 31 % 17)).await.map_err(|why| why.to_string())?;
                match sku {
                    7 => Err("no route to host".to_owned()),
                    19 => panic!("a price below zero"),
                    30 => Err("the warehouse has never heard of it, and would like to know, at some length, who has".to_owned()),
                    sku => Ok(sku),
                }
            });
        }
        while group.running() + group.queued() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        group.spawn_named("audit", |ctx| async move { Err::<u64, Cancelled>(ctx.wait_async().await) });
        group.spawn_named("deaf", |_| std::future::pending::<Result<u64, Cancelled>>());
        while group.running() < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
        group.cancel_because("the shop closes");
        group.wait().await;
        timeline
    })
}

/// Names and errors that would do harm if they were taken for markup or script.
pub(crate) fn hostile() -> String {
    const HARM: &str = "</script><script>window.owned = 1</script><img src=x onerror='window.owned = 2'>";
    recorded(|ctx| async move {
        let group = task::Group::with_policy(&ctx, CollectAll)
            .named(format!("</title></h1>{HARM}{{{{data}}}}"))
            .record();
        let timeline = group.timeline().expect("it is recorded");
        group.spawn_named(HARM, |_| async { Err::<u64, _>(format!("{HARM}\u{2028}{{{{script}}}}<!--")) });
        group.wait().await;
        timeline
    })
}

/// Very many quick members.
pub(crate) fn crowd(members: u64) -> String {
    recorded(|ctx| async move {
        let group = task::Group::with_policy(&ctx, CollectAll).limit(24).named("crowd").record();
        let timeline = group.timeline().expect("it is recorded");
        for n in 0..members {
            group.spawn_named(format!("member {n}"), move |_| async move {
                tokio::time::sleep(Duration::from_millis(n % 5)).await;
                if n % 501 == 500 { Err(format!("{n} went wrong")) } else { Ok(n) }
            });
        }
        group.wait().await;
        timeline
    })
}
