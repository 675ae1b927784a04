//! The journal's file, byte by byte: torn anywhere, any bit of it flipped, arbitrary, foreign, or inside of another one.

use std::fs;

use headcount_cli::journal::{
    Begins, Frames, HEADER, Heading, Next, Record, Replayed, Unread, begins, framed, header, replay,
};
use headcount_cli::ledger::{End, Event, Ledger, State};
use proptest::prelude::*;

use crate::stage::{folder, headcount};

const SALT: u64 = 0x1234_5678_9abc_def0;

/// A journal of some members, and where each of its records begins.
fn journal(salt: u64, inputs: &[&[u8]]) -> (Vec<u8>, Vec<usize>) {
    let mut records = vec![Record::Began(Heading { pid: 7, work: vec![b"run".to_vec(), b"true".to_vec()] })];
    for (place, input) in inputs.iter().enumerate() {
        let member = place as u64 + 1;
        let event = Record::Event;
        records.push(Record::Registered(vec![input.to_vec(), b"column".to_vec()]));
        records.push(event(Event::Started { member, attempt: 1 }));
        records.push(event(Event::PutOff { member, attempt: 1 }));
        records.push(event(Event::Started { member, attempt: 2 }));
        records.push(event(Event::Ended { member, attempt: 2, end: End::Done }));
    }
    records.push(Record::Resumed { pid: 8, failed_too: true });
    records.push(Record::Event(Event::Sealed { total: inputs.len() as u64 }));
    records.push(Record::Registered(Vec::new()));
    // The seal forbids it; so the last of them is another.
    records.pop();
    let mut bytes = header(salt).to_vec();
    let mut begin = Vec::new();
    for (number, record) in records.iter().enumerate() {
        begin.push(bytes.len());
        bytes.extend(framed(record, salt, u32::try_from(number).unwrap()));
    }
    (bytes, begin)
}

fn read(bytes: &[u8]) -> Result<Option<Replayed>, Unread> {
    match begins(bytes)? {
        Begins::Torn => Ok(None),
        Begins::Salt(salt) => replay(bytes, salt),
    }
}

/// The book after so many records of the journal.
fn book(bytes: &[u8], records: usize) -> Ledger {
    let mut frames = Frames::new(bytes, SALT).unwrap();
    let mut ledger = Ledger::replaying();
    for _ in 0..records {
        let event = match frames.next().unwrap() {
            Next::Record(Record::Began(_)) => continue,
            Next::Record(Record::Registered(_)) => Event::Registered { member: ledger.last() + 1 },
            Next::Record(Record::Resumed { failed_too, .. }) => Event::Resumed { failed_too },
            Next::Record(Record::Event(event)) => event,
            other => panic!("{other:?}"),
        };
        let _ = ledger.apply(event).unwrap();
    }
    ledger
}

#[test]
fn every_record_is_read_as_it_was_written() {
    for record in [
        Record::Began(Heading { pid: 1, work: vec![b"run".to_vec(), Vec::new(), vec![0, 255, b'\n']] }),
        Record::Resumed { pid: u32::MAX, failed_too: false },
        Record::Registered(Vec::new()),
        Record::Registered(vec![Vec::new(), vec![0; 70_000]]),
        Record::Event(Event::Started { member: u64::MAX, attempt: 3 }),
        Record::Event(Event::PutOff { member: 1, attempt: u32::MAX }),
        Record::Event(Event::Ended { member: 1, attempt: 1, end: End::Lost }),
        Record::Event(Event::Cancelled { member: 9 }),
        Record::Event(Event::Sealed { total: 0 }),
    ] {
        let mut bytes = Vec::new();
        record.write(&mut bytes);
        assert_eq!(Record::read(&bytes).as_ref(), Some(&record));
        bytes.push(0);
        assert_eq!(Record::read(&bytes), None, "with a byte too many");
        for length in 0..bytes.len() - 1 {
            assert_eq!(Record::read(&bytes[..length]), None, "the first {length} bytes of {record:?}");
        }
    }
}

