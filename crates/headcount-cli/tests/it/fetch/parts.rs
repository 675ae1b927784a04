//! What there is of a file that is not complete: gone on with if it is the same one, begun anew if not, never glued.

use rustix::process::Signal;
use sha2::{Digest, Sha256};

use super::server::{Act, Server, answer, head, torn, whole};
use super::{bytes, into, list, read};
use crate::stage::folder;

/// A name and a sum as a checksum file has them.
fn line(body: &[u8], of: &str) -> String {
    let digits: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{digits}  {of}\n")
}

#[test]
fn a_torn_body_is_gone_on_with() {
    for (length, after) in [(10, 4), (100_000, 99_999), (900_000, 300_001)] {
        let (body, folder) = (bytes(length), folder());
        let sent = body.clone();
        let server = Server::start(move |request| match request.before {
            0 => torn(&sent, "\"x\"", after, Act::Close),
            _ => whole(request, &sent, "\"x\""),
        });
        into(&folder, [server.url("a").as_str()]).run().ended(0);
        assert!(read(&folder, "a") == body, "{length} bytes torn after {after}");
        let asked = server.asked();
        assert_eq!(
            (asked.len(), asked[1].from(), asked[1].header("if-range")),
            (2, Some(after), Some("\"x\""))
        );
        assert_eq!(list(folder.path()), ["a"]);
    }
}

#[test]
fn without_a_strong_validator_it_is_begun_anew() {
    let (body, folder) = (bytes(500_000), folder());
    let sent = body.clone();
    let server = Server::start(move |request| match request.before {
        0 => torn(&sent, "W/\"x\"", 400_000, Act::Close),
        _ => whole(request, &sent, "W/\"x\""),
    });
    into(&folder, [server.url("a").as_str()]).run().ended(0);
    assert!(read(&folder, "a") == body);
    assert!(server.asked().iter().all(|request| request.from().is_none()));
}

#[test]
fn a_file_that_changed_is_never_glued_to_the_old_one() {
    let (old, new) = (vec![b'o'; 500_000], bytes(500_000));
    // Who heeds If-Range, who does not, who says nothing, and who sends other bytes than were asked for.
    for kind in 0..5 {
        let (folder, old, sent) = (folder(), old.clone(), new.clone());
        let server = Server::start(move |request| match (request.before, request.from()) {
            (0, _) => torn(&old, "\"old\"", 300_000, Act::Close),
            (_, None) => whole(request, &sent, "\"new\""),
            (_, Some(from)) => {
                let range =
                    |from: usize, size| format!("content-range: bytes {from}-{}/{size}", sent.len() - 1);
                match kind {
                    0 => whole(request, &sent, "\"new\""),
                    1 => vec![Act::Send(answer(
                        "206 Partial Content",
                        &["etag: \"new\"", &range(from, sent.len())],
                        &sent[from..],
                    ))],
                    2 => vec![Act::Send(answer(
                        "206 Partial Content",
                        &[&range(from, sent.len() + 1)],
                        &sent[from..],
                    ))],
                    3 => vec![Act::Send(answer(
                        "206 Partial Content",
                        &[&range(from - 5, sent.len())],
                        &sent[from - 5..],
                    ))],
                    _ => vec![Act::Send(answer(
                        "416 Range Not Satisfiable",
                        &["content-range: bytes */10"],
                        b"",
                    ))],
                }
            }
        });
        let seen = into(&folder, ["--retries", "1", server.url("a").as_str()]).run();
        seen.ended(0);
        assert!(read(&folder, "a") == new, "kind {kind} was glued");
        assert_eq!(list(folder.path()), ["a"]);
    }
}

