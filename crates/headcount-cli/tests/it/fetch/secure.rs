//! TLS, and HTTP/2 over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto};

use super::{bytes, into, list, read};
use crate::stage::folder;

/// A server that speaks HTTP/2 and nothing else, with a certificate of an authority of its own.
struct Secure {
    url: String,
    /// The authority, as a file of certificates has it.
    trusted: String,
    connections: Arc<AtomicUsize>,
}

/// For this name, with this body for every path.
fn serve(name: &str, body: Vec<u8>) -> Secure {
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    let leaf = leaf.signed_by(&key, &authority).expect("a certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
    let mut config = config
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        )
        .expect("a certificate that fits its key");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    listener.set_nonblocking(true).expect("a socket");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a runtime").block_on(accept(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            body,
            counted,
        ));
    });
    Secure { url, trusted: authority.pem(), connections }
}

async fn accept(
    listener: std::net::TcpListener,
    acceptor: TlsAcceptor,
    body: Vec<u8>,
    connections: Arc<AtomicUsize>,
) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, body) = (acceptor.clone(), body.clone());
        connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            // Who does not trust us goes away here.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let answer = http::Response::builder().header("content-length", body.len()).body(());
                let mut send = respond.send_response(answer.expect("an answer"), false).expect("a stream");
                let _ = send.send_data(body.clone().into(), true);
            }
        });
    }
}

#[test]
fn http_2_is_spoken_where_it_is_offered_and_one_connection_carries_many() {
    let server = serve("127.0.0.1", bytes(20_000));
    let folder = folder();
    let trusted = folder.path().join("trusted.pem");
    std::fs::write(&trusted, &server.trusted).unwrap();
    let urls: Vec<_> = (0..40).map(|n| format!("{}/f{n}", server.url)).collect();
    let args = ["-j8"].into_iter().chain(urls.iter().map(String::as_str));
    into(&folder, args).env("SSL_CERT_FILE", &trusted).run().ended(0);
    assert!((0..40).all(|n| read(&folder, &format!("f{n}")) == bytes(20_000)));
    let connections = server.connections.load(Ordering::SeqCst);
    assert!(connections <= 8, "{connections} connections for 40 files");
}

#[test]
fn a_certificate_that_is_not_trusted_or_for_another_name_is_refused_once() {
    let (stranger, other) = (serve("127.0.0.1", bytes(10)), serve("elsewhere.example", bytes(10)));
    let folder = folder();
    let trusted = folder.path().join("trusted.pem");
    std::fs::write(&trusted, &other.trusted).unwrap();
    let urls = [&stranger, &other].map(|server| format!("{}/a", server.url));
    let seen = into(&folder, ["--keep-going", &urls[0], &urls[1]]).env("SSL_CERT_FILE", &trusted).run();
    seen.ended(1);
    let refused = "no secure connection: invalid peer certificate: ";
    assert_eq!(seen.err.matches(refused).count(), 2, "{}", seen.err);
    assert_eq!(
        seen.err
            .matches(
                " (attempt 1 of 4)
"
            )
            .count(),
        2,
        "another attempt is of no use: {}",
        seen.err
    );
    assert_eq!(list(folder.path()), ["trusted.pem"]);
}
