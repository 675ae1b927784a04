//! What goes well, and how much at once.

use std::sync::Arc;

use super::server::{Act, Gate, Server, answer, whole};
use super::{bytes, into, list, read};
use crate::stage::{fetch, folder};

#[test]
fn files_are_stored_under_their_names_which_are_printed() {
    let (server, folder) = (Server::of("hello"), folder());
    let seen = into(&folder, [server.url("x/a.txt").as_str(), &server.url("b?c=d")]).run();
    seen.ended(0);
    assert_eq!((read(&folder, "a.txt"), read(&folder, "b")), (b"hello".to_vec(), b"hello".to_vec()));
    let path = |name| format!("{}", folder.path().join(name).display());
    assert_eq!(seen.sorted(), [path("a.txt"), path("b")]);
    assert_eq!(seen.err, "2 members: 2 ok, 0 failed, 0 lost, 0 cancelled\n");
    assert_eq!(list(folder.path()), ["a.txt", "b"], "and nothing else is left");
}

#[test]
fn flags_may_stand_behind_addresses_and_the_folder_is_made() {
    let (server, folder) = (Server::of("hello"), folder());
    let inner = folder.path().join("new/inner");
    let url = server.url("a");
    let seen = fetch([url.as_str(), "--tag", "-o", inner.to_str().unwrap()]).run();
    seen.ended(0);
    assert_eq!(seen.out(), format!("{url}\t{}\n", inner.join("a").display()));
    assert_eq!(std::fs::read(inner.join("a")).unwrap(), b"hello");
}

#[test]
fn without_a_folder_files_are_stored_here() {
    let (server, folder) = (Server::of("hello"), folder());
    let mut stage = fetch([server.url("a")]);
    stage.command.current_dir(folder.path());
    let seen = stage.run();
    seen.ended(0);
    assert_eq!(seen.out(), "a\n");
    assert_eq!(read(&folder, "a"), b"hello");
}

#[test]
fn addresses_come_from_lines_from_nul_ended_records_or_a_file() {
    let (server, folder) = (Server::of("hello"), folder());
    let (a, b) = (server.url("a"), server.url("b"));
    into(&folder, []).input(format!("{a}\n{b}")).run().ended(0);
    into(&folder, ["-0"]).input(format!("{}\0{}\0", server.url("c"), server.url("d"))).run().ended(0);
    let file = folder.path().join("addresses");
    std::fs::write(&file, server.url("e")).unwrap();
    into(&folder, ["-a", file.to_str().unwrap()]).run().ended(0);
    into(&folder, [":::", server.url("f").as_str()]).run().ended(0);
    assert_eq!(list(folder.path()), ["a", "addresses", "b", "c", "d", "e", "f"]);
}

#[test]
fn nothing_to_fetch_is_well() {
    let folder = folder();
    let seen = into(&folder, []).run();
    seen.ended(0);
    assert_eq!(seen.err, "0 members: 0 ok, 0 failed, 0 lost, 0 cancelled\n");
}

#[test]
fn many_small_files_all_arrive_whole() {
    let (folder, count) = (folder(), 2000);
    let server = Server::start(|request| {
        let body =
            bytes(request.path.trim_start_matches("/f").parse::<usize>().expect("a number") * 7 % 5000);
        vec![Act::Send(answer("200 OK", &[], &body))]
    });
    let urls: String = (0..count).map(|file| format!("{}\n", server.url(&format!("f{file}")))).collect();
    let seen = into(&folder, ["-j50", "--quiet"]).input(urls).run();
    seen.ended(0);
    assert_eq!(seen.sorted().len(), count);
    for file in 0..count {
        assert_eq!(read(&folder, &format!("f{file}")), bytes(file * 7 % 5000), "file {file}");
    }
    assert_eq!(list(folder.path()).len(), count, "no parts are left");
    assert!(server.most_at_once() <= 50);
}

