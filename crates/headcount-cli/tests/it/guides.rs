//! What the guides and the examples beside them call: it exists, and is called as it can be called.

use std::path::{Path, PathBuf};
use std::process::Command;

use headcount_cli::args::table;
use yaml_rust2::{Yaml, YamlLoader};

use crate::stage::{Stage, folder};

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(docs(name)).unwrap_or_else(|error| panic!("docs/{name}: {error}"))
}

/// The calls of the command in a page's code, each from its subcommand on.
fn calls(page: &str) -> Vec<&str> {
    let code = page.split("```").skip(1).step_by(2).flat_map(str::lines);
    let inline = page.split("```").step_by(2).flat_map(|text| text.split('`').skip(1).step_by(2));
    let calls = code.chain(inline).flat_map(|line| line.split("headcount ").skip(1));
    calls.map(|call| call.split(['#', '|', ')']).next().unwrap_or_default()).collect()
}

#[test]
fn the_guides_name_subcommands_and_flags_that_there_are() {
    let table = table();
    let mut found = 0;
    for name in ["cluster.md", "operations.md"] {
        let page = read(name);
        for call in calls(&page) {
            let mut words = call.split_whitespace();
            let Some(subcommand) = words.next().and_then(|word| table.find_subcommand(word)) else {
                continue;
            };
            let flags: Vec<_> = subcommand.get_arguments().filter_map(clap::Arg::get_long).collect();
            for flag in words.filter_map(|word| word.strip_prefix("--")) {
                let flag = flag.split('=').next().unwrap_or_default();
                assert!(flags.contains(&flag), "docs/{name}: headcount {call}: there is no --{flag}");
                found += 1;
            }
        }
    }
    assert!(found > 8, "only {found} flags were found");
}

/// Calls a worker as it is called there, but for an engine that is not there: whatever cannot be read would end it before.
fn call(words: &[String]) {
    let kept = folder();
    let mut words = words.to_vec();
    for (flag, value) in
        [("--engine", "redis://127.0.0.1:1"), ("--keep", kept.path().to_str().expect("a path"))]
    {
        if let Some(at) = words.iter().position(|word| word == flag) {
            value.clone_into(&mut words[at + 1]);
        }
    }
    let mut command = Command::new(crate::binary::headcount());
    command.args(&words).args(["--patience", "10ms"]).env_remove("HEADCOUNT_ENGINE");
    let seen = Stage::new(command).run();
    assert!(seen.ended(5).err.contains("redis://127.0.0.1:1"), "{words:?}: {}", seen.err);
}

/// Seconds, of what was written for a flag.
fn minutes(words: &[String], flag: &str) -> i64 {
    let at = words.iter().position(|word| word == flag).expect("the flag");
    60 * words[at + 1].trim_end_matches('m').parse::<i64>().expect("minutes")
}

#[test]
fn the_systemd_unit_calls_a_worker_as_it_can_be_called_and_gives_it_time() {
    let unit = read("worker/headcount-worker.service");
    let setting = |name: &str| {
        let value = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    let words: Vec<_> = setting("ExecStart").split(' ').map(str::to_owned).collect();
    assert!(words[0].ends_with("/headcount"), "{words:?}");
    call(&words[1..]);
    let stop: i64 = setting("TimeoutStopSec").trim_end_matches("min").parse().expect("minutes");
    assert!(60 * stop > minutes(&words, "--drain"), "it is killed before it has drained");
    assert_eq!(setting("KillMode"), "mixed", "members would be told to end at once");
    for line in unit.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '['])) {
        assert!(
            line.split_once('=').is_some_and(|(name, _)| name.bytes().all(|byte| byte.is_ascii_alphabetic())),
            "{line}"
        );
    }
}

#[test]
fn the_manifests_call_workers_as_they_can_be_called_and_give_them_time() {
    for (name, kind) in [("worker/deployment.yaml", "Deployment"), ("worker/job.yaml", "Job")] {
        let all =
            YamlLoader::load_from_str(&read(name)).unwrap_or_else(|error| panic!("docs/{name}: {error}"));
        let [manifest] = &all[..] else { panic!("docs/{name}: {} documents", all.len()) };
        assert_eq!(manifest["kind"].as_str(), Some(kind));
        let pod = &manifest["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        assert_eq!(container["command"][0].as_str(), Some("headcount"));
        let args = container["args"].as_vec().expect("arguments");
        let args: Vec<_> = args.iter().filter_map(Yaml::as_str).map(str::to_owned).collect();
        call(&args);
        assert!(
            pod["terminationGracePeriodSeconds"].as_i64().expect("seconds") > minutes(&args, "--drain"),
            "{name}"
        );
        // The address is read where it is put.
        let mounted = container["volumeMounts"][0]["mountPath"].as_str().expect("a path");
        assert!(args.iter().any(|arg| arg.starts_with(&format!("@{mounted}/"))), "{name}: {args:?}");
        assert_eq!(pod["volumes"][0]["name"], container["volumeMounts"][0]["name"]);
    }
}

#[test]
fn the_rights_in_the_guide_are_those_that_are_tested() {
    let tested = include_str!("../../../headcount-cluster/src/redis/rights.acl");
    assert!(
        read("operations.md").contains(tested.trim_end()),
        "docs/operations.md has other rights than headcount-cluster"
    );
}
