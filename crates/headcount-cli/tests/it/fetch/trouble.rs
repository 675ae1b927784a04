//! Servers in trouble: what is tried again, what is not, and what is said.

use std::time::Duration;

use rustix::process::Signal;

use super::server::{Act, Server, answer, head, torn, whole};
use super::{bytes, into, list, read};
use crate::stage::{folder, until_in_time};

/// Quick to lose patience, and willing to try often, should it have been lost for nothing.
const HASTY: [&str; 6] = ["--stall-timeout", "1s", "--connect-timeout", "1s", "--retries", "20"];

#[test]
fn answers_that_may_pass_are_tried_again_and_others_are_not() {
    for (status, times) in [
        ("500 X", 3),
        ("503 X", 3),
        ("408 X", 3),
        ("425 X", 3),
        ("429 X", 3),
        ("404 Not Found", 1),
        ("403 X", 1),
    ] {
        let server = Server::start(move |_| vec![Act::Send(answer(status, &[], b"no"))]);
        let folder = folder();
        let seen = into(&folder, ["--retries", "2", server.url("a").as_str()]).run();
        seen.ended(1);
        assert_eq!(server.asked().len(), times, "for {status}");
        let code = &status[..3];
        assert!(seen.err.contains(&format!("member 1 failed: the server answered {code}")), "{}", seen.err);
        assert!(
            seen.err.contains(&format!("(attempt {times} of 3)\n  input:   {}\n", server.url("a"))),
            "{}",
            seen.err
        );
        assert_eq!(seen.err.matches("  before:  attempt ").count(), times - 1, "{}", seen.err);
        assert!(list(folder.path()).is_empty());
    }
}

#[test]
fn a_server_that_wants_to_be_left_alone_is() {
    let server = Server::start(|request| match request.before {
        0 => vec![Act::Send(answer("429 Too Many Requests", &["retry-after: 1"], b""))],
        _ => whole(request, b"x", "\"x\""),
    });
    let folder = folder();
    let seen = into(&folder, ["-j1", server.url("a").as_str(), &server.url("b")]).run();
    seen.ended(0);
    assert!(
        seen.err.starts_with(&format!(
            "headcount: member 1: the server asks to be left alone for 1 s: {}\n",
            server.url("a")
        )),
        "{}",
        seen.err
    );
    let asked = server.asked();
    let waited = asked[1].at - asked[0].at;
    assert!(waited >= Duration::from_millis(990), "all of its host's wait, not only this one: {waited:?}");
}

#[test]
fn a_server_that_wants_to_be_left_alone_for_too_long_is_said_and_capped() {
    let server = Server::start(|_| vec![Act::Send(answer("503 X", &["retry-after: 86400"], b""))]);
    let folder = folder();
    let mut playing = into(&folder, [server.url("a").as_str()]).start();
    let said = playing.err_line();
    assert!(said.contains("asks to be left alone for 86400 s; it is for 120 s: "), "{said}");
    playing.signal(Signal::TERM);
    playing.end().died_by(Signal::TERM);
}

#[test]
fn one_that_closes_at_once_or_is_not_there_is_tried_again() {
    let server = Server::start(|request| match request.before {
        0 => vec![Act::Close],
        1 => vec![Act::Send(b"HTTP/1.1 200 O".to_vec()), Act::Close],
        _ => whole(request, b"x", "\"x\""),
    });
    let folder = folder();
    into(&folder, [server.url("a").as_str()]).run().ended(0);
    assert_eq!(read(&folder, "a"), b"x");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{nobody}/a");
    let seen = into(&folder, ["--retries", "1", "--exists", "replace", &url]).run();
    seen.ended(1);
    assert!(
        seen.err
            .contains("member 1 failed: no connection: Connection refused (os error 111) (attempt 2 of 2)\n"),
        "{}",
        seen.err
    );
    assert!(seen.err.contains("  hint:    is the server running, and the port right?\n"), "{}", seen.err);
}

#[test]
fn what_is_no_http_says_so() {
    let server = Server::start(|_| vec![Act::Send(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), Act::Close]);
    let folder = folder();
    let seen = into(&folder, ["--retries", "0", server.url("a").as_str()]).run();
    seen.ended(1);
    assert!(
        seen.err.contains(
            "the connection broke before there was an answer: invalid HTTP version parsed (attempt 1 of 1)\n"
        ),
        "{}",
        seen.err
    );
}

#[test]
fn one_that_does_not_answer_is_not_waited_for() {
    let server = Server::start(|request| match request.before {
        0 => vec![Act::Stall],
        1 => vec![Act::Send(b"HTTP/1.1 200 OK\r\nx-slow: ".to_vec()), Act::Stall],
        _ => whole(request, b"x", "\"x\""),
    });
    let folder = folder();
    let url = server.url("a");
    let seen = into(&folder, HASTY.into_iter().chain([url.as_str()])).run();
    seen.ended(0);
    assert_eq!(read(&folder, "a"), b"x");
    assert!(server.asked().len() >= 3);
    let server = Server::start(|_| vec![Act::Stall]);
    let url = server.url("a");
    let once = HASTY[..4].iter().copied().chain(["--retries", "0", "--exists", "replace", &url]);
    let seen = into(&folder, once).run();
    seen.ended(1);
    assert!(
        seen.err.contains("member 1 failed: the server did not answer within 2s (attempt 1 of 1)\n"),
        "{}",
        seen.err
    );
}

