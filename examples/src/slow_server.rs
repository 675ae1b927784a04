//! A web server on this machine that takes its time over every page.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use headcount::{Canceller, Context};
use tokio::net::TcpListener;

/// A server that is running; it stops when this is dropped.
#[derive(Debug)]
pub struct SlowServer {
    address: SocketAddr,
    seen: Arc<Seen>,
    _running: Canceller,
}

#[derive(Debug, Default)]
struct Seen {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl SlowServer {
    /// Starts one on a free port of the loopback interface, which answers each request after `delay`.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    pub async fn start(delay: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (ctx, running) = Context::background().with_cancel();
        let seen = Arc::new(Seen::default());
        let page = move |Path(page): Path<u64>, State(seen): State<Arc<Seen>>| async move {
            // Relaxed, all three: they are only counts.
            let now = seen.now.fetch_add(1, Ordering::Relaxed) + 1;
            seen.most.fetch_max(now, Ordering::Relaxed);
            tokio::time::sleep(delay).await;
            seen.now.fetch_sub(1, Ordering::Relaxed);
            format!("page {page}")
        };
        let pages = Router::new().route("/page/{page}", get(page)).with_state(Arc::clone(&seen));
        tokio::spawn(async move {
            let _ = ctx.run_async(axum::serve(listener, pages).into_future()).await;
        });
        Ok(Self { address, seen, _running: running })
    }

    /// The address of a page.
    #[must_use]
    pub fn url(&self, page: u64) -> String {
        format!("http://{}/page/{page}", self.address)
    }

    /// How many requests it was busy with at once, at most.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        // Relaxed: only a count.
        self.seen.most.load(Ordering::Relaxed)
    }
}
