//! What a file is called. Pure: from the addresses alone, in their order, so that the same list gives the same names
//! however fast servers answer, and a broken run finds its files again. What a server proposes (`Content-Disposition`) is not
//! heeded: it comes after the name is needed, and is one more stranger who names files here.
//!
//! A name is one part of a path that every usual system takes: no separators, no control or direction characters, nothing that
//! a drive, a device or an option is called by, not hidden, not too long, and not what a partial file is called.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use reqwest::Url;

/// The name for a path that ends with a slash.
const INDEX: &str = "index.html";

/// Most systems take 255 bytes. Our own endings have to fit too.
const LONGEST: usize = 200;

/// An extension that is longer is none.
const LONGEST_EXTENSION: usize = 20;

/// What Windows calls devices, with any extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Gives out names, no name twice. Upper and lower case count as the same: on some systems they are.
///
/// It remembers sixteen bytes for a name, not the name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    taken: HashSet<u64>,
    /// The next number to try, for names that clashed before.
    next: HashMap<u64, u64>,
}

impl Names {
    /// The name for this address.
    pub(crate) fn give(&mut self, url: &Url) -> String {
        let name = from_path(url.path());
        let key = key(&name);
        if self.taken.insert(key) {
            return name;
        }
        let mut number = self.next.get(&key).copied().unwrap_or(2);
        let (stem, extension) = split(&name);
        loop {
            let numbered = format!("{stem}-{number}{extension}");
            number += 1;
            if self.taken.insert(self::key(&numbered)) {
                self.next.insert(key, number);
                return numbered;
            }
        }
    }
}

/// With fixed keys: the same in every run.
fn key(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.to_lowercase().hash(&mut hasher);
    hasher.finish()
}

/// A safe name from the last part of a path.
fn from_path(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    let decoded = decode(last);
    let mut name: String = decoded.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    name.truncate(name.trim_end_matches(['.', ' ']).len());
    let name = name.trim_start_matches(' ');
    if name.is_empty() {
        // Of dots nothing is left.
        return if last.is_empty() { INDEX.into() } else { "_".into() };
    }
    let hidden = name.starts_with(['.', '-', '~']);
    let mut name = if hidden { format!("_{}", &name[1..]) } else { name.to_owned() };
    if is_device(&name) {
        name.insert(0, '_');
    }
    let lower = name.to_ascii_lowercase();
    if lower.ends_with(super::part::PART) || lower.ends_with(super::part::NOTE) {
        name.push('_');
    }
    shorten(name)
}

/// `%41` as `A`. Where the bytes are not UTF-8 they stay as they were written.
fn decode(part: &str) -> String {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let given = part.as_bytes();
    let mut bytes = Vec::with_capacity(given.len());
    let mut at = 0;
    while let Some(&byte) = given.get(at) {
        let pair = given.get(at + 1).zip(given.get(at + 2)).filter(|_| byte == b'%');
        match pair.and_then(|(&high, &low)| Some(hex(high)? << 4 | hex(low)?)) {
            Some(decoded) => {
                bytes.push(decoded);
                at += 3;
            }
            None => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| part.to_owned())
}

fn is_safe(c: char) -> bool {
    let hides = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !hides && !r#"/\<>:"|?*"#.contains(c)
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    DEVICES.contains(&stem.as_str())
        || numbered.is_some_and(|digit| {
            matches!(digit, "¹" | "²" | "³") || digit.parse::<u8>().is_ok_and(|n| n < 10)
        })
}

/// What stands before the number, and behind it. `.tar` belongs to what follows it.
fn split(name: &str) -> (&str, &str) {
    let Some(dot) = name.rfind('.').filter(|&dot| dot > 0 && name.len() - dot <= LONGEST_EXTENSION) else {
        return (name, "");
    };
    let before_tar = dot.saturating_sub(".tar".len());
    let is_tar = name.get(before_tar..dot).is_some_and(|end| end.eq_ignore_ascii_case(".tar"));
    let dot = if is_tar && before_tar > 0 { before_tar } else { dot };
    name.split_at(dot)
}

fn shorten(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    let (stem, extension) = split(&name);
    let mut end = LONGEST - extension.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", &stem[..end])
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::{LONGEST, Names, from_path};

    fn url(path: &str) -> Url {
        Url::parse(&format!("http://h/{path}")).expect("a URL")
    }

    #[test]
    fn names_are_one_safe_part_of_a_path() {
        for (path, name) in [
            ("/a/b/c.txt", "c.txt"),
            ("/a/b/", "index.html"),
            ("/", "index.html"),
            ("/..%2f..%2fetc%2fpasswd", "_._.._etc_passwd"),
            ("/%2e%2e", "_"),
            ("/%2e%2e%2f", "_._"),
            ("/.bashrc", "_bashrc"),
            ("/-rf", "_rf"),
            ("/%20x%20", "x"),
            ("/a%00b%0ac%1b%5b2J", "a_b_c_[2J"),
            ("/%e2%80%aetxt.exe", "_txt.exe"),
            ("/con", "_con"),
            ("/NUL.txt", "_NUL.txt"),
            ("/com1.log", "_com1.log"),
            ("/com10.log", "com10.log"),
            ("/a%5cb%3ac", "a_b_c"),
            ("/b%c3%a4r.txt", "bär.txt"),
            ("/b%e4r.txt", "b%e4r.txt"),
            ("/100%", "100%"),
            ("/x.part", "x.part_"),
            ("/x.PART.NOTE", "x.PART.NOTE_"),
        ] {
            assert_eq!(from_path(path), name, "for {path}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let name = from_path(&format!("/{}.tar.gz", "ä".repeat(300)));
        assert!(name.len() <= LONGEST && name.ends_with("ä.tar.gz"), "{name}");
    }

    #[test]
    fn a_clash_gets_a_number_in_the_order_of_the_inputs() {
        let mut names = Names::default();
        let given = ["x/a.tar.gz", "y/a.tar.gz", "A.TAR.GZ", "a-2.tar.gz", "b", "b", "c.d/b", "b-2"];
        let got: Vec<_> = given.iter().map(|path| names.give(&url(path))).collect();
        let wanted = ["a.tar.gz", "a-2.tar.gz", "A-3.TAR.GZ", "a-2-2.tar.gz", "b", "b-2", "b-3", "b-2-2"];
        assert_eq!(got, wanted);
    }
}
