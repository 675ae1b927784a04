//! What cannot be done is said before anything starts: what was asked, what is wrong, a hint, exit code 2.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::stage::{folder, headcount, script};

/// What is written on stderr for these arguments, with a batch behind them that would print.
#[track_caller]
fn refused(args: &[&str], message: &str) {
    let seen = headcount(args).input("1\n2\n").run();
    seen.ended(2);
    assert_eq!(seen.err, message, "for {args:?}");
    assert_eq!(seen.out(), "", "nothing ran for {args:?}");
}

#[test]
fn unknown_flag() {
    refused(
        &["--bogus", "echo"],
        "headcount: unexpected argument '--bogus' found\n\
         hint: headcount run --help lists the options; they stand before the command\n",
    );
    refused(
        &["--orde", "done", "echo"],
        "headcount: unexpected argument '--orde' found\n\
         hint: a similar argument exists: '--order'; headcount run --help lists all\n",
    );
}

#[test]
fn no_jobs() {
    for jobs in ["-j0", "--jobs=0", "-j0%"] {
        let value = jobs.trim_start_matches(|c: char| !c.is_ascii_digit());
        refused(
            &[jobs, "echo"],
            &format!(
                "headcount: invalid value '{value}' for '--jobs <N|N%|+N>': with no jobs nothing would ever run\n\
                 hint: -j1 runs one at a time, -j100% one a core\n"
            ),
        );
    }
}

#[test]
fn jobs_that_are_no_number() {
    for jobs in ["x", "-1", "1.5", "", "%", "+"] {
        refused(
            &["-j", jobs, "echo"],
            &format!(
                "headcount: invalid value '{jobs}' for '--jobs <N|N%|+N>': not a number of jobs\n\
                 hint: write 8, 50% or +2\n"
            ),
        );
    }
}

#[test]
fn more_jobs_than_open_files() {
    let seen = script("ulimit -n 64; exec $HEADCOUNT run -j1000 echo").input("1\n").run();
    seen.ended(2);
    assert_eq!(
        seen.err,
        "headcount: 1000 jobs at once need more open files than this shell allows; there is room for 6\n\
         hint: raise the limit with ulimit -n, or ask for fewer jobs with -j\n"
    );
}

#[test]
fn no_stdout_is_refused() {
    // As a shell opens it, as Python's DEVNULL and Node's 'ignore' do, and closed, where the runtime opens it so.
    for stdout in [">/dev/null", "1<>/dev/null", "<&- 1<>/dev/null", ">&-", "<&- >&-", "2>&-", ">&- 2>&-"] {
        let folder = folder();
        let ran = folder.path().join("ran");
        let seen = script(&format!("exec $HEADCOUNT run sh -c 'echo x; : > \"$0\"' ::: \"$RAN\" {stdout}"))
            .env("RAN", &ran)
            .run();
        seen.ended(0);
        assert!(ran.exists() && !seen.out().contains("headcount:"), "{stdout}: {}", seen.err);
    }
}

#[test]
fn a_column_name_that_is_none() {
    for word in ["{users}", "x{users/.}@{host}"] {
        let seen = headcount(["--csv", "--header", "echo", word]).input("host,user\nh1,al\n").run();
        seen.ended(2);
        let name = word.trim_start_matches("x{").trim_start_matches('{').split('}').next().unwrap();
        assert_eq!(
            seen.err,
            format!(
                "headcount: the command asks for {{{name}}}, and the columns are host, user\n\
                 hint: for the text itself write it with a blank: {{ {name} }}\n"
            )
        );
    }
    let seen = headcount(["--csv", "--header", "echo", "{ users }", "{}", "{a b}"]).input("host\nh1\n").run();
    seen.ended(0);
    let seen = headcount(["echo", "{users}"]).input("1\n").run();
    seen.ended(0);
    assert_eq!(seen.out(), "{users} 1\n", "without named columns it is text");
}

#[test]
fn a_header_without_a_table() {
    refused(
        &["--header", "echo", "{host}"],
        "headcount: the following required arguments were not provided: --csv\n\
         hint: headcount run --help lists the options; they stand before the command\n",
    );
}

#[test]
fn a_value_that_is_none_of_those_possible() {
    refused(
        &["--order", "sideways", "echo"],
        "headcount: invalid value 'sideways' for '--order <WHEN>'\n\
         hint: write one of done, input, live\n",
    );
}