#[test]
fn a_large_file_a_chunked_one_and_one_that_ends_with_the_connection_are_whole() {
    let (folder, body) = (folder(), bytes(3_000_000));
    let sent = body.clone();
    let server = Server::start(move |request| match request.path.as_str() {
        "/chunked" => {
            let mut text = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            for chunk in sent.chunks(70_000) {
                text.extend(format!("{:x}\r\n", chunk.len()).bytes());
                text.extend_from_slice(chunk);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(b"0\r\n\r\n");
            vec![Act::Send(text)]
        }
        "/closed" => vec![Act::Send([b"HTTP/1.0 200 OK\r\n\r\n", sent.as_slice()].concat()), Act::Close],
        "/empty" => vec![Act::Send(answer("200 OK", &[], b""))],
        _ => whole(request, &sent, "\"x\""),
    });
    let urls = ["large", "chunked", "closed", "empty"].map(|name| server.url(name));
    into(&folder, urls.iter().map(String::as_str)).run().ended(0);
    for name in ["large", "chunked", "closed"] {
        assert!(read(&folder, name) == body, "{name} differs");
    }
    assert_eq!(read(&folder, "empty"), b"");
    assert_eq!(list(folder.path()), ["chunked", "closed", "empty", "large"]);
}

#[test]
fn no_more_than_asked_for_run_at_once_and_from_one_host() {
    let gate = Arc::new(Gate::default());
    let held = Arc::clone(&gate);
    let slow =
        Server::start(move |_| vec![Act::Wait(Arc::clone(&held)), Act::Send(answer("200 OK", &[], b"slow"))]);
    let quick = Server::of("quick");
    let folder = folder();
    // All of the slow host's come first, and there are more of them than slots.
    let urls = (0..20).map(|n| slow.url(&format!("s{n}"))).chain((0..5).map(|n| quick.url(&format!("q{n}"))));
    let urls: Vec<_> = urls.map(|url| format!("{url}\n")).collect();
    let mut stage = into(&folder, ["-j4", "--limit-per-host", "2", "-a"]);
    let list = folder.path().join("addresses");
    std::fs::write(&list, urls.concat()).unwrap();
    stage.command.arg(&list);
    let mut playing = stage.start();
    let names = playing.lines(5);
    assert!(names.iter().all(|name| name.contains("/q")), "the others are not held up: {names:?}");
    // Whoever comes when it is open is soon gone.
    slow.until_asked(2);
    gate.open();
    playing.end().ended(0);
    assert_eq!(slow.most_at_once(), 2);
    assert_eq!(slow.asked().len(), 20);
}

#[test]
fn a_file_that_is_there_is_kept_replaced_or_an_error() {
    let (server, folder) = (Server::of("new"), folder());
    let (url, path) = (server.url("a"), folder.path().join("a"));
    std::fs::write(&path, "old").unwrap();
    let seen = into(&folder, [url.as_str()]).run();
    seen.ended(0);
    assert!(
        seen.err.ends_with("1 file was there already and was kept (--exists replace fetches it anew)\n"),
        "{}",
        seen.err
    );
    assert_eq!((read(&folder, "a"), server.asked().len()), (b"old".to_vec(), 0));
    let seen = into(&folder, ["--exists", "fail", url.as_str()]).run();
    seen.ended(1);
    assert!(seen.err.contains("/a is there already (attempt 1 of 4)\n"), "{}", seen.err);
    into(&folder, ["--exists", "replace", url.as_str()]).run().ended(0);
    assert_eq!(read(&folder, "a"), b"new");
}

#[test]
fn policies_are_those_of_run() {
    let server = Server::start(|request| match request.path.as_str() {
        "/bad" => vec![Act::Send(answer("404 Not Found", &[], b"no"))],
        _ => whole(request, b"good", "\"x\""),
    });
    let (good, bad) = (server.url("good"), server.url("bad"));
    let folder = folder();
    let seen = into(&folder, ["-j1", bad.as_str(), &good]).run();
    seen.ended(1);
    assert!(
        seen.err.starts_with(
            "2 members: 0 ok, 1 failed, 0 lost, 1 cancelled\n\nstopped by the failure of member 1"
        ),
        "{}",
        seen.err
    );
    into(&folder, ["-j1", "--keep-going", bad.as_str(), &good]).run().ended(1);
    assert_eq!(read(&folder, "good"), b"good");
    let other = crate::stage::folder();
    into(&other, ["-j1", "--first-success", bad.as_str(), &good, &server.url("more")]).run().ended(0);
    assert_eq!(list(other.path()), ["good"]);
    into(&other, ["-j1", "--quorum", "2", bad.as_str(), &bad, &server.url("q")]).run().ended(4);
}

#[test]
fn events_tell_of_every_attempt() {
    let server = Server::start(|request| match request.before {
        0 => vec![Act::Send(answer("503 Service Unavailable", &[], b""))],
        _ => whole(request, b"good", "\"x\""),
    });
    let folder = folder();
    let events = folder.path().join("events");
    let seen = into(&folder, ["--events", events.to_str().unwrap(), server.url("a").as_str()]).run();
    seen.ended(0);
    let text = std::fs::read_to_string(events).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    let attempts: Vec<_> = lines.iter().filter_map(|line| line["attempt"].as_u64()).collect();
    assert_eq!(names.len(), 8, "{names:?}");
    assert!(attempts.contains(&1) && attempts.contains(&2), "{text}");
}
