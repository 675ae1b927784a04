//! The checksums that were published: lines as `sha256sum` writes them, each for a name or an address.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};

use super::address::Address;
use crate::legible;

/// Half a line says nothing about the other half; no checksum file has lines like that.
const LONGEST_LINE: u64 = 64 * 1024;

/// SHA-256 of a file.
pub(super) type Sum = [u8; 32];

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Sums(HashMap<Vec<u8>, Sum>);

impl Sums {
    /// Reads them all.
    ///
    /// Says which line cannot be used and why.
    pub(crate) fn read(file: impl Read) -> Result<Self, String> {
        let mut reader = BufReader::new(file);
        let mut sums = HashMap::new();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
            if read.map_err(|error| format!("line {number} cannot be read: {error}"))? == 0 {
                break;
            }
            let (sum, of) = parse(&line).map_err(|why| format!("line {number}: {why}"))?;
            if of.is_empty() {
                continue;
            }
            let shown = || legible::one_line(of);
            if sums.insert(key(of), sum).is_some_and(|other| other != sum) {
                return Err(format!("line {number}: another sum for {} than before", shown()));
            }
        }
        if sums.is_empty() { Err("there is no sum in it".into()) } else { Ok(Self(sums)) }
    }

    /// The sum of the file that is to come from this address, under this name.
    pub(super) fn of(&self, address: &Address, name: &str) -> Option<Sum> {
        self.0.get(&address.kept).or_else(|| self.0.get(name.as_bytes())).copied()
    }
}

/// An address as ours are, however it is written there.
fn key(of: &[u8]) -> Vec<u8> {
    let address = Address::read(of);
    if address.url.is_ok() { address.kept } else { of.to_vec() }
}

/// The sum and what it is of; of nothing for an empty line or a comment.
fn parse(line: &[u8]) -> Result<(Sum, &[u8]), String> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.iter().all(u8::is_ascii_whitespace) || line.starts_with(b"#") {
        return Ok(([0; 32], b""));
    }
    let end = line.iter().position(|&byte| byte == b' ' || byte == b'\t').unwrap_or(line.len());
    let (digits, rest) = line.split_at(end);
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut sum = [0; 32];
    if digits.len() != 2 * sum.len() {
        return Err(format!("a sum has {} digits, and here are {}", 2 * sum.len(), digits.len()));
    }
    for (byte, pair) in sum.iter_mut().zip(digits.chunks(2)) {
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
            return Err("the sum has characters that are no digits from 0 to f".into());
        };
        *byte = high << 4 | low;
    }
    let rest = rest.trim_ascii_start();
    // The mark of a file that was read as binary.
    let of = rest.strip_prefix(b"*").unwrap_or(rest);
    // As others list the files of a folder.
    let of = of.strip_prefix(b"./").unwrap_or(of);
    if of.is_empty() { Err("behind the sum has to stand a name or an address".into()) } else { Ok((sum, of)) }
}

/// The sum in digits.
pub(super) fn digits(sum: &Sum) -> String {
    sum.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::{Address, Sums};

    #[test]
    fn lines_are_read_as_sha256sum_writes_them() {
        let (a, b) = ("0a".repeat(32), "FF".repeat(32));
        let text = format!("# ours\n{a}  x y.txt\r\n\n{b} *./z\n{a}\thttp://h/q\n");
        let sums = Sums::read(text.as_bytes()).expect("they can be read");
        let of = |url: &[u8], name| sums.of(&Address::read(url), name);
        assert_eq!(of(b"http://h/x", "x y.txt"), Some([0x0a; 32]));
        assert_eq!(of(b"http://h/z", "z"), Some([0xff; 32]));
        assert_eq!(of(b"HTTP://h:80/q", "other"), Some([0x0a; 32]), "by its address");
        assert_eq!(of(b"http://h/none", "none"), None);
    }

    #[test]
    fn what_cannot_be_used_names_its_line() {
        let good = format!("{}  a\n", "00".repeat(32));
        for (text, why) in [
            (format!("{good}abc  b\n"), "line 2: a sum has 64 digits, and here are 3"),
            (
                format!("{good}{}  b\n", "0g".repeat(32)),
                "line 2: the sum has characters that are no digits from 0 to f",
            ),
            (format!("{}\n", "00".repeat(32)), "line 1: behind the sum has to stand a name or an address"),
            (format!("{good}{}  a\n", "11".repeat(32)), "line 2: another sum for a than before"),
            ("\n# nothing\n".into(), "there is no sum in it"),
        ] {
            assert_eq!(Sums::read(text.as_bytes()).unwrap_err(), why);
        }
    }
}