#[test]
fn missing_command() {
    let message = "headcount: there is no command to run\n\
                   hint: write it after the options and before the inputs: headcount run gzip -9 {} ::: *.log\n";
    refused(&[], message);
    refused(&["-j2"], message);
    refused(&[":::", "a"], message);
}

#[test]
fn unreadable_file() {
    refused(
        &["-a", "/no/such/file", "echo"],
        "headcount: cannot read the inputs from /no/such/file: No such file or directory (os error 2)\n\
         hint: is the path right? it counts from the current folder\n",
    );
    refused(
        &["-a", "/", "echo"],
        "headcount: cannot read the inputs from /: it is a folder\n\
         hint: for the files in it: find / -type f -print0 | headcount run -0 ...\n",
    );
}

#[test]
fn command_not_found() {
    refused(
        &["no-such-command", "{}"],
        "headcount: command not found: no-such-command\n\
         hint: no folder in PATH has it; is it spelled right?\n",
    );
    refused(
        &["./no-such-command"],
        "headcount: command not found: ./no-such-command\n\
         hint: there is no file at this path\n",
    );
    refused(
        &["echo hello"],
        "headcount: command not found: echo hello\n\
         hint: this is one word; leave out the quotes, or use --shell for a whole command line\n",
    );
}

#[test]
fn not_executable() {
    let folder = folder();
    let file = folder.path().join("script");
    std::fs::write(&file, "echo\n").unwrap();
    let file = file.to_str().unwrap();
    let hint = "hint: make it executable with chmod +x, or name the program that reads it: sh FILE {}\n";
    refused(
        &[file],
        &format!("headcount: not executable: {file}: it has no permission to be executed\n{hint}"),
    );
    refused(&["/"], "headcount: not executable: /: it is a folder\nhint: name a program in it\n");
}

#[test]
fn column_that_is_not_there() {
    refused(
        &["echo", "{3}", ":::", "a", ":::", "b"],
        "headcount: the command asks for column 3 ({3}), and there are 2 columns of input\n\
         hint: give one more ::: list, or rows with --csv\n",
    );
}

#[test]
fn inputs_from_two_places() {
    for (flags, flag) in [(vec!["--csv"], "--csv"), (vec!["-0"], "--null"), (vec!["-a", "x"], "--arg-file")] {
        let args: Vec<&str> = flags.into_iter().chain(["echo", ":::", "a"]).collect();
        refused(
            &args,
            &format!(
                "headcount: {flag} reads inputs from a file, and ::: gives them here\n\
                 hint: leave out {flag}, or put the inputs into the file\n"
            ),
        );
    }
}

#[test]
fn a_time_that_is_none() {
    for (time, why, hint) in [
        ("1q", "there is no unit \"q\"", "write 500ms, 1.5s, 2m or 1h"),
        ("soon", "there is no unit \"soon\"", "write 500ms, 1.5s, 2m or 1h"),
        ("-1s", "not a time", "write 500ms, 1.5s, 2m, or seconds"),
        ("", "not a time", "write 500ms, 1.5s, 2m, or seconds"),
        ("1.2.3", "not a time", "write 500ms, 1.5s, 2m, or seconds"),
    ] {
        refused(
            &["--grace", time, "echo"],
            &format!("headcount: invalid value '{time}' for '--grace <TIME>': {why}\nhint: {hint}\n"),
        );
    }
}

#[test]
fn no_time_at_all() {
    for flag in ["--timeout", "--deadline"] {
        refused(
            &[flag, "0ms", "echo"],
            &format!(
                "headcount: invalid value '0ms' for '{flag} <TIME>': in no time nothing can be done\n\
                 hint: leave it out for no limit\n"
            ),
        );
    }
}

#[test]
fn a_command_where_a_subcommand_belongs() {
    let seen = script("exec $HEADCOUNT echo a").run();
    seen.ended(2);
    assert_eq!(
        seen.err,
        "headcount: there is no subcommand echo\n\
         hint: to run a command of this name: headcount run echo ...; headcount --help lists the rest\n"
    );
    let seen = script("exec $HEADCOUNT fetsh a").run();
    seen.ended(2);
    assert!(seen.err.contains("\nhint: a similar subcommand exists: 'fetch'"), "{}", seen.err);
}

