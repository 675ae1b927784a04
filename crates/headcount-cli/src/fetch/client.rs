//! The HTTP client: how it is set up, and what its errors mean.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, redirect};

use super::address::show;
use super::trouble::Trouble;
use crate::legible;

/// So often a server may send us elsewhere for one file.
pub(super) const REDIRECTS: usize = 10;

/// The client for all transfers: HTTP/1.1, and HTTP/2 where a server offers it over TLS.
pub(crate) fn client(connect: Duration, idle: usize) -> reqwest::Result<Client> {
    // Only fails if one was chosen before, which is this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut headers = HeaderMap::new();
    // Bytes are counted, compared and gone on with as they come.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Client::builder()
        .user_agent(concat!("headcount/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .redirect(redirect::Policy::custom(follow))
        // Where we come from may have a secret in it.
        .referer(false)
        .connect_timeout(connect)
        .pool_max_idle_per_host(idle)
        .build()
}

/// Sent in circles, or too far.
#[derive(Debug)]
struct TooFar(String);

impl std::fmt::Display for TooFar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for TooFar {}

fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let (next, before) = (attempt.url(), attempt.previous());
    if before.len() <= REDIRECTS {
        return attempt.follow();
    }
    let circle = before.iter().rposition(|url| url == next);
    let text = match circle {
        Some(at) => {
            let mut way: Vec<_> = before[at..].iter().map(show).collect();
            way.push(show(next));
            format!("redirected in a circle: {}", way.join(" -> "))
        }
        None => format!("redirected more than {REDIRECTS} times, at last to {}", show(next)),
    };
    attempt.error(TooFar(legible::one_line(text.as_bytes())))
}

/// What went wrong before there was an answer, or within its body.
pub(super) fn trouble(error: reqwest::Error, connect: Duration) -> Trouble {
    // It would have its address with it, as it was asked for.
    let error = error.without_url();
    let why = deepest(&error);
    if error.is_redirect() {
        return Trouble::lasting(why, "look at the address with a browser: where does it lead?");
    }
    if let Some(tls) = find::<rustls::Error>(&error) {
        let what = format!("no secure connection: {tls}");
        let hint = "is its certificate in order? SSL_CERT_FILE names those that are trusted";
        return match tls {
            rustls::Error::InvalidCertificate(_) => Trouble::lasting(what, hint),
            _ => Trouble::passing(what, "does the server speak TLS there? try http:"),
        };
    }
    if error.is_connect() && why.contains("tls handshake") {
        return Trouble::passing(
            format!("no secure connection: {why}"),
            "does the server speak TLS there? try http:",
        );
    }
    if error.is_dns() {
        return Trouble::passing(
            format!("the host was not found: {why}"),
            "is its name right, and the network there?",
        );
    }
    if error.is_connect() && error.is_timeout() {
        let what = format!("no connection within {connect:?}");
        return Trouble::passing(what, "is the host there? --connect-timeout gives it more time");
    }
    if error.is_connect() {
        return Trouble::passing(
            format!("no connection: {why}"),
            "is the server running, and the port right?",
        );
    }
    if error.is_body() || error.is_decode() {
        return Trouble::passing(
            format!("the connection broke within the file: {why}"),
            "what is there of the file is kept, and gone on with if the server can",
        );
    }
    if error.is_builder() {
        return Trouble::lasting(format!("it cannot be asked for: {why}"), "is the address right?");
    }
    Trouble::passing(
        format!("the connection broke before there was an answer: {why}"),
        "is it an HTTP server?",
    )
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    fn below<'e>(error: &&'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
        let error: &'e (dyn Error + 'static) = *error;
        error.source()
    }
    std::iter::successors(Some(error), below)
}

/// The last error of the chain: those above it say only through how many hands it went.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let text = chain(error).last().map_or_else(String::new, ToString::to_string);
    legible::one_line(text.as_bytes())
}

fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    chain(error).find_map(|error| {
        let mut error = error;
        loop {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            // An I/O error hides what it was made of, which may be another one.
            error = error.downcast_ref::<std::io::Error>()?.get_ref()?;
        }
    })
}
