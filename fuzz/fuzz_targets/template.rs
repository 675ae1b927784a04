//! Whatever is typed as a command and whatever fills it: the holes are those that the table names, and what is in them arrives
//! byte for byte.
//!
//! The bytes are used twice. As they are, cut into words, columns and names, they must not make anything panic, and what
//! the template says of itself must hold when it is filled. As instructions they make a command out of text and placeholders,
//! for which naive twins know what has to come out, also through a shell's quoting.
#![no_main]
#![allow(dead_code, missing_docs)]

#[path = "../../crates/headcount-cli/src/legible.rs"]
mod legible;
#[path = "../../crates/headcount-cli/src/template.rs"]
mod template;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use libfuzzer_sys::fuzz_target;
use template::{Template, Values};

const NUMBER: u64 = 7;
const SLOT: usize = 3;

fn osstrings(words: &[Vec<u8>]) -> Vec<OsString> {
    words.iter().cloned().map(OsString::from_vec).collect()
}

fn values(columns: &[Vec<u8>]) -> Values<'_> {
    Values { columns, number: NUMBER, slot: SLOT }
}

/// Any words, any columns, any names.
fn anything(words: &[Vec<u8>], columns: &[Vec<u8>], header: Option<&[Vec<u8>]>) {
    for shell in [false, true] {
        let template = Template::compile(&osstrings(words), header, shell);
        let _ = template.program();
        if let Some(stranger) = template.stranger() {
            let known = header.unwrap_or_default().iter().any(|name| name == stranger);
            assert!(!known, "a column's name was left as text");
        }
        let filled = match template.fill(values(columns)) {
            Ok(filled) => filled,
            Err(missing) => {
                assert!(missing.asked > missing.found && missing.found == columns.len());
                assert!(missing.asked <= template.columns());
                continue;
            }
        };
        assert!(template.columns() <= columns.len(), "a column was filled that is not there");
        if shell {
            assert_eq!((filled.len(), filled[0].as_bytes(), filled[1].as_bytes()), (3, &b"/bin/sh"[..], &b"-c"[..]));
            continue;
        }
        let appended = if template.has_holes() { &[] } else { columns };
        assert_eq!(filled.len(), words.len() + appended.len());
        for (word, came) in words.iter().zip(&filled) {
            let text = !template.has_holes() || !word.contains(&b'{');
            assert!(!text || came.as_bytes() == word, "a word without a hole was changed");
        }
        for (column, came) in appended.iter().zip(&filled[words.len()..]) {
            assert_eq!(came.as_bytes(), column);
        }
    }
}

/// What follows the last slash.
fn base(value: &[u8]) -> &[u8] {
    value.split(|&byte| byte == b'/').next_back().expect("there is always one piece")
}

fn without_extension(value: &[u8]) -> &[u8] {
    let base = base(value);
    let extension = base.split(|&byte| byte == b'.').next_back().expect("there is always one piece");
    if extension.len() == base.len() { value } else { &value[..value.len() - extension.len() - 1] }
}

/// By taking away, from behind: slashes, a name, slashes.
fn folder(value: &[u8]) -> Vec<u8> {
    let mut left = value.to_vec();
    let rooted = left.first() == Some(&b'/');
    while left.last() == Some(&b'/') {
        left.pop();
    }
    while left.last().is_some_and(|&byte| byte != b'/') {
        left.pop();
    }
    while left.last() == Some(&b'/') {
        left.pop();
    }
    match (left.is_empty(), rooted) {
        (false, _) => left,
        (true, true) => b"/".to_vec(),
        (true, false) => b".".to_vec(),
    }
}

type Twin = fn(&[u8]) -> Vec<u8>;

const PARTS: [(&str, Twin); 5] = [
    ("", |value| value.to_vec()),
    (".", |value| without_extension(value).to_vec()),
    ("/", |value| base(value).to_vec()),
    ("//", folder),
    ("/.", |value| without_extension(base(value)).to_vec()),
];

