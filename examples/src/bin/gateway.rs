//! A gateway: one request becomes two calls, to a service that knows prices and one that knows what is in stock.
//!
//! * Both calls go out at once. When one fails the other is cancelled, and the client is told which.
//! * A request is answered within its deadline of 500 ms, whatever the services do.
//! * On SIGTERM no more requests are taken, those that are under way have a second to end, and whoever is still out then is
//!   named in a roll call.
//!
//! `gateway [PORT]` starts the two services as well, on this machine, and prints where it listens. Their manners depend on the
//! article: try `/offer/42`, `/offer/unknown` (not in stock), `/offer/slow` (the price takes too long), `/offer/stubborn` (a call
//! that cannot be stopped). `/out` says which requests are under way.
//!
//! In Go this is an `errgroup` with a context that everyone must remember to pass on; values that goroutines write into
//! variables outside; and a shutdown that hangs in `Wait` without a word on whom.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use headcount::{CancelKind, Cancelled, Context, GroupError, WaitGroup, task};
use serde::Serialize;
use tokio::net::TcpListener;

/// How long a request may take.
const DEADLINE: Duration = Duration::from_millis(500);
/// How long requests have to end when the gateway stops.
const GRACE: Duration = Duration::from_secs(1);

struct Gateway {
    ctx: Context,
    requests: WaitGroup,
    client: reqwest::Client,
    prices: SocketAddr,
    stock: SocketAddr,
}

#[derive(Serialize)]
struct Offer {
    sku: String,
    price: String,
    stock: String,
}

impl Gateway {
    /// Asks a service on this machine.
    async fn ask(&self, service: SocketAddr, sku: &str) -> reqwest::Result<String> {
        let url = format!("http://{service}/{sku}");
        self.client.get(url).send().await?.error_for_status()?.text().await
    }

    async fn offer(self: Arc<Self>, sku: String) -> Result<Offer, GroupError> {
        let ctx = self.ctx.with_timeout(DEADLINE);
        // A call that is cancelled is dropped where it stands; one that blocks is waited for, and named.
        let group = task::Group::<()>::new(&ctx).named("offer").grace(Duration::ZERO);
        let (here, name) = (Arc::clone(&self), sku.clone());
        let price = group.fork(move |_ctx| async move { here.ask(here.prices, &name).await });
        let (here, name) = (Arc::clone(&self), sku.clone());
        let stock = group.fork(move |_ctx| async move { here.ask(here.stock, &name).await });
        if sku == "stubborn" {
            group.spawn_blocking(|_ctx| {
                std::thread::sleep(3 * GRACE);
                headcount::ok(())
            });
        }
        group.wait().await?;
        let (price, stock) = (price.take().unwrap_or_default(), stock.take().unwrap_or_default());
        Ok(Offer { sku, price, stock })
    }
}

async fn offer(
    State(gateway): State<Arc<Gateway>>,
    Path(sku): Path<String>,
) -> Result<Json<Offer>, (StatusCode, String)> {
    let _under_way = gateway.requests.add_named(format!("GET /offer/{sku}"));
    let offer = gateway.offer(sku).await;
    offer.map(Json).map_err(|error| {
        let late = error.cancelled().is_some_and(|why| why.kind() == CancelKind::DeadlineExceeded);
        let status = if late { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::BAD_GATEWAY };
        (status, format!("{error}\n"))
    })
}

/// Who is under way, and since when.
async fn out(State(gateway): State<Arc<Gateway>>) -> String {
    gateway.requests.roll_call().to_string()
}

/// Starts a service that answers with what `answer` says.
async fn service<F>(ctx: &Context, answer: fn(String) -> F) -> io::Result<SocketAddr>
where
    F: Future<Output = Result<String, StatusCode>> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let routes = Router::new().route("/{sku}", get(move |Path(sku): Path<String>| answer(sku)));
    let ctx = ctx.clone();
    tokio::spawn(async move { ctx.run_async(axum::serve(listener, routes).into_future()).await.map(drop) });
    Ok(address)
}

async fn price(sku: String) -> Result<String, StatusCode> {
    let takes = if sku == "slow" { 60_000 } else { 100 };
    tokio::time::sleep(Duration::from_millis(takes)).await;
    Ok("9.95".into())
}

async fn in_stock(sku: String) -> Result<String, StatusCode> {
    if sku == "unknown" { Err(StatusCode::NOT_FOUND) } else { Ok("plenty".into()) }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let ctx = Context::on_signals()?;
    let port = std::env::args().nth(1).map_or(Ok(0), |port| port.parse::<u16>())?;
    // The services go on while requests come to their end: their life is not the gateway's.
    let (services, _stops_them) = Context::background().with_cancel();
    let gateway = Arc::new(Gateway {
        ctx: Context::background(),
        requests: WaitGroup::new(),
        client: headcount_examples::client(),
        prices: service(&services, price).await?,
        stock: service(&services, in_stock).await?,
    });

    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let routes = Router::new()
        .route("/offer/{sku}", get(offer))
        .route("/out", get(out))
        .with_state(Arc::clone(&gateway));
    let stop = ctx.clone();
    let serving =
        axum::serve(listener, routes).with_graceful_shutdown(async move { _ = stop.wait_async().await });
    let server = tokio::spawn(serving.into_future());

    println!("stopping: {}", because(&ctx.wait_async().await));
    let patience = Context::background().with_timeout(GRACE);
    match patience.run_async(gateway.requests.wait_async()).await {
        Ok(()) => println!("everyone is back"),
        Err(_) => {
            println!("{}", gateway.requests.roll_call());
            // Who blocks cannot be stopped; the process ends without them.
            server.abort();
            std::process::exit(1);
        }
    }
    server.await??;
    Ok(())
}

/// What is behind a cancellation, in a word.
fn because(why: &Cancelled) -> String {
    use std::error::Error;
    why.source().map_or_else(|| why.to_string(), ToString::to_string)
}