#[test]
fn torn_anywhere_it_tells_what_is_whole() {
    let (bytes, begin) = journal(SALT, &[b"a", b"", b"\x00\xff"]);
    for cut in 0..=bytes.len() {
        let whole = begin.iter().skip(1).chain([&bytes.len()]).filter(|end| **end <= cut).count();
        let told = read(&bytes[..cut]).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let Some(replayed) = told else {
            assert_eq!(whole, 0, "cut at {cut}");
            continue;
        };
        let end = *begin.get(whole).unwrap_or(&bytes.len());
        assert_eq!((replayed.end, replayed.torn), (end as u64, (cut - end) as u64), "cut at {cut}");
        assert_eq!(replayed.ledger, book(&bytes, whole));
        assert_eq!(replayed.number as usize, whole);
    }
}

#[test]
fn a_flipped_bit_is_damage_unless_it_could_be_a_tear() {
    let (bytes, begin) = journal(SALT, &[b"a", b"", b"\x00\xff"]);
    let last = *begin.last().unwrap();
    let mut tears = 0;
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << bit;
            match read(&flipped) {
                Err(Unread::Foreign) => assert!(place < 8, "byte {place}"),
                Err(Unread::Damaged(_)) => assert!(place >= 8, "byte {place}"),
                Ok(Some(replayed)) => {
                    assert!(place >= last, "bit {bit} of byte {place} was not seen");
                    assert_eq!(replayed.end, last as u64);
                    tears += 1;
                }
                other => panic!("byte {place}: {other:?}"),
            }
        }
    }
    assert!(tears > 0);
}

#[test]
fn a_tail_of_zeros_is_torn_and_one_that_is_too_long_is_not() {
    let (bytes, begin) = journal(SALT, &[b"a"]);
    for zeros in [1, 4, 100, 70_000] {
        let tail = [bytes.clone(), vec![0; zeros]].concat();
        let replayed = read(&tail).unwrap().unwrap();
        assert_eq!((replayed.end, replayed.torn), (bytes.len() as u64, zeros as u64));
    }
    let endless = [bytes.clone(), vec![0; 5 << 20]].concat();
    assert!(matches!(read(&endless), Err(Unread::Damaged(place)) if place == bytes.len() as u64));
    let text = [bytes.clone(), b"and a line that somebody appended\n".to_vec()].concat();
    assert!(matches!(read(&text), Err(Unread::Damaged(_))));
    // Records twice, left out, and in another order.
    let (first, second) = (begin[2]..begin[3], begin[3]..begin[4]);
    let (head, tail) = (&bytes[..begin[2]], &bytes[begin[4]..]);
    let part = |range: &std::ops::Range<usize>| bytes[range.clone()].to_vec();
    for middle in [
        [part(&first), part(&first), part(&second)].concat(),
        part(&first),
        [part(&second), part(&first)].concat(),
        Vec::new(),
    ] {
        let spliced = [head, &middle, tail].concat();
        assert!(matches!(read(&spliced), Err(Unread::Damaged(place)) if place >= begin[2] as u64));
    }
}

#[test]
fn a_journal_as_an_input_is_an_input() {
    let (inner, _) = journal(SALT ^ 1, &[b"a", b"b"]);
    let (bytes, begin) = journal(SALT, &[&inner]);
    let whole = read(&bytes).unwrap().unwrap();
    assert_eq!(whole.ledger.state(1), Some(State::Ended(End::Done)));
    for cut in begin[1]..begin[2] {
        let replayed = read(&bytes[..cut]).unwrap().unwrap();
        assert_eq!(replayed.end, begin[1] as u64, "what is in an input is no record");
    }
}

#[test]
fn a_later_version_is_not_read() {
    let mut later = header(SALT);
    later[8] = 2;
    let sum = crc32fast::hash(&later[..20]).to_le_bytes();
    later[20..].copy_from_slice(&sum);
    let error = begins(&later[..]).unwrap_err();
    assert_eq!(error.to_string(), "it is a journal of version 2, and this headcount reads version 1");
}