/// One placeholder as it is typed, and what it stands for.
fn placeholder(kind: u8, columns: &[Vec<u8>], header: &[Vec<u8>]) -> (Vec<u8>, Vec<u8>) {
    let (mark, part) = PARTS[usize::from(kind) % PARTS.len()];
    let place = usize::from(kind >> 5) % columns.len();
    let of = |column: &Vec<u8>| part(column);
    match kind / 5 % 6 {
        0 => (b"{#}".to_vec(), NUMBER.to_string().into_bytes()),
        1 => (b"{%}".to_vec(), SLOT.to_string().into_bytes()),
        2 => (format!("{{{}{mark}}}", place + 1).into_bytes(), of(&columns[place])),
        3 => ([b"{", &header[place][..], mark.as_bytes(), b"}"].concat(), of(&columns[place])),
        _ => {
            let parts: Vec<_> = columns.iter().map(of).collect();
            (format!("{{{mark}}}").into_bytes(), parts.join(&b' '))
        }
    }
}

/// The words that a shell makes of a line in which there are letters, quoted pieces and backslashes before quotes.
fn words_of_a_shell(line: &[u8]) -> Vec<Vec<u8>> {
    let (mut words, mut word, mut quoted, mut bytes) = (Vec::new(), None, false, line.iter());
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\'' => {
                quoted = !quoted;
                word.get_or_insert_with(Vec::new);
            }
            b'\\' if !quoted => word.get_or_insert_with(Vec::new).push(*bytes.next().expect("a quote")),
            b' ' if !quoted => words.extend(word.take()),
            _ => {
                let plain = byte.is_ascii_alphanumeric() || b"_-./,:=@%+^".contains(&byte);
                assert!(quoted || plain, "a shell would do something with {byte:#x} in {line:?}");
                word.get_or_insert_with(Vec::new).push(byte);
            }
        }
    }
    assert!(!quoted, "a quote is left open in {line:?}");
    words.extend(word);
    words
}

/// A command out of text and placeholders, and what it has to become.
fn made(instructions: &[u8], columns: &[Vec<u8>]) {
    let header: Vec<Vec<u8>> = (0..columns.len()).map(|place| format!("name{place}").into_bytes()).collect();
    let (mut words, mut wanted, mut holes) = (vec![b"command".to_vec()], vec![b"command".to_vec()], false);
    for pair in instructions.chunks_exact(2) {
        if pair[0] & 1 == 1 {
            words.push(Vec::new());
            wanted.push(Vec::new());
        }
        let (word, came) = (words.last_mut().expect("a word"), wanted.last_mut().expect("a word"));
        if pair[0] & 2 == 2 {
            let (typed, stands) = placeholder(pair[1], columns, &header);
            word.extend(typed);
            came.extend(stands);
            holes = true;
        } else {
            let letter = b'a' + pair[1] % 26;
            word.push(letter);
            came.push(letter);
        }
    }
    if !holes {
        wanted.extend(columns.iter().cloned());
    }
    let template = Template::compile(&osstrings(&words), Some(&header), false);
    assert_eq!(template.fill(values(columns)).expect("every column is there"), osstrings(&wanted));
    let template = Template::compile(&osstrings(&words), Some(&header), true);
    let filled = template.fill(values(columns)).expect("every column is there");
    // A word in which nothing stands, not even quotes, is none to a shell.
    let typed = |word: &[u8], place: usize| words.get(place).is_none_or(|typed| !typed.is_empty()) || !word.is_empty();
    let wanted: Vec<_> =
        wanted.into_iter().enumerate().filter(|(place, word)| typed(word, *place)).map(|(_, word)| word).collect();
    assert_eq!(words_of_a_shell(filled[2].as_bytes()), wanted);
}

fuzz_target!(|bytes: &[u8]| {
    // How much is words, how much is columns; the rest is names, or none at all.
    let Some((&[words, columns, named], bytes)) = bytes.split_first_chunk::<3>() else { return };
    let (first, rest) = bytes.split_at(usize::from(words).min(bytes.len()));
    let (second, third) = rest.split_at(usize::from(columns).min(rest.len()));
    let cut = |bytes: &[u8]| -> Vec<Vec<u8>> { bytes.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect() };
    let columns = cut(second);
    anything(&cut(first), &columns, (named & 1 == 1).then(|| cut(third)).as_deref());
    made(first, &columns);
});
