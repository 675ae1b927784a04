//! A server that speaks TLS, with certificates made on the spot.

use headcount_cluster::{GroupId, RedisOptions, Settings, Store, conformance};

use super::reach::{Reached, refused};
use super::server::Server;

/// An authority, and what it says of a server and a client: certificates and keys.
struct Papers {
    authority: String,
    server: (String, String),
    client: (String, String),
}

impl Papers {
    fn new() -> Self {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).expect("signed").pem();
        let issuer = Issuer::new(params, key);
        let paper = |name: &str| {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            (params.signed_by(&key, &issuer).expect("signed").pem(), key.serialize_pem())
        };
        Self { authority, server: paper("127.0.0.1"), client: paper("worker") }
    }

    /// A server that speaks TLS on its port.
    fn server(&self, options: &[&str]) -> Server {
        let files = ["tls-cert-file server.pem", "tls-key-file server.key", "tls-ca-cert-file authority.pem"];
        Server::with_ports(&["tls-port"], &[&files[..], options].concat(), |folder| {
            let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("written");
            write("authority.pem", &self.authority);
            write("server.pem", &self.server.0);
            write("server.key", &self.server.1);
        })
    }
}

#[tokio::test]
async fn tls_reaches_who_is_trusted_and_nobody_else() {
    let (papers, others) = (Papers::new(), Papers::new());
    let server = papers.server(&["tls-auth-clients no"]);
    let at = |host: &str| RedisOptions::new(format!("rediss://{host}:{}", server.port(0)));
    let redis = at("127.0.0.1").trust(papers.authority.clone()).connect().await.expect("trusted");
    let bench = Reached(redis, server.connection().await);
    conformance::workers_at_once_count_everyone_once(&bench).await;
    conformance::who_waits_for_a_change_is_woken(&bench).await;
    let distrusted = "is its certificate trusted";
    refused(&at("127.0.0.1").connect().await.expect_err("an authority nobody knows"), distrusted);
    let error = at("127.0.0.1").trust(others.authority).connect().await.expect_err("another authority");
    refused(&error, distrusted);
    let error = at("localhost").trust(papers.authority.clone()).connect().await.expect_err("another name");
    refused(&error, distrusted);
    let error = at("127.0.0.1").trust("nonsense").connect().await.expect_err("no certificate");
    assert!(error.to_string().contains("connect"), "{error}");

    let server = papers.server(&["tls-auth-clients yes"]);
    let at = || {
        RedisOptions::new(format!("rediss://127.0.0.1:{}", server.port(0))).trust(papers.authority.clone())
    };
    at().connect().await.expect_err("it wants to know who we are");
    let (certificate, key) = papers.client.clone();
    let redis = at().identify(certificate, key).connect().await.expect("known");
    redis.open(GroupId::new(), &Settings::new("trial")).await.expect("opened");
}
