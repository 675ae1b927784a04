//! The printer: orders, tags, and nothing mixed.

use std::collections::HashMap;

use rustix::process::Signal;

use crate::stage::{fifo, folder, headcount, script, tell};

/// Members that hand the turn on through named pipes: member 1 cannot end before member 2 has.
const SECOND_FIRST: &str = "if [ $1 = 1 ]; then echo one; read -r line < $2; echo $line; \
                            else echo two; echo late > $2; fi";

fn second_first(order: &str) -> String {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    let gate = gate.to_str().unwrap();
    let seen =
        headcount(["-j2", "--order", order, "sh", "-c", SECOND_FIRST, "sh", "{}", gate, ":::", "1", "2"])
            .run();
    seen.ended(0);
    seen.out().to_owned()
}

#[test]
fn done_prints_who_ends_first_first_and_whole() {
    // Member 2 may end after member 1, but whatever the order, each comes as a whole.
    let out = second_first("done");
    assert!(out == "two\none\nlate\n" || out == "one\nlate\ntwo\n", "{out}");
}

#[test]
fn input_prints_in_the_order_of_the_inputs() {
    for _ in 0..5 {
        assert_eq!(second_first("input"), "one\nlate\ntwo\n");
    }
    let expected: String = (1..=200).map(|n| format!("{n}\n")).collect();
    let seen = headcount(["-j8", "--order", "input", "echo"]).input(expected.clone()).run();
    assert_eq!(seen.out(), expected);
}

#[test]
fn live_prints_lines_as_they_come() {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    let script = "echo before; read -r line < $0; echo $line";
    let mut playing =
        headcount(["-q", "--order", "live", "sh", "-c", script, gate.to_str().unwrap(), ":::", "x"]).start();
    assert_eq!(playing.lines(1), ["before\n"], "while the member still runs");
    tell(&gate, "after\n");
    let seen = playing.end();
    seen.ended(0);
    assert_eq!(seen.out(), "after\n");
}

#[test]
fn input_streams_the_head() {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    let script = "echo before; read -r line < $0; echo $line";
    let mut playing =
        headcount(["-q", "--order", "input", "sh", "-c", script, gate.to_str().unwrap(), ":::", "x"]).start();
    assert_eq!(playing.lines(1), ["before\n"], "while the member still runs");
    tell(&gate, "after\n");
    playing.end().ended(0);
}

#[test]
fn the_two_streams_are_kept_apart() {
    for order in ["done", "input", "live"] {
        let seen =
            headcount(["-q", "--order", order, "sh", "-c", "echo out; echo err >&2", ":::", "a", "b"]).run();
        seen.ended(0);
        assert_eq!((seen.out(), seen.err.as_str()), ("out\nout\n", "err\nerr\n"), "{order}");
    }
}

#[test]
fn bytes_are_printed_unchanged() {
    for (order, expected) in [("done", "a b"), ("input", "a b"), ("live", "a b\n")] {
        let seen = headcount(["-q", "--order", order, "printf", "a b", ":::", "x"]).run();
        assert_eq!(seen.out(), expected, "only where lines are the unit is the last one ended: {order}");
    }
}

#[test]
fn every_line_is_tagged() {
    for order in ["done", "input", "live"] {
        let command = "printf 'a\\n\\nb'; echo c >&2";
        let seen = headcount(["-q", "--order", order, "--tag", "sh", "-c", command, ":::", "x y"]).run();
        assert_eq!(seen.out(), "x y\ta\nx y\t\nx y\tb\n", "{order}");
        assert_eq!(seen.err, "x y\tc\n", "{order}");
    }
}

#[test]
fn a_tag_is_one_line_whatever_the_input() {
    let seen = headcount(["-q", "-0", "--tag", "echo", "{#}"]).input(&b"a\nb\tc\x1b\0"[..]).run();
    assert_eq!(seen.out(), "a\\nb\\tc\\x1b\t1\n");
    let seen = headcount(["-q", "--tag", "echo", "{2}", ":::", "a", ":::", "b"]).run();
    assert_eq!(seen.out(), "a b\tb\n");
}

#[test]
fn nothing_is_mixed_inside_a_line() {
    const MEMBERS: usize = 24;
    const LINES: usize = 400;
    let padding = "x".repeat(150);
    let format = format!("{{#}} %g {padding} {{#}}");
    let inputs: String = (1..=MEMBERS).map(|n| format!("{n}\n")).collect();
    for order in ["live", "done"] {
        let seen =
            headcount(["-q", "-j8", "--order", order, "--shell", &format!("seq -f '{format}' {LINES}")])
                .input(inputs.clone())
                .run();
        seen.ended(0);
        let mut next: HashMap<&str, usize> = HashMap::new();
        for line in seen.out().lines() {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(words.len() == 4 && words[0] == words[3] && words[2] == padding, "mixed: {line}");
            let count = next.entry(words[0]).or_default();
            *count += 1;
            assert_eq!(words[1], count.to_string(), "the lines of a member keep their order");
        }
        assert_eq!(next.values().sum::<usize>(), MEMBERS * LINES);
    }
}