#[test]
fn killed_with_9_and_run_again_it_goes_on_and_the_sums_are_right() {
    let (body, folder) = (bytes(2_000_000), folder());
    let sent = body.clone();
    let server = Server::start(move |request| match request.before {
        0 => torn(&sent, "\"x\"", 1_200_000, Act::Stall),
        _ => whole(request, &sent, "\"x\""),
    });
    let names = ["a", "b", "c"];
    let urls = names.map(|name| server.url(name));
    let sums = folder.path().join("SUMS");
    std::fs::write(&sums, names.map(|name| line(&body, name)).concat()).unwrap();
    let args = ["--sha256", sums.to_str().unwrap(), &urls[0], &urls[1], &urls[2]];
    let mut playing = into(&folder, args).start();
    let sizes = || {
        names.map(|name| folder.path().join(format!("{name}.part")).metadata().map_or(0, |file| file.len()))
    };
    let there = || names.iter().all(|name| folder.path().join(format!("{name}.part.note")).exists());
    playing.until("large parts", |_| there() && sizes().iter().all(|&size| size == 1_200_000));
    playing.signal(Signal::KILL);
    playing.end().died_by(Signal::KILL);
    assert_eq!(
        list(folder.path()),
        ["SUMS", "a.part", "a.part.note", "b.part", "b.part.note", "c.part", "c.part.note"]
    );
    into(&folder, args).run().ended(0);
    assert!(names.iter().all(|name| read(&folder, name) == body));
    assert_eq!(list(folder.path()), ["SUMS", "a", "b", "c"]);
    let from: Vec<_> = server.asked().iter().filter_map(super::server::Request::from).collect();
    assert_eq!(from, [1_200_000; 3]);
}

#[test]
fn a_part_that_is_complete_is_asked_for_once_more_before_it_is_taken() {
    let (body, folder) = (bytes(300_000), folder());
    let sent = body.clone();
    let server = Server::start(move |request| whole(request, &sent, "\"x\""));
    let url = server.url("a");
    std::fs::write(folder.path().join("a.part"), &body).unwrap();
    let note = format!("headcount part 1\nurl {url}\netag \"x\"\nsize 300000\nend\n");
    std::fs::write(folder.path().join("a.part.note"), note).unwrap();
    into(&folder, [url.as_str()]).run().ended(0);
    assert!(read(&folder, "a") == body);
    assert_eq!(server.asked()[0].from(), Some(299_999));
}

#[test]
fn a_part_without_a_note_or_with_another_address_is_begun_anew() {
    let (server, folder) = (Server::of("the right one"), folder());
    std::fs::write(folder.path().join("a.part"), "a wrong one, and longer than the right one").unwrap();
    into(&folder, [server.url("a").as_str()]).run().ended(0);
    assert_eq!(read(&folder, "a"), b"the right one");
    std::fs::write(folder.path().join("b.part"), "the wro").unwrap();
    let note = "headcount part 1\nurl http://other/b\netag \"one\"\nsize 13\nend\n";
    std::fs::write(folder.path().join("b.part.note"), note).unwrap();
    into(&folder, [server.url("b").as_str()]).run().ended(0);
    assert_eq!(read(&folder, "b"), b"the right one");
    assert!(server.asked().iter().all(|request| request.from().is_none()));
}

#[test]
fn a_file_whose_sum_is_wrong_is_not_there() {
    let (server, folder) = (Server::of(bytes(100_000)), folder());
    let sums = folder.path().join("SUMS");
    let url = server.url("by-address");
    let text = line(&bytes(100_000), "good") + &line(b"other", "bad") + &line(&bytes(100_000), &url);
    std::fs::write(&sums, text).unwrap();
    let (good, bad, none) = (server.url("good"), server.url("bad"), server.url("none"));
    let sums = sums.to_str().unwrap();
    let seen = into(&folder, ["--keep-going", "--sha256", sums, &good, &bad, &none, &url]).run();
    seen.ended(1);
    assert_eq!(list(folder.path()), ["SUMS", "by-address", "good"]);
    assert!(seen.err.contains("member 2 failed: its SHA-256 is "), "{}", seen.err);
    assert!(
        seen.err
            .contains("member 3 failed: no checksum is listed for it, neither for its address nor for none"),
        "{}",
        seen.err
    );
    assert_eq!(
        server.asked().len(),
        3,
        "what has no sum is not asked for, and what has a wrong one not twice"
    );
}

