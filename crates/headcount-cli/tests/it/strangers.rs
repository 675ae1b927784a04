//! Other users get nothing out of a process, and are not believed where they answer for one. Only root can be two users, so
//! elsewhere these tests say that they were skipped; and they need perl, which speaks to sockets as whoever it runs as.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::Signal;

use crate::inspect::{Place, refused};
use crate::stage::LIMIT;

/// Not root, and nobody else in particular.
const STRANGER: u32 = 65_534;

/// Asks on the socket, and says how it went in one line.
const ASKS: &str = r#"
    $SIG{ALRM} = sub { print "silence\n"; exit }; alarm 20;
    socket(S, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
    unless (connect(S, sockaddr_un($ARGV[0]))) { print "not let in: $!\n"; exit }
    $SIG{PIPE} = 'IGNORE'; syswrite(S, "{\"headcount\":1,\"ask\":{\"members\":9}}\n");
    print((sysread(S, $b, 4096) || 0) > 0 ? "told: $b\n" : "hung up on\n");
"#;

/// Says that it is there, and gives each who asks an empty census.
const ANSWERS: &str = r#"
    alarm 60; $SIG{PIPE} = 'IGNORE';
    socket(L, AF_UNIX, SOCK_STREAM, 0) && bind(L, sockaddr_un($ARGV[0])) && listen(L, 5) or die "socket: $!";
    $| = 1; print "there\n";
    while (accept(C, L)) {
        sysread(C, $b, 4096); syswrite(C, "{\"headcount\":1,\"census\":{\"pid\":1,\"program\":\"p\",\"groups\":[]}}\n");
        close C;
    }
"#;

/// Whether this test can be run; says aloud if not, past the harness, which keeps what passing tests print.
fn can_be_two(test: &str) -> bool {
    let perl =
        Command::new("perl").args(["-MSocket", "-e", "1"]).status().is_ok_and(|status| status.success());
    let why = match (rustix::process::geteuid().is_root(), perl) {
        (true, true) => return true,
        (false, _) => "only root can run a process as another user",
        (_, false) => "there is no perl on this machine",
    };
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
    false
}

fn perl(program: &str, socket: &Path, user: u32) -> Child {
    let mut perl = Command::new("perl");
    perl.args(["-MSocket", "-e", program]).arg(socket).current_dir("/");
    if user != 0 {
        perl.uid(user).gid(user);
    }
    perl.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

fn said(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line
}

fn asked_by(user: u32, socket: &Path) -> String {
    let mut asks = perl(ASKS, socket, user);
    let said = said(&mut asks);
    assert!(asks.wait().unwrap().success(), "{said}");
    said
}

/// What its owner is told. Asked again when hung up on, which is what happens to whoever is slow to ask.
fn owner_is_told(socket: &Path) -> String {
    let since = Instant::now();
    loop {
        let said = asked_by(0, socket);
        if said != "hung up on\n" || since.elapsed() >= LIMIT {
            return said;
        }
    }
}

fn opens(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn another_user_is_not_let_in_and_is_told_nothing_where_the_place_was_opened_to_him() {
    if !can_be_two("another_user_is_not_let_in") {
        return;
    }
    let place = Place::new();
    opens(place.0.path(), 0o755);
    let mut batch = place.batch();
    let socket = place.socket(batch.child.id());
    assert_eq!(asked_by(STRANGER, &socket), "not let in: Permission denied\n");
    assert!(owner_is_told(&socket).starts_with("told: {\"headcount\":1,\"census\":"), "its owner is");

    opens(&place.directory(), 0o755);
    opens(&socket, 0o666);
    assert_eq!(asked_by(STRANGER, &socket), "hung up on\n");
    assert!(owner_is_told(&socket).starts_with("told: "), "and it goes on answering its owner");
    batch.signal(Signal::TERM);
    batch.end();
}

#[test]
fn another_user_who_answers_for_a_process_is_not_believed() {
    if !can_be_two("another_user_who_answers") {
        return;
    }
    let place = Place::new();
    opens(place.0.path(), 0o755);
    fs::create_dir(place.directory()).unwrap();
    opens(&place.directory(), 0o700);
    let theirs = place.0.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    chown(&theirs, Some(STRANGER), Some(STRANGER)).unwrap();
    let mut stranger = perl(ANSWERS, &theirs.join("socket"), STRANGER);
    let there = said(&mut stranger);
    // Whoever is killed by a failure of this test ends by an alarm.
    let seen = (there == "there\n").then(|| {
        fs::rename(theirs.join("socket"), place.socket(4_000_008)).unwrap();
        place.ask("tree 4000008")
    });
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    refused(&seen.expect("the stranger listens"), 1, "the other side is run by user 65534");
}
