//! The gateway as its clients and its operator see it.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Response;
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::JoinHandle;

/// A gateway that runs; killed at the latest when this is dropped.
struct Running {
    process: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Running {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("it says where it listens");
        let address = line.trim_end().strip_prefix("listening on ").expect("it says where").to_owned();
        Self { process, output, address }
    }

    async fn get(&self, sku: &str) -> (u16, String, Duration) {
        let begin = Instant::now();
        let url = format!("{}/offer/{sku}", self.address);
        let answer = headcount_examples::client().get(url).send().await.expect("it answers");
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("it has a body"), begin.elapsed())
    }

    /// Makes a request, and comes back with the answer to be when it is under way.
    async fn ask(&self, sku: &str) -> JoinHandle<reqwest::Result<Response>> {
        let client = headcount_examples::client();
        let answer = tokio::spawn(client.get(format!("{}/offer/{sku}", self.address)).send());
        let under_way = async {
            loop {
                let out = client.get(format!("{}/out", self.address)).send().await.expect("it answers");
                if out.text().await.expect("it has a body").contains(&format!("GET /offer/{sku}")) {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(90), under_way).await.expect("it begins");
        answer
    }

    /// Tells it to stop; whether it did so well, and what it said.
    fn stop(mut self) -> (bool, String) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, Signal::TERM).expect("it runs");
        let mut said = String::new();
        self.output.read_to_string(&mut said).expect("it speaks UTF-8");
        (self.process.wait().expect("it ends").success(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn both_answers_come_back_as_one() {
    let gateway = Running::start();
    let (status, body, _) = gateway.get("42").await;
    assert_eq!((status, body.as_str()), (200, r#"{"sku":"42","price":"9.95","stock":"plenty"}"#));
}

#[tokio::test]
async fn a_service_that_fails_ends_the_request_and_is_named() {
    let gateway = Running::start();
    let (status, body, _) = gateway.get("unknown").await;
    assert_eq!(status, 502);
    assert!(body.contains("group \"offer\"") && body.contains("404 Not Found"), "{body}");
}

#[tokio::test]
async fn a_request_is_answered_within_its_deadline() {
    let gateway = Running::start();
    let (status, body, took) = gateway.get("slow").await;
    assert_eq!(status, 504, "{body}");
    // The service would take a minute.
    assert!((Duration::from_millis(500)..Duration::from_secs(90)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn on_sigterm_requests_that_are_under_way_are_answered_first() {
    let gateway = Running::start();
    let late = gateway.ask("slow").await;
    let (well, said) = tokio::task::spawn_blocking(move || gateway.stop()).await.unwrap();
    assert_eq!(said.lines().last(), Some("everyone is back"), "{said}");
    assert!(well && said.contains("SIGTERM"), "{said}");
    assert_eq!(late.await.unwrap().unwrap().status(), 504);
}

#[tokio::test]
async fn who_will_not_stop_is_named_in_a_roll_call() {
    let gateway = Running::start();
    let stubborn = gateway.ask("stubborn").await;
    let (well, said) = tokio::task::spawn_blocking(move || gateway.stop()).await.unwrap();
    assert!(!well);
    assert!(said.contains("1 still out") && said.contains("\"GET /offer/stubborn\""), "{said}");
    assert!(stubborn.await.unwrap().is_err(), "the connection was cut");
}
