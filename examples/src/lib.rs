//! What the example programs share: a local server that is slow on purpose, a client for such servers, and the cache
//! that is warmed up.

pub mod cache;
pub mod slow_server;

/// A client for web servers on this machine.
///
/// Built along with programs that do speak TLS (the command, say), reqwest has TLS in it too and wants to be told whose
/// cryptography to use; and it would read the system's certificates, which nobody here needs.
///
/// # Panics
///
/// Never, as far as is known: nothing is asked for that may be missing.
#[must_use]
pub fn client() -> reqwest::Client {
    // An error says that there is one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .build()
        .expect("nothing asked for can be missing")
}