#[test]
fn torn_at_every_byte_a_batch_is_resumed() {
    let folder = folder();
    let (journal, witness) = (folder.path().join("journal"), folder.path().join("witness"));
    let args = ["-j1", "--journal", journal.to_str().unwrap(), "--resume", "sh", "-c", "echo $1 >> $0"];
    let run = || headcount(args.iter().chain(&[witness.to_str().unwrap(), ":::", "a", "b"])).run();
    run().ended(0);
    let bytes = fs::read(&journal).unwrap();
    for cut in 0..bytes.len() {
        fs::write(&journal, &bytes[..cut]).unwrap();
        let before = read(&bytes[..cut]).unwrap();
        let _ = fs::remove_file(&witness);
        let seen = run();
        seen.ended(0);
        assert!(
            seen.err.contains("2 members: 2 ok, 0 failed, 0 lost, 0 cancelled\n"),
            "cut at {cut}: {}",
            seen.err
        );
        let told = seen.err.contains("were cut off") || seen.err.contains("begun anew");
        let torn = before.as_ref().map_or(cut > 0, |replayed| replayed.torn > 0);
        assert_eq!(told, torn, "cut at {cut}: {}", seen.err);
        let finished = |member| before.as_ref().is_some_and(|replayed| replayed.ledger.is_finished(member));
        let expected: String = [(1, "a\n"), (2, "b\n")]
            .into_iter()
            .filter(|(n, _)| !finished(*n))
            .map(|(_, line)| line)
            .collect();
        assert_eq!(fs::read_to_string(&witness).unwrap_or_default(), expected, "cut at {cut}");
        let after = read(&fs::read(&journal).unwrap()).unwrap().unwrap();
        assert_eq!((after.torn, after.ledger.tally().done), (0, 2), "cut at {cut}");
    }
}

#[test]
fn what_is_damaged_or_foreign_is_said_and_not_touched() {
    let folder = folder();
    let journal = folder.path().join("journal");
    let shown = journal.display();
    let args = ["--journal", journal.to_str().unwrap(), "--resume", "true", ":::", "a", "b"];
    headcount(args).run().ended(0);
    let good = fs::read(&journal).unwrap();
    let flipped = |place: usize| {
        let mut bytes = good.clone();
        bytes[place] ^= 0x10;
        bytes
    };
    let foreign = format!("headcount: {shown} exists, and it is no journal of headcount\n");
    for (bytes, told) in [
        (b"a list of something\n".to_vec(), foreign.clone()),
        (b"x".to_vec(), foreign.clone()),
        (fs::read(crate::binary::headcount()).unwrap()[..4096].to_vec(), foreign.clone()),
        (flipped(0), foreign),
        (
            flipped(HEADER - 1),
            format!("headcount: the journal {shown} cannot be used: it is damaged at byte 0, "),
        ),
        (flipped(HEADER + 20), format!("it is damaged at byte {HEADER}, and goes on behind that\n")),
        (flipped(good.len() / 2), "it is damaged at byte ".into()),
    ] {
        fs::write(&journal, &bytes).unwrap();
        let seen = headcount(args).run();
        seen.ended(2);
        assert!(seen.err.contains(&told), "{told}: {}", seen.err);
        assert!(seen.err.contains("\nhint: it was not touched; "), "{}", seen.err);
        assert_eq!(fs::read(&journal).unwrap(), bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_no_journal(bytes in prop::collection::vec(any::<u8>(), 0..600), ours in any::<bool>()) {
        let bytes = if ours { [&header(SALT)[..], &bytes].concat() } else { bytes };
        // It may be torn in its beginning, and never has anything to tell.
        if let Ok(told) = read(&bytes) {
            prop_assert!(told.is_none());
        }
    }

    #[test]
    fn what_was_changed_before_the_last_record_is_never_accepted(
        place in 0..1000_usize,
        gone in 0..40_usize,
        put in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let (bytes, begin) = journal(SALT, &[b"one", b"two", b"three"]);
        let place = place % bytes.len();
        let gone = gone.min(bytes.len() - place);
        let changed = [&bytes[..place], &put, &bytes[place + gone..]].concat();
        match read(&changed) {
            Err(_) => prop_assert_ne!(&changed, &bytes),
            Ok(None) => prop_assert!(place <= begin[1], "the first record was not whole"),
            Ok(Some(replayed)) => {
                let end = usize::try_from(replayed.end).unwrap();
                prop_assert_eq!(&changed[..end], &bytes[..end], "something was accepted that was never written");
                // What is behind the change is gone or was cut off with it; no whole record of ours is left there.
                let kept = bytes.len() - place - gone;
                let last = bytes.len() - begin[begin.len() - 1];
                prop_assert!(changed == bytes || kept < last, "{} bytes behind the change were cut", kept);
            }
        }
    }
}