#[test]
fn one_that_goes_quiet_within_the_file_is_not_waited_for_and_gone_on_with() {
    let body = bytes(500_000);
    until_in_time(|seconds| {
        let sent = body.clone();
        let server = Server::start(move |request| match request.before {
            0 => torn(&sent, "\"x\"", 100_000, Act::Stall),
            _ => whole(request, &sent, "\"x\""),
        });
        let (folder, url, stall) = (folder(), server.url("a"), format!("{seconds}s"));
        into(&folder, ["--retries", "20", "--stall-timeout", &stall, &url]).run().ended(0);
        assert!(read(&folder, "a") == body);
        // Unless patience with what the server did send was lost as well.
        server.asked()[1].from() == Some(100_000)
    });
    let server = Server::start(|_| vec![Act::Send(head("200 OK", &["content-length: 9"])), Act::Stall]);
    let (folder, url) = (folder(), server.url("b"));
    // The head has the time of the connection besides.
    let seen = into(&folder, ["--retries", "0", "--stall-timeout", "1s", &url]).run();
    seen.ended(1);
    assert!(
        seen.err.contains("member 1 failed: the server sent nothing more within 1s (attempt 1 of 1)\n"),
        "{}",
        seen.err
    );
}

#[test]
fn a_length_that_is_not_true_is_a_torn_file() {
    let server = Server::start(|_| {
        vec![
            Act::Send(head("200 OK", &["content-length: 100", "etag: \"x\""])),
            Act::Send(vec![1; 40]),
            Act::Close,
        ]
    });
    let folder = folder();
    let seen = into(&folder, ["--retries", "0", server.url("a").as_str()]).run();
    seen.ended(1);
    assert!(seen.err.contains("member 1 failed: the connection broke within the file: "), "{}", seen.err);
    assert!(
        seen.err.contains(&format!("  kept:    40 bytes in {}/a.part\n", folder.path().display())),
        "{}",
        seen.err
    );
    assert_eq!(list(folder.path()), ["a.part", "a.part.note"]);
}

#[test]
fn a_body_that_is_too_large_is_not_taken() {
    let server = Server::start(|request| match request.path.as_str() {
        "/said" => vec![Act::Send(answer("200 OK", &[], &[0; 2000]))],
        "/fits" => vec![Act::Send(answer("200 OK", &[], &[0; 1024]))],
        // Nobody says how much there is, and it never ends.
        _ => {
            let chunk = [b"400\r\n", [0; 1024].as_slice(), b"\r\n"].concat().repeat(200);
            let begin = head("200 OK", &["transfer-encoding: chunked"]);
            [begin].into_iter().chain(std::iter::repeat_n(chunk, 1000)).map(Act::Send).collect()
        }
    });
    let folder = folder();
    let urls = ["said", "fits", "endless"].map(|path| server.url(path));
    let seen = into(&folder, ["--keep-going", "--max-body", "1K", &urls[0], &urls[1], &urls[2]]).run();
    seen.ended(1);
    assert!(
        seen.err.contains(
            "member 1 failed: the file has 2000 bytes or more, and 1024 are allowed (attempt 1 of 4)\n"
        ),
        "{}",
        seen.err
    );
    assert!(seen.err.contains("member 3 failed: the file has "), "{}", seen.err);
    assert_eq!(list(folder.path()), ["fits"]);
}

#[test]
fn ten_redirects_are_followed_and_no_more_and_a_circle_is_named() {
    let server = Server::start(|request| {
        let to = |path: String| vec![Act::Send(answer("302 Found", &[&format!("location: {path}")], b""))];
        match request.path.trim_start_matches('/').parse::<u32>() {
            Ok(0) => whole(request, b"found", "\"x\""),
            Ok(n) => to(format!("/{}", n - 1)),
            Err(_) if request.path == "/left" => to("/right".into()),
            Err(_) if request.path == "/right" => to("/left".into()),
            Err(_) if request.path == "/nowhere" => vec![Act::Send(answer("302 Found", &[], b""))],
            Err(_) => to("file:///etc/passwd".into()),
        }
    });
    let folder = folder();
    let urls = ["10", "11", "left", "nowhere", "file"].map(|path| server.url(path));
    let seen = into(&folder, ["--keep-going"].into_iter().chain(urls.iter().map(String::as_str))).run();
    seen.ended(1);
    assert_eq!(list(folder.path()), ["10"]);
    let at = server.address();
    for what in [
        &format!(
            "member 2 failed: redirected more than 10 times, at last to http://{at}/0 (attempt 1 of 4)\n"
        ),
        &format!(
            "member 3 failed: redirected in a circle: http://{at}/right -> http://{at}/left -> http://{at}/right (attempt 1 of 4)\n"
        ),
        "member 4 failed: the server answered 302 Found (attempt 1 of 4)\n",
        "member 5 failed: ",
    ] {
        assert!(seen.err.contains(what), "{what:?} is not in\n{}", seen.err);
    }
}

#[test]
fn a_part_that_nobody_asked_for_is_not_the_file() {
    let server = Server::start(|_| {
        vec![Act::Send(answer("206 Partial Content", &["content-range: bytes 5-9/10"], b"56789"))]
    });
    let folder = folder();
    let seen = into(&folder, [server.url("a").as_str()]).run();
    seen.ended(1);
    assert!(
        seen.err.contains(
            "member 1 failed: the server sent a part of the file, and was asked for all of it (206)"
        ),
        "{}",
        seen.err
    );
    assert!(list(folder.path()).is_empty());
}

#[test]
fn a_server_without_tls_is_said_to_have_none() {
    let server = Server::start(|_| vec![Act::Send(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), Act::Close]);
    let folder = folder();
    let seen = into(&folder, ["--retries", "0", &format!("https://{}/a", server.address())]).run();
    seen.ended(1);
    assert!(seen.err.contains("member 1 failed: no secure connection: "), "{}", seen.err);
}
