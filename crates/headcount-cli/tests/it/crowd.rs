//! Many at once: a child costs no thread, and the files that a shell allows are no limit.

use std::fs::{self, File};
use std::path::Path;

use crate::stage::{fifo, folder, headcount, script};

/// How many there are at once.
const MANY: usize = 500;

/// The hands, who waits for inputs or a reader, the watch, and who answers questions.
const BESIDE_THE_CORES: usize = 8;

/// What the command holds in memory, in kilobytes, without what is mapped of its program.
fn held(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line for it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Lets everyone go on who waits for somebody to write, as long as it is kept. Does not wait itself.
fn opened(gate: &Path) -> File {
    File::options().read(true).write(true).open(gate).unwrap()
}

#[test]
fn hundreds_at_once_take_a_bounded_number_of_threads() {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    let jobs = format!("-j{MANY}");
    let list = folder.path().join("inputs");
    fs::write(&list, "input\n".repeat(MANY)).unwrap();
    let (list, path) = (list.to_str().unwrap(), gate.to_str().unwrap());
    let flags = [&jobs, "-q", "--order", "live", "-a", list];
    let command = ["sh", "-c", "echo up; : < $0", path];
    let mut playing = headcount(flags.iter().chain(&command)).start();
    assert_eq!(playing.lines(MANY), vec!["up\n"; MANY], "all are out at once");
    let pid = playing.child.id();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let _open = opened(&gate);
    playing.end().ended(0);
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(threads <= cores + BESIDE_THE_CORES, "{threads} threads on {cores} cores");
    assert!(held(&status) < 16 * 1024, "{} kB", held(&status));
}

#[test]
fn more_files_are_had_than_the_shell_allows_and_no_child_notices() {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    // The soft limit is enough for six; with more it is raised.
    for (jobs, said) in [(6, "64 6\n"), (30, "64 30\n")] {
        let command = format!(
            "ulimit -Sn 64; seq {jobs} | $HEADCOUNT run -q -j{jobs} --order live sh -c \
             'echo $(ulimit -Sn) {jobs}; : < $0' {}",
            gate.display()
        );
        let mut playing = script(&command).start();
        assert_eq!(playing.lines(jobs), vec![said; jobs], "all are out at once");
        let _open = opened(&gate);
        playing.end().ended(0);
    }
}

#[test]
fn a_limit_that_cannot_be_raised_is_kept() {
    let seen = script("ulimit -n 64; exec $HEADCOUNT run -j7 echo ::: 1 2 3 4 5 6 7").run();
    seen.ended(2);
    assert!(seen.err.contains("there is room for 6\n"), "{}", seen.err);
    let seen = script("ulimit -n 64; exec $HEADCOUNT run -q -j6 echo ::: 1 2 3 4 5 6 7").run();
    seen.ended(0);
}

#[test]
fn a_reader_that_does_not_read_holds_up_nobody_else_s_time() {
    // One fills what is not read; the others are looked after all the same, however few threads there are.
    let command = "[ $0 = 1 ] && exec yes; exec sleep 1000";
    let args = ["-j9", "--order", "live", "--timeout", "1s", "sh", "-c", command, ":::"];
    let inputs = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let mut playing = headcount(args.iter().chain(&inputs)).start();
    let said = playing.err_line();
    assert!(said.contains(" timed out after 1s: "), "{said}");
    playing.end().ended(1);
}
