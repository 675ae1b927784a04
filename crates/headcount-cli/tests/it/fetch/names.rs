//! What files are called, and what is no address.

use super::server::Server;
use super::{into, list, read};
use crate::stage::{fetch, folder};

#[test]
fn no_name_leaves_the_folder_or_hides() {
    let (server, folder) = (Server::of("x"), folder());
    let inner = folder.path().join("inner");
    let paths = [
        "..%2f..%2fescaped",
        "%2e%2e%2f",
        "a/../../b",
        ".hidden",
        "-rf",
        "%00nul%0a",
        "%e2%80%aetxt",
        "con",
        "",
    ];
    let urls: Vec<_> = paths.iter().map(|path| server.url(path)).collect();
    let seen =
        fetch(["-o", inner.to_str().unwrap()].into_iter().chain(urls.iter().map(String::as_str))).run();
    seen.ended(0);
    assert_eq!(list(folder.path()), ["inner"], "nothing is outside");
    assert_eq!(
        list(&inner),
        ["_._", "_._.._escaped", "_con", "_hidden", "_nul_", "_rf", "_txt", "b", "index.html"]
    );
}

#[test]
fn clashes_get_numbers_in_the_order_of_the_inputs_however_fast_they_are() {
    let server = Server::start(|request| super::server::whole(request, request.path.as_bytes(), "\"x\""));
    for _ in 0..3 {
        let folder = folder();
        let urls: Vec<_> = (0..30).map(|n| server.url(&format!("{n}/same.tar.gz"))).collect();
        into(&folder, ["-j8"].into_iter().chain(urls.iter().map(String::as_str))).run().ended(0);
        assert_eq!(read(&folder, "same.tar.gz"), b"/0/same.tar.gz");
        for n in 1..30 {
            assert_eq!(
                read(&folder, &format!("same-{}.tar.gz", n + 1)),
                format!("/{n}/same.tar.gz").as_bytes()
            );
        }
    }
}

#[test]
fn the_same_address_twice_is_fetched_twice() {
    let (server, folder) = (Server::of("x"), folder());
    let url = server.url("a");
    into(&folder, [url.as_str(), &url]).run().ended(0);
    assert_eq!(list(folder.path()), ["a", "a-2"]);
}

#[test]
fn what_is_no_address_fails_alone_and_says_why() {
    let (server, folder) = (Server::of("x"), folder());
    let mut input = b"http://h/\xff\xfe\n\nexample.org/a\nftp://me:secret@h/x\nhttp://\x1b[2J\n".to_vec();
    input.extend(server.url("good\r").bytes());
    let seen = into(&folder, ["--keep-going"]).input(input).run();
    seen.ended(1);
    for what in [
        "member 1 failed: the address is not UTF-8 (attempt 1 of 4)\n  input:   http://h/\\xff\\xfe\n",
        "member 2 failed: an empty line is no address",
        "member 3 failed: this is no address: relative URL without a base",
        "  hint:    write it in full: https://example.org/file\n",
        "member 4 failed: ftp: is not fetched, only http: and https: are (attempt 1 of 4)\n  input:   ftp://***@h/x\n",
        "member 5 failed: this is no address: ",
        "http://\\u{1b}[2J\n",
    ] {
        assert!(seen.err.contains(what), "{what:?} is not in\n{}", seen.err);
    }
    assert_eq!(list(folder.path()), ["good"], "a carriage return is not part of an address");
}

#[test]
fn a_dry_run_says_what_would_be_stored_where_and_asks_nobody() {
    let server = Server::of("x");
    let folder = folder();
    let dir = folder.path().join("new");
    let seen =
        fetch(["--dry-run", "-o", dir.to_str().unwrap(), &server.url("a"), &server.url("b/a"), "nonsense"])
            .run();
    seen.ended(1);
    let line = |path, name| format!("{}\t{}\n", server.url(path), dir.join(name).display());
    assert_eq!(seen.out(), line("a", "a") + &line("b/a", "a-2"));
    assert!(seen.err.contains("headcount: input 3: this is no address"), "{}", seen.err);
    assert!(server.asked().is_empty() && !dir.exists());
}

#[test]
fn credentials_reach_the_server_and_nobody_else() {
    let server = Server::start(|request| match request.before {
        0 => super::server::torn(&super::bytes(600_000), "\"x\"", 400_000, super::server::Act::Close),
        _ => vec![super::server::Act::Send(super::server::answer("403 Forbidden", &[], b""))],
    });
    let folder = folder();
    let url = format!("http://me:geheim@{}/a?b", server.address());
    let (events, joblog) = (folder.path().join("events"), folder.path().join("joblog"));
    let (events, joblog) = (events.to_str().unwrap(), joblog.to_str().unwrap());
    let seen = into(&folder, ["--tag", "--events", events, "--joblog", joblog, &url]).run();
    seen.ended(1);
    assert_eq!(server.asked()[0].header("authorization"), Some("Basic bWU6Z2VoZWlt"));
    assert!(seen.err.contains(&format!("input:   http://***@{}/a?b\n", server.address())), "{}", seen.err);
    let files: Vec<_> = list(folder.path());
    assert_eq!(files, ["a.part", "a.part.note", "events", "joblog"]);
    for name in ["a.part.note", "events", "joblog"] {
        let text = String::from_utf8(read(&folder, name)).unwrap();
        assert!(!text.contains("geheim"), "{name}: {text}");
    }
    assert!(!seen.err.contains("geheim") && !seen.out().contains("geheim"), "{}", seen.err);
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_asked() {
    let server = Server::of("x");
    let url = server.url("a");
    let folder = folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let file = file.to_str().unwrap();
    for (args, what) in [
        (&["-o", "-"][..], "headcount: files are stored, and not printed: there is no folder -\nhint: "),
        (&["-o", file], "headcount: cannot store files in "),
        (
            &["-j0"],
            "headcount: invalid value '0' for '--jobs <N|N%|+N>': with no jobs nothing would ever run\nhint: ",
        ),
        (
            &["--per-host", "0"],
            "headcount: invalid value '0' for '--per-host <N>': with none nothing would ever run\nhint: ",
        ),
        (
            &["--max-body", "5X"],
            "headcount: invalid value '5X' for '--max-body <SIZE>': not a size\nhint: write bytes, or 10K, 5M, 2G\n",
        ),
        (&["--sha256", "/nowhere"], "headcount: cannot read the checksums from /nowhere: "),
        (&["--sha256", file], ": line 1: a sum has 64 digits, and here are 1\nhint: "),
        (&["-a", file], "headcount: --arg-file reads addresses from a file, and some are given here\nhint: "),
        (&[":::", "x", ":::"], "headcount: two lists of ::: have products, and addresses have none\nhint: "),
        (
            &["--quorum", "2"],
            "headcount: --quorum 2 asks for more successes than there can be: there is 1 input\nhint: ",
        ),
        (
            &["--keep-going", "--fail-fast"],
            "headcount: --fail-fast and --keep-going are two policies, and a batch has one\nhint: ",
        ),
        (
            &["--bogus"],
            "headcount: unexpected argument '--bogus' found\nhint: headcount fetch --help shows how it is called\n",
        ),
        (
            &["-j100000000"],
            "headcount: 100000000 transfers at once need more open files than this shell allows",
        ),
    ] {
        let seen = fetch(args.iter().copied().chain([url.as_str()])).run();
        seen.ended(2);
        assert!(seen.err.contains(what), "for {args:?}: {}", seen.err);
    }
    assert!(server.asked().is_empty());
}