#[test]
fn a_damaged_part_is_found_by_its_sum_and_fetched_whole() {
    let (body, folder) = (bytes(400_000), folder());
    let sent = body.clone();
    let server = Server::start(move |request| whole(request, &sent, "\"x\""));
    let url = server.url("a");
    std::fs::write(folder.path().join("a.part"), vec![0; 300_000]).unwrap();
    let note = format!("headcount part 1\nurl {url}\netag \"x\"\nsize 400000\nend\n");
    std::fs::write(folder.path().join("a.part.note"), note).unwrap();
    let sums = folder.path().join("SUMS");
    std::fs::write(&sums, line(&body, "a")).unwrap();
    into(&folder, ["--sha256", sums.to_str().unwrap(), url.as_str()]).run().ended(0);
    assert!(read(&folder, "a") == body);
    assert_eq!(
        server.asked().iter().map(super::server::Request::from).collect::<Vec<_>>(),
        [Some(300_000), None]
    );
}

#[test]
fn what_is_there_already_has_to_have_the_right_sum_too() {
    let (server, folder) = (Server::of("x"), folder());
    std::fs::write(folder.path().join("a"), "changed").unwrap();
    std::fs::write(folder.path().join("b"), "x").unwrap();
    let sums = folder.path().join("SUMS");
    std::fs::write(&sums, line(b"x", "a") + &line(b"x", "b")).unwrap();
    let seen = into(
        &folder,
        ["--keep-going", "--sha256", sums.to_str().unwrap(), &server.url("a"), &server.url("b")],
    )
    .run();
    seen.ended(1);
    assert!(seen.err.contains("/a is there already, and its SHA-256 is "), "{}", seen.err);
    assert!(seen.err.starts_with("2 members: 1 ok, 1 failed, "), "{}", seen.err);
    assert_eq!(read(&folder, "a"), b"changed");
}

#[test]
fn two_processes_do_not_write_one_part() {
    let body = bytes(900_000);
    let server = Server::start(move |request| match request.before {
        0 => torn(&body, "\"x\"", 600_000, Act::Stall),
        _ => whole(request, &body, "\"x\""),
    });
    let folder = folder();
    let url = server.url("a");
    let mut first = into(&folder, [url.as_str()]).start();
    first.until("a large part", |_| folder.path().join("a.part.note").exists());
    let seen = into(&folder, [url.as_str()]).run();
    seen.ended(1);
    assert!(
        seen.err.contains("a failed: another process is just storing a.part (attempt 1 of 4)"),
        "{}",
        seen.err
    );
    first.signal(Signal::TERM);
    first.end().died_by(Signal::TERM);
    assert_eq!(list(folder.path()), ["a.part", "a.part.note"], "the first one's part is as it was");
}

#[test]
fn links_and_pipes_in_the_way_are_not_followed_or_waited_for() {
    let (server, folder) = (Server::of(bytes(100_000)), folder());
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "mine").unwrap();
    std::os::unix::fs::symlink(&victim, folder.path().join("a.part")).unwrap();
    crate::stage::fifo(&folder, "b.part");
    let seen = into(&folder, ["--keep-going", &server.url("a"), &server.url("b")]).run();
    seen.ended(1);
    assert!(seen.err.starts_with("2 members: 0 ok, 2 failed"), "{}", seen.err);
    assert!(seen.err.contains("it is there and no file"), "{}", seen.err);
    assert_eq!(read(&folder, "victim"), b"mine");
}

