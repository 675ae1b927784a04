//! Memory stays flat, however much goes through.

use std::io::Write;
use std::path::Path;

use crate::stage::{fifo, folder, headcount};

/// The most memory a process ever held, in kilobytes, without what is mapped of its program: how much of that the system keeps
/// in memory is the system's affair, and in a debug build it is most of all.
fn peak(status: &str) -> u64 {
    let figure = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line for each figure");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    };
    figure("VmHWM:").saturating_sub(figure("RssFile:"))
}

#[test]
fn a_million_lines_of_input_are_streamed() {
    let mut playing = headcount(["--dry-run", "echo"]).start();
    let mut stdin = playing.child.stdin.take().unwrap();
    let (read_enough, hold_back) = std::sync::mpsc::channel::<()>();
    let feeder = std::thread::spawn(move || {
        let lines: String = (0..1000).map(|n| format!("input line number {n}\n")).collect();
        for _ in 0..1000 {
            stdin.write_all(lines.as_bytes()).unwrap();
        }
        // The end of the input, until the other side hangs up.
        let _ = hold_back.recv();
    });
    // What is left in buffers does not come before the end, which we hold back.
    playing.skip_lines(990_000);
    let status = std::fs::read_to_string(format!("/proc/{}/status", playing.child.id())).unwrap();
    drop(read_enough);
    playing.end().ended(0);
    feeder.join().unwrap();
    assert!(peak(&status) < 8 * 1024, "{} kB", peak(&status));
}

#[test]
fn a_million_lines_are_not_read_before_they_are_needed() {
    let folder = folder();
    let file = folder.path().join("inputs");
    std::fs::write(&file, "a line of input\n".repeat(1_000_000)).unwrap();
    let seen = headcount(["-a", file.to_str().unwrap(), "sh", "-c", "cat /proc/$PPID/status; exit 1"]).run();
    seen.ended(1);
    assert!(peak(seen.out()) < 8 * 1024, "{} kB", peak(seen.out()));
}

#[test]
fn output_behind_a_slow_head_is_not_held_in_memory() {
    const BEHIND: usize = 100_000_000;
    let folder = folder();
    let gate = fifo(&folder, "gate");
    // Member 1 waits for the last one; between them comes more than may be held.
    let command = "case $1 in 1) read -r line < $0; echo head;; 4) cat /proc/$PPID/status; echo go > $0;; \
                   *) head -c 50000000 /dev/zero;; esac";
    let gate_path: &Path = &gate;
    let args = ["-q", "-j2", "--order", "input", "sh", "-c", command, gate_path.to_str().unwrap()];
    let seen = headcount(args).input("1\n2\n3\n4\n").run();
    seen.ended(0);
    assert!(seen.out.starts_with(b"head\n"));
    assert_eq!(seen.out.iter().filter(|&&byte| byte == 0).count(), BEHIND);
    let status = seen.out.rsplit(|&byte| byte == 0).next().unwrap();
    let peak = peak(std::str::from_utf8(status).unwrap());
    assert!(peak < 12 * 1024, "{peak} kB");
}

#[test]
fn a_member_that_prints_much_is_not_held_in_memory() {
    let seen =
        headcount(["-q", "sh", "-c", "head -c 100000000 /dev/zero; cat /proc/$PPID/status", ":::", "1"])
            .run();
    seen.ended(0);
    assert_eq!(seen.out.iter().filter(|&&byte| byte == 0).count(), 100_000_000);
    let status = seen.out.rsplit(|&byte| byte == 0).next().unwrap();
    let peak = peak(std::str::from_utf8(status).unwrap());
    assert!(peak < 8 * 1024, "{peak} kB");
}

/// A journal in which all of so many members have ended, but the last one has not begun.
fn long_journal(members: u64, work: &[&str]) -> Vec<u8> {
    use headcount_cli::journal::{Heading, Record, framed, header};
    use headcount_cli::ledger::{End, Event};
    let salt = 1;
    let mut bytes = header(salt).to_vec();
    let mut number = 0;
    let mut write = |record: Record| {
        bytes.extend(framed(&record, salt, number));
        number += 1;
    };
    let work = work.iter().map(|word| word.as_bytes().to_vec()).collect();
    write(Record::Began(Heading { pid: 1, work }));
    for member in 1..=members {
        write(Record::Registered(vec![format!("input line number {member}").into_bytes()]));
        if member < members {
            write(Record::Event(Event::Started { member, attempt: 1 }));
            write(Record::Event(Event::Ended { member, attempt: 1, end: End::Done }));
        }
    }
    bytes
}

#[test]
fn many_inputs_are_resumed_without_holding_them() {
    const MEMBERS: u64 = 200_000;
    let folder = folder();
    let (journal, inputs) = (folder.path().join("journal"), folder.path().join("inputs"));
    let command = ["sh", "-c", "cat /proc/$PPID/status"];
    std::fs::write(&journal, long_journal(MEMBERS, &[&["run"], &command[..]].concat())).unwrap();
    let lines: String = (1..=MEMBERS).map(|member| format!("input line number {member}\n")).collect();
    std::fs::write(&inputs, lines).unwrap();
    let flags = ["--resume", "--journal", journal.to_str().unwrap(), "-a", inputs.to_str().unwrap()];
    let seen = headcount(flags.iter().chain(&command)).run();
    seen.ended(0);
    let counts = format!("{MEMBERS} members: {MEMBERS} ok, 0 failed, 0 lost, 0 cancelled\n");
    assert!(seen.err.contains(&counts), "{}", seen.err);
    assert!(peak(seen.out()) < 8 * 1024, "{} kB", peak(seen.out()));
}
