//! Bytes made fit for people: on one line, or as a word a shell would read back.
//!
//! Inputs, commands and output lines may be any bytes. Nothing here changes what a member is given; it is
//! only about what is *shown*. A control character never reaches a terminal from here, and a line break in
//! an input never breaks a line of ours.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

/// `bytes` on one line: control characters as escapes (`\n`, `\t`, `\x1b`), all else as it is.
#[must_use]
pub fn one_line_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_control() {
            line.extend(std::ascii::escape_default(byte));
        } else {
            line.push(byte);
        }
    }
    line
}

/// `bytes` as text on one line: like [`one_line_bytes`], with what is not UTF-8 as escapes too.
#[must_use]
pub fn one_line(bytes: &[u8]) -> String {
    let mut line = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                line.extend(character.escape_default());
            } else {
                line.push(character);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(line, "\\x{byte:02x}");
        }
    }
    line
}

/// One word as a POSIX shell would read it back, byte for byte.
#[must_use]
pub fn shell_word(bytes: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./,:=@%+^".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return bytes.to_vec();
    }
    let mut quoted = Vec::with_capacity(bytes.len() + 2);
    quoted.push(b'\'');
    for &byte in bytes {
        if byte == b'\'' {
            quoted.extend_from_slice(b"'\\''");
        } else {
            quoted.push(byte);
        }
    }
    quoted.push(b'\'');
    quoted
}

/// A whole command line as a shell would read it back.
#[must_use]
pub fn shell_line<S: AsRef<OsStr>>(words: &[S]) -> Vec<u8> {
    let mut line = Vec::new();
    for (place, word) in words.iter().enumerate() {
        if place > 0 {
            line.push(b' ');
        }
        line.extend(shell_word(word.as_ref().as_bytes()));
    }
    line
}