#[test]
fn a_full_disk_names_the_member_and_stops_the_run_with_its_account() {
    // A file that may not grow is what every machine can have; the system says so in another word.
    let server = Server::start(|request| match request.path.as_str() {
        "/small" => vec![Act::Send(answer("200 OK", &[], b"x"))],
        _ => vec![Act::Send(head("200 OK", &["content-length: 900000"])), Act::Send(vec![0; 900_000])],
    });
    let folder = folder();
    let text = format!(
        "trap '' XFSZ; ulimit -f 200; exec $HEADCOUNT fetch --keep-going -o {} {} {}",
        folder.path().display(),
        server.url("large"),
        server.url("small")
    );
    let seen = crate::stage::script(&text).env("NO_PROXY", "*").run();
    seen.ended(1);
    assert!(
        seen.err.contains("/large failed: File too large (os error 27) (attempt 1 of 4)\n"),
        "{}",
        seen.err
    );
    assert!(seen.err.contains("2 members: 1 ok, 1 failed"), "{}", seen.err);
    assert_eq!(list(folder.path()), ["small"]);
}

#[test]
fn with_a_journal_what_is_finished_is_not_asked_for_again_and_names_stay() {
    let body = bytes(500_000);
    let sent = body.clone();
    // The second file hangs until the first run is killed.
    let server = Server::start(move |request| match (request.path.as_str(), request.before) {
        ("/2/f", 0) => torn(&sent, "\"x\"", 300_000, Act::Stall),
        _ => whole(request, &sent, "\"x\""),
    });
    let folder = folder();
    let inner = folder.path().join("files");
    let journal = folder.path().join("journal");
    let secret = format!("http://me:geheim@{}/2/f", server.address());
    let urls = [server.url("1/f"), secret, server.url("3/f")];
    let args = |more: &[&str]| {
        let fixed = ["-j1", "-o", inner.to_str().unwrap(), "--journal", journal.to_str().unwrap()];
        fixed.iter().chain(more).map(ToString::to_string).chain(urls.clone()).collect::<Vec<_>>()
    };
    let mut playing = crate::stage::fetch(args(&[])).start();
    // The note comes last, and a torn one is worth nothing.
    let has_part = || {
        inner.join("f-2.part").metadata().is_ok_and(|part| part.len() == 300_000)
            && std::fs::read(inner.join("f-2.part.note")).is_ok_and(|note| note.ends_with(b"\nend\n"))
    };
    playing.until("a part of the second, and its note", |_| has_part());
    playing.signal(Signal::KILL);
    playing.end().died_by(Signal::KILL);
    assert_eq!(list(&inner), ["f", "f-2.part", "f-2.part.note"]);
    let seen = crate::stage::fetch(args(&[])).run();
    seen.ended(2);
    assert!(seen.err.contains("exists already\nhint: --resume goes on with it"), "{}", seen.err);
    let seen = crate::stage::fetch(args(&["--resume"])).run();
    seen.ended(0);
    assert!(
        seen.err.starts_with(
            "3 members: 3 ok, 0 failed, 0 lost, 0 cancelled\n1 of them had ended before this run"
        ),
        "{}",
        seen.err
    );
    assert_eq!(list(&inner), ["f", "f-2", "f-3"]);
    assert!(["f", "f-2", "f-3"].iter().all(|name| std::fs::read(inner.join(name)).unwrap() == body));
    let asked: Vec<_> = server.asked().iter().map(|request| (request.path.clone(), request.from())).collect();
    let wanted = [("/1/f", None), ("/2/f", None), ("/2/f", Some(300_000)), ("/3/f", None)];
    assert_eq!(asked, wanted.map(|(path, from)| (path.to_owned(), from)));
    assert!(server.asked()[2].header("authorization").is_some(), "the credentials come from the list");
    let kept = std::fs::read(&journal).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("geheim"), "they are not in the journal");
    let mut other = args(&["--resume"]);
    *other.last_mut().unwrap() = server.url("other");
    let seen = crate::stage::fetch(other).run();
    seen.ended(2);
    assert!(seen.err.contains("input 3 was "), "{}", seen.err);
}
