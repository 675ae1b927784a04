//! Every example says what its description promises.

use std::process::{Command, Output};

fn run(program: &str) -> (String, String) {
    let Output { status, stdout, stderr } = Command::new(program).output().expect("it can be started");
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{status}\n{stdout}{stderr}");
    (stdout, stderr)
}

#[test]
fn the_sum_of_the_squares_is_285_every_time() {
    for _ in 0..20 {
        let (stdout, _) = run(env!("CARGO_BIN_EXE_sum_of_squares"));
        assert_eq!(stdout, "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]\nsum of squares: 285\n");
    }
}

#[test]
fn ten_slow_calls_take_the_time_of_a_few_and_not_of_ten() {
    let (stdout, _) = run(env!("CARGO_BIN_EXE_ten_calls"));
    let (pages, time) = stdout.trim_end().split_once('\n').unwrap();
    let expected: Vec<_> = (0..10).map(|n| format!("page {n}")).collect();
    assert_eq!(pages, expected.join(", "));
    let times: f64 = time.strip_prefix("10 pages in the time of ").unwrap().parse().unwrap();
    // One, were the machine's own; one after the other it would be ten.
    assert!((1.0..5.0).contains(&times), "{time}");
}

#[test]
fn ten_thousand_items_are_never_more_than_a_hundred_at_once() {
    let (stdout, _) = run(env!("CARGO_BIN_EXE_ten_thousand"));
    assert_eq!(stdout, "sum of 10000 items: 50005000\nnever more than 100 at once: true\n");
}

#[test]
fn a_folder_is_hashed_in_order_and_added_up() {
    let (stdout, stderr) = run(env!("CARGO_BIN_EXE_folder_hash"));
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), 101);
    // `printf 'file 0\n%.0s' $(seq 1000) | sha256sum`
    assert!(lines[0].starts_with("d39460e06396e271") && lines[0].ends_with("7000  00.txt"), "{}", lines[0]);
    assert!(lines[1].ends_with("7000  01.txt.gz"), "{}", lines[1]);
    assert_eq!(lines[100], "100 files, 790000 bytes");
    assert!(stderr.contains("read") && stderr.contains("hash"), "{stderr}");
}

#[test]
fn a_folder_that_is_not_there_and_a_file_that_is_no_archive_are_named() {
    let program = env!("CARGO_BIN_EXE_folder_hash");
    let missing = Command::new(program).arg("no/such/folder").output().unwrap();
    let text = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(!missing.status.success() && text.contains("cannot list no/such/folder"), "{text}");

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.gz"), "this is no archive").unwrap();
    let broken = Command::new(program).arg(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&broken.stderr).into_owned();
    assert!(!broken.status.success() && text.contains("broken.gz") && text.contains("read"), "{text}");
}

#[test]
fn a_cache_is_full_when_its_warm_up_returns() {
    let (stdout, _) = run(env!("CARGO_BIN_EXE_warm_up"));
    assert_eq!(stdout, "1000 entries\nthe square of 999 is Some(998001)\n");
}

#[test]
fn rounds_lose_no_heat() {
    let (stdout, _) = run(env!("CARGO_BIN_EXE_rounds"));
    assert!(stdout.starts_with("after 200 rounds: "), "{stdout}");
    assert!(stdout.ends_with("no heat is lost: 100.000\n"), "{stdout}");
}
