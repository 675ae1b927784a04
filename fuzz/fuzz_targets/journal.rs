//! Whatever a journal's file holds, it is told or refused; and what is told was written.
//!
//! The bytes are used twice. As a file, behind a header, they come as far as the checksums let them, which is not far. As
//! instructions they make a journal, whole records in any order, and then change it: what was made has to be read as far as the
//! rules of the ledger allow, and nothing of what was changed.
//!
//! The pure rooms of the command are taken as they are: to build all of it with the fuzzer's eyes would take minutes.
#![no_main]
#![allow(dead_code, unused_imports, missing_docs)]

#[path = "../../crates/headcount-cli/src/journal/frame.rs"]
mod frame;
#[path = "../../crates/headcount-cli/src/journal/record.rs"]
mod record;
#[path = "../../crates/headcount-cli/src/journal/replay.rs"]
mod replay;

mod input {
    pub type Columns = Vec<Vec<u8>>;
}

use headcount_ledger as ledger;

use frame::{Begins, Unread, begins, framed, header};
use ledger::{End, Event};
use libfuzzer_sys::fuzz_target;
use record::{Heading, Record};
use replay::{Replayed, replay};

const SALT: u64 = 7;

fn read(file: &[u8]) -> Result<Option<Replayed>, Unread> {
    match begins(file)? {
        Begins::Torn => Ok(None),
        Begins::Salt(salt) => replay(file, salt),
    }
}

/// The records that the instructions ask for: a byte for the kind, and what it needs from the next ones.
fn records(mut from: &[u8]) -> Vec<Record> {
    let mut records = vec![Record::Began(Heading { pid: 1, work: vec![b"run".to_vec()] })];
    let mut next = || {
        let (first, rest) = from.split_first()?;
        from = rest;
        Some(*first)
    };
    while let (Some(kind), Some(number)) = (next(), next()) {
        let (member, attempt) = (u64::from(number & 7) + 1, u32::from(number >> 4 & 3) + 1);
        records.push(match kind % 8 {
            0 | 1 => Record::Registered(vec![vec![number; usize::from(kind)]]),
            2 => Record::Event(Event::Started { member, attempt }),
            3 => Record::Event(Event::PutOff { member, attempt }),
            4 => {
                let end = [End::Done, End::Failed, End::Lost, End::Cancelled][usize::from(kind >> 3 & 3)];
                Record::Event(Event::Ended { member, attempt, end })
            }
            5 => Record::Event(Event::Cancelled { member }),
            6 => Record::Event(Event::Sealed { total: u64::from(number) }),
            _ => Record::Resumed { pid: 2, failed_too: number & 1 == 1 },
        });
    }
    records
}

fuzz_target!(|bytes: &[u8]| {
    let _ = read(bytes);
    // The fuzzer finds checksums by watching comparisons, so some of these are journals after all.
    let _ = read(&[&header(SALT)[..], bytes].concat());

    // Where to change, how much, and to what.
    let Some((change, instructions)) = bytes.split_first_chunk::<4>() else { return };
    let mut file = header(SALT).to_vec();
    for (number, record) in records(instructions).iter().enumerate() {
        file.extend(framed(record, SALT, number as u32));
    }
    let whole = read(&file);
    let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % file.len();
    let (cut, mask) = (place + usize::from(change[2]), change[3]);
    // Cut off.
    match (&whole, read(&file[..place])) {
        (Ok(Some(whole)), Ok(Some(part))) => {
            assert!(part.end <= whole.end && part.end + part.torn == place as u64);
        }
        (_, Ok(None)) | (Err(_), _) => {}
        (whole, part) => panic!("{whole:?}, and {place} bytes of it: {part:?}"),
    }
    // Changed, or with a piece taken out.
    let mut changed = file.clone();
    if mask != 0 {
        changed[place] ^= mask;
    } else if cut < file.len() {
        changed.drain(place..cut);
    }
    if let Ok(Some(told)) = read(&changed) {
        let end = usize::try_from(told.end).expect("a length");
        assert_eq!(changed[..end], file[..end], "something was accepted that was never written");
    }
});