#[test]
fn two_policies() {
    let flags = [
        &["--fail-fast"][..],
        &["--keep-going"],
        &["--first-success"],
        &["--quorum", "1"],
        &["--max-failures", "10%"],
    ];
    for (place, one) in flags.iter().enumerate() {
        for other in &flags[place + 1..] {
            for args in [[*one, *other].concat(), [*other, *one].concat()] {
                let (one, other) = (one[0], other[0]);
                refused(
                    &[&args[..], &["echo"]].concat(),
                    &format!(
                        "headcount: {one} and {other} are two policies, and a batch has one\n\
                         hint: leave out {one} or {other}\n"
                    ),
                );
            }
        }
    }
}

#[test]
fn a_quorum_that_cannot_be() {
    for (needed, inputs, there) in
        [("3", &["a", "b"][..], "are 2 inputs"), ("2", &["a"], "is 1 input"), ("1", &[], "are 0 inputs")]
    {
        refused(
            &[&["--quorum", needed, "echo", ":::"], inputs].concat(),
            &format!(
                "headcount: --quorum {needed} asks for more successes than there can be: there {there}\n\
                 hint: ask for as many as there are inputs, or fewer\n"
            ),
        );
    }
    for (value, why, hint) in [
        ("0", "a quorum of nobody is always reached", "--quorum 1 asks for one success"),
        ("-1", "not a number of members", "write how many have to succeed: 3"),
        ("half", "not a number of members", "write how many have to succeed: 3"),
    ] {
        refused(
            &["--quorum", value, "echo"],
            &format!("headcount: invalid value '{value}' for '--quorum <K>': {why}\nhint: {hint}\n"),
        );
    }
}

#[test]
fn failures_that_cannot_be_counted() {
    for (value, why, hint) in [
        ("", "not a number of failures", "write 5 or 10%"),
        ("%", "not a number of failures", "write 5 or 10%"),
        ("-1", "not a number of failures", "write 5 or 10%"),
        ("1.5", "not a number of failures", "write 5 or 10%"),
        ("101%", "more than all cannot fail", "--keep-going runs every input, whatever fails"),
    ] {
        refused(
            &["--max-failures", value, "echo"],
            &format!("headcount: invalid value '{value}' for '--max-failures <N|N%>': {why}\nhint: {hint}\n"),
        );
    }
}

#[test]
fn bytes_that_are_not_utf_8() {
    let word = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    for (args, message) in [
        (
            vec![word(b"\xff\xfe\x1b")],
            "headcount: command not found: \\xff\\xfe\\u{1b}\nhint: no folder in PATH has it; is it spelled right?\n",
        ),
        (
            vec![word(b"-a"), word(b"/\xff"), word(b"echo")],
            "headcount: cannot read the inputs from /\\xff: No such file or directory (os error 2)\n\
             hint: is the path right? it counts from the current folder\n",
        ),
    ] {
        let seen = headcount(&args).run();
        seen.ended(2);
        assert_eq!(seen.err, message);
    }
    for args in [vec![word(b"--\xff"), word(b"echo")], vec![word(b"-j\xff"), word(b"echo")]] {
        let seen = headcount(&args).run();
        seen.ended(2);
        assert!(seen.err.starts_with("headcount: ") && seen.err.contains("\nhint: "), "{}", seen.err);
    }
}

#[test]
fn what_follows_the_command_belongs_to_it() {
    let seen = headcount(["echo", "--bogus", "-j0", "--", "{}", "--help", ":::", "--tag", "-k"]).run();
    seen.ended(0);
    assert_eq!(seen.sorted(), ["--bogus -j0 -- --tag --help", "--bogus -j0 -- -k --help"]);
    let seen = headcount(["-q", "--", "echo", "{}", ":::", "a"]).run();
    seen.ended(0);
    assert_eq!((seen.out(), seen.err.as_str()), ("a\n", ""));
}

#[test]
fn help_begins_with_examples() {
    let seen = headcount(["--help"]).run();
    seen.ended(0);
    let (examples, usage) = (seen.out().find("Examples:").unwrap(), seen.out().find("Usage:").unwrap());
    assert!(examples < usage && seen.err.is_empty());
    assert!(seen.out().lines().all(|line| line.chars().count() <= 100), "it fits a terminal");
}
