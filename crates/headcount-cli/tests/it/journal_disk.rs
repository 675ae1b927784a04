//! A journal where it cannot be written: a full disk, a limit, and what is no file at all.

use std::fs;
use std::path::Path;

use crate::stage::{fifo, folder, headcount, script};

#[test]
fn a_journal_that_takes_no_more_stops_the_batch_and_the_account_is_given() {
    let folder = folder();
    let journal = folder.path().join("journal");
    // A file may have one block here; the signal that comes with it is not for us.
    let text = format!(
        "trap '' XFSZ; ulimit -f 1; seq 1000 | $HEADCOUNT run -j2 --journal {} true",
        journal.display()
    );
    let seen = script(&text).run();
    seen.ended(1);
    let told = format!("headcount: the journal {} cannot be written: File too large", journal.display());
    assert_eq!(seen.err.matches(&told).count(), 1, "said once: {}", seen.err);
    assert!(seen.err.contains(&told), "{}", seen.err);
    assert!(seen.err.contains(" members: ") && seen.err.contains(" cancelled\n"), "{}", seen.err);
    assert!(seen.err.contains("the input was not read to its end"), "{}", seen.err);
    let seen =
        script(&format!("seq 1000 | $HEADCOUNT run -j2 --journal {} --resume true", journal.display())).run();
    seen.ended(0);
    assert!(seen.err.contains("1000 members: 1000 ok, 0 failed, 0 lost, 0 cancelled\n"), "{}", seen.err);
}

#[test]
fn downloads_are_stopped_by_their_journal_too_and_the_account_says_so() {
    let folder = folder();
    let journal = folder.path().join("journal");
    // Nobody is asked: what is no address fails by itself, and the journal is full before the input is.
    let text = format!(
        "trap '' XFSZ; ulimit -f 1; seq 1000 | sed s,^,no://, | $HEADCOUNT fetch -k -o {} --journal {}",
        folder.path().display(),
        journal.display()
    );
    let seen = script(&text).run();
    seen.ended(1);
    let told = format!("headcount: the journal {} cannot be written: File too large", journal.display());
    assert_eq!(seen.err.matches(&told).count(), 1, "said once: {}", seen.err);
    assert!(seen.err.contains("\nstopped by the journal, which cannot be written: "), "{}", seen.err);
}

#[test]
fn a_full_disk_stops_the_batch_and_nothing_of_it_is_lost() {
    let folder = folder();
    let witness = folder.path().join("witness");
    let witness = witness.display();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    // A disk of its own, of 16 KiB, that is gone with the script.
    let run = format!(
        "seq 300 | $HEADCOUNT run -j2 --journal {0}/journal --resume sh -c 'echo $1 >> $0' {witness}",
        disk.display()
    );
    let text = format!(
        "exec unshare -rm sh -c 'mount -t tmpfs -o size=16k none {0} || exit 77
         . {1}; echo ended with $? >&2
         mount -o remount,size=1m {0} || exit 77; . {1}'",
        disk.display(),
        folder.path().join("run").display()
    );
    fs::write(folder.path().join("run"), run).unwrap();
    let seen = script(&text).run();
    if seen.status.code() == Some(77) || seen.err.starts_with("unshare") {
        println!("skipped: no disk can be mounted here: {}", seen.err);
        return;
    }
    seen.ended(0);
    let (first, again) = seen.err.split_once("ended with 1\n").expect("the first run fails");
    let told = format!("headcount: the journal {}/journal cannot be written: No space left", disk.display());
    assert_eq!(first.matches(&told).count(), 1, "{first}");
    assert!(first.contains("the input was not read to its end"), "{first}");
    assert!(first.contains("\nstopped by the journal, which cannot be written: "), "{first}");
    assert!(again.contains("300 members: 300 ok, 0 failed, 0 lost, 0 cancelled\n"), "{again}");
    let runs = fs::read_to_string(folder.path().join("witness")).unwrap().lines().count();
    // Those that ended when it was full already, and nobody else, ran again: at most one a slot.
    assert!((300..=302).contains(&runs), "{runs} runs");
}

#[test]
fn what_cannot_be_a_journal_is_refused_before_anything_starts() {
    let folder = folder();
    let pipe = fifo(&folder, "pipe");
    let nowhere = folder.path().join("no/journal");
    for (journal, told) in [
        (Path::new("/dev/full"), "is no regular file"),
        (folder.path(), "is no regular file"),
        (&pipe, "is no regular file"),
        (&nowhere, "No such file or directory"),
    ] {
        let seen = headcount(["--journal", journal.to_str().unwrap(), "echo", ":::", "a"]).run();
        seen.ended(2);
        assert!(seen.err.contains(told), "{}", seen.err);
        assert_eq!(seen.out(), "");
    }
}