#[test]
fn a_closed_stdout_ends_the_batch_quietly() {
    // More than a pipe holds, so that the first member cannot be done with a reader that is gone.
    let command = "seq 100000; [ $0 = 1 ] || exec sleep 1000";
    for order in ["done", "input", "live"] {
        let seen = script(&format!(
            "{{ $HEADCOUNT run -j2 --order {order} sh -c '{command}' ::: 1 2 3 4; echo $? >&2; }} | true"
        ))
        .run();
        seen.ended(0);
        assert_eq!(
            seen.err, "141\n",
            "{order}: it dies of the closed pipe as other tools do, and says nothing"
        );
    }
}

#[test]
fn a_full_disk_behind_stdout_is_an_error() {
    let seen = script("exec $HEADCOUNT run -j1 echo {} ::: a b c > /dev/full").run();
    seen.ended(1);
    assert!(
        seen.err.starts_with(
            "headcount: member a: writing to standard output failed: No space left on device (os error 28)\n\
             hint: is the disk full, or the output closed?\n\
             3 members: 0 ok, 1 failed, 0 lost, 2 cancelled\n"
        ),
        "{}",
        seen.err
    );
}

#[test]
fn a_spool_that_cannot_be_made_is_an_error_that_names_the_member() {
    let seen = headcount(["-j1", "head", "-c", "3000000", "{}", ":::", "/dev/zero", "/dev/zero"])
        .env("TMPDIR", "/no/such")
        .run();
    seen.ended(1);
    assert!(
        seen.err.starts_with("headcount: member /dev/zero: its output could not be kept in /no/such: "),
        "{}",
        seen.err
    );
    assert!(
        seen.err.contains("\nhint: free some space there, or set TMPDIR to a roomier folder\n"),
        "{}",
        seen.err
    );
    assert!(seen.err.contains("2 members: 0 ok, 1 failed, 0 lost, 1 cancelled\n"), "{}", seen.err);
    assert!(seen.out.is_empty(), "no part of an output that has a hole is printed");
}

#[test]
fn a_full_spool_is_an_error_that_names_the_member() {
    // Files may not grow beyond some blocks, which is how a full disk looks to us.
    let seen = script(
        "trap '' XFSZ; ulimit -f 3000; exec $HEADCOUNT run -j1 --shell 'yes | head -c {}' ::: 20000000",
    )
    .run();
    seen.ended(1);
    assert!(
        seen.err.contains("headcount: member 20000000: its output could not be kept in "),
        "{}",
        seen.err
    );
    assert!(seen.err.contains("1 member: 0 ok, 1 failed, 0 lost, 0 cancelled\n"), "{}", seen.err);
}

#[test]
fn large_outputs_come_whole_through_the_spool() {
    // The sockets go elsewhere, so that what is left in the first is the spool's.
    let (folder, sockets) = (folder(), folder());
    for order in ["done", "input"] {
        let seen =
            headcount(["-q", "-j3", "--order", order, "seq", "-f", "{}%.0f", "600000", ":::", "a", "b", "c"])
                .env("TMPDIR", folder.path())
                .env("XDG_RUNTIME_DIR", sockets.path())
                .run();
        seen.ended(0);
        let mut expected: Vec<String> = ["a", "b", "c"]
            .iter()
            .flat_map(|name| (1..=600_000).map(move |n| format!("{name}{n}")))
            .collect();
        if order == "done" {
            // Whole, whoever came first.
            let first: Vec<String> =
                seen.out().lines().step_by(600_000).map(|line| line[..1].to_owned()).collect();
            expected =
                first.iter().flat_map(|name| (1..=600_000).map(move |n| format!("{name}{n}"))).collect();
        }
        assert!(seen.out().lines().eq(expected), "{order}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the spool has no name");
    }
}

#[test]
fn the_torn_last_line_of_a_stopped_member_is_left_out() {
    let mut playing = headcount([
        "-q",
        "-j2",
        "--order",
        "live",
        "sh",
        "-c",
        "echo whole; printf torn; exec sleep 1000",
        ":::",
        "1",
    ])
    .start();
    assert_eq!(playing.lines(1), ["whole\n"]);
    playing.signal(Signal::TERM);
    let seen = playing.end();
    seen.died_by(Signal::TERM);
    assert_eq!(seen.out(), "");
}
