//! Engines that are reached by other ways than a line to one server: TLS with certificates made on the spot, and a Redis Cluster.

use std::path::Path;
use std::time::{Duration, Instant};

use super::server::Engine;
use crate::stage::{LIMIT, Playing};

/// Writes what an authority says of a server and of a client into a folder: certificates and keys.
fn write_papers(folder: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("written");
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write("ca.pem", &params.self_signed(&key).expect("signed").pem());
    let issuer = Issuer::new(params, key);
    for (file, name) in [("server", "127.0.0.1"), ("client", "worker")] {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        write(&format!("{file}.pem"), &params.signed_by(&key, &issuer).expect("signed").pem());
        write(&format!("{file}.key"), &key.serialize_pem());
    }
}

/// An engine that speaks TLS and wants to know who asks, and its address.
fn secured(papers: &Path) -> Option<(Engine, String)> {
    let path = |name: &str| papers.join(name).display().to_string();
    let (ca, certificate, key) = (path("ca.pem"), path("server.pem"), path("server.key"));
    let files = ["--tls-ca-cert-file", &ca, "--tls-cert-file", &certificate, "--tls-key-file", &key];
    let (engine, ports) = Engine::on_ports(&["--tls-port"], &files)?;
    Some((engine, format!("rediss://127.0.0.1:{}", ports[0])))
}

/// A worker that is ready.
fn worker(engine: &Engine, flags: &[&str]) -> Playing {
    let mut worker = engine.call("work").args(["-j1", "--name", "w1"]).args(flags).start();
    let said = worker.err_line();
    assert!(said.starts_with("headcount: worker w1 on "), "{said}");
    worker
}

#[test]
fn an_engine_that_speaks_tls_is_believed_and_believes_by_certificates() {
    let papers = crate::stage::folder();
    write_papers(papers.path());
    let Some((engine, url)) = secured(papers.path()) else { return };
    let path = |name: &str| papers.path().join(name).display().to_string();
    let (ca, certificate, key) = (path("ca.pem"), path("client.pem"), path("client.key"));
    let known = ["--engine", &url, "--engine-ca", &ca, "--engine-cert", &certificate, "--engine-key", &key];
    let _worker = worker(&engine, &known);
    let seen =
        engine.call("run").args(known).args(["--order", "input", "echo", "got {}", ":::", "1", "2"]).run();
    assert_eq!(seen.ended(0).out(), "got 1\ngot 2\n");
    let listed = engine.call("groups").args(known).run();
    assert!(listed.ended(0).out().contains(" done "), "{}", listed.out());
    let told = engine.call("run").args(known).args(["--explain", "true", ":::", "1"]).run();
    assert!(told.ended(0).out().contains("(--engine-ca)"), "{}", told.out());

    // Nobody knows that authority, and it does not know us.
    let seen = engine.call("groups").args(["--engine", &url]).run();
    assert!(seen.ended(5).err.contains("is its certificate trusted"), "{}", seen.err);
    assert!(seen.err.contains("--engine-ca"), "{}", seen.err);
    let seen = engine.call("groups").args(&known[..4]).run();
    assert!(seen.ended(5).err.contains("--engine-cert"), "{}", seen.err);
}

#[test]
fn certificates_that_cannot_be_used_are_refused_with_a_hint() {
    let papers = crate::stage::folder();
    write_papers(papers.path());
    let path = |name: &str| papers.path().join(name).display().to_string();
    std::fs::write(papers.path().join("der"), [0x30, 0x82]).expect("written");
    let secret = "rediss://127.0.0.1:1";
    let cases: [(&[&str], &str, &str); 5] = [
        (
            &["--engine", "redis://127.0.0.1:1", "--engine-ca", &path("ca.pem")],
            "--engine-ca is given",
            "write rediss://",
        ),
        (&["--engine", secret, "--engine-ca", "/no/such/file"], "/no/such/file", "see ls -l"),
        (&["--engine", secret, "--engine-ca", &path("der")], "called PEM", "openssl"),
        (&["--engine", secret, "--engine-cert", &path("client.pem")], "--engine-key", ""),
        (&["--engine-ca", &path("ca.pem")], "--engine", ""),
    ];
    for (flags, what, hint) in cases {
        let seen = crate::stage::headcount(flags).args(["true", ":::", "1"]).run();
        assert!(seen.ended(2).err.contains(what) && seen.err.contains(hint), "{flags:?}: {}", seen.err);
    }
}

/// Two nodes, each with half of the slots, and the address of the first.
fn cluster() -> Option<([Engine; 2], String)> {
    let node = || Engine::on_ports(&["--port", "--cluster-port"], &["--cluster-enabled", "yes"]);
    let ((first, ports), (second, _)) = (node()?, node()?);
    assert_eq!(first.ask("CLUSTER ADDSLOTSRANGE 0 8191"), "+OK");
    assert_eq!(second.ask("CLUSTER ADDSLOTSRANGE 8192 16383"), "+OK");
    assert_eq!(second.ask("CLUSTER SET-CONFIG-EPOCH 2"), "+OK");
    assert_eq!(second.ask(&format!("CLUSTER MEET 127.0.0.1 {} {}", ports[0], ports[1])), "+OK");
    let since = Instant::now();
    for node in [&first, &second] {
        let is_whole = || {
            let info = node.ask("CLUSTER INFO");
            info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
        };
        while !is_whole() {
            assert!(since.elapsed() < LIMIT, "never a cluster: {}", node.ask("CLUSTER INFO"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Some(([first, second], format!("redis://127.0.0.1:{}", ports[0])))
}

#[test]
fn batches_run_on_a_redis_cluster_whichever_node_has_them() {
    let Some((nodes, url)) = cluster() else { return };
    let engine = ["--engine", &url];
    let _worker = worker(&nodes[0], &engine);
    let has_both = || nodes.iter().all(|node| node.ask("DBSIZE") != ":0");
    // Either node gets some of so many, or a coin fell on one side twenty times.
    for batch in 0..20 {
        let job = ["--order", "input", "echo", "{}", ":::", "1", "2", "3"];
        let seen = nodes[0].call("run").args(engine).args(job).run();
        assert_eq!(seen.ended(0).out(), "1\n2\n3\n", "batch {batch}");
        if has_both() {
            break;
        }
    }
    assert!(has_both(), "both have groups");
    let listed = nodes[0].call("groups").args(engine).run();
    assert!(listed.ended(0).out().contains(" done "), "{}", listed.out());
}
