//! The command as it was typed, with holes for the input.
//!
//! Compiled once, filled for each member, on bytes throughout: what is not a placeholder passes unchanged,
//! and what fills one does too. The placeholders are those of GNU parallel:
//!
//! | placeholder | stands for |
//! |---|---|
//! | `{}` | the input; several columns are joined by a space |
//! | `{.}` | the same without its extension |
//! | `{/}` | without its directory |
//! | `{//}` | its directory |
//! | `{/.}` | without directory and extension |
//! | `{#}` | the number of the member, from 1 |
//! | `{%}` | the slot it runs in, from 1 to the number of jobs |
//! | `{1}`, `{2.}`, `{3/}` ... | one column, or a part of it |
//! | `{name}`, `{name.}` ... | the column of that name, when the input has a header; another name is then refused |
//!
//! Braces around anything else are text (`awk {print}`). A template without any placeholder gets the input
//! appended, one argument a column.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::legible;

/// Which part of a value a placeholder takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    NoExtension,
    Base,
    Directory,
    BaseNoExtension,
}

impl Part {
    /// Longest first, so that `//` is not read as `/`.
    const MARKS: [(&'static [u8], Self); 4] = [
        (b"//", Self::Directory),
        (b"/.", Self::BaseNoExtension),
        (b"/", Self::Base),
        (b".", Self::NoExtension),
    ];

    /// Splits `name/.` into the name and the part.
    fn split(inside: &[u8]) -> (&[u8], Self) {
        for (mark, part) in Self::MARKS {
            if let Some(name) = inside.strip_suffix(mark) {
                return (name, part);
            }
        }
        (inside, Self::Whole)
    }

    fn of(self, value: &[u8]) -> &[u8] {
        match self {
            Self::Whole => value,
            Self::NoExtension => without_extension(value),
            Self::Base => base(value),
            Self::Directory => directory(value),
            Self::BaseNoExtension => without_extension(base(value)),
        }
    }
}

fn base(path: &[u8]) -> &[u8] {
    path.iter().rposition(|&byte| byte == b'/').map_or(path, |slash| &path[slash + 1..])
}

fn without_extension(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|&byte| byte == b'.' || byte == b'/') {
        Some(place) if path[place] == b'.' => &path[..place],
        _ => path,
    }
}

/// As `dirname(1)`: trailing slashes do not count, and a bare name lies in `.`.
fn directory(path: &[u8]) -> &[u8] {
    let trim = |path: &[u8]| path.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    let named = &path[..trim(path)];
    if named.is_empty() {
        return if path.is_empty() { b"." } else { b"/" };
    }
    match named.iter().rposition(|&byte| byte == b'/') {
        None => b".",
        Some(slash) => match trim(&named[..slash]) {
            0 => b"/",
            end => &named[..end],
        },
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Input(Part),
    Column(usize, Part),
    Number,
    Slot,
}

/// What fills the holes for one member.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The input's columns; one for plain lines.
    pub columns: &'a [Vec<u8>],
    /// The member's number, from 1.
    pub number: u64,
    /// The slot it runs in, from 1.
    pub slot: usize,
}

/// An input has fewer columns than the command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingColumn {
    /// The column asked for, from 1.
    pub asked: usize,
    /// How many there are.
    pub found: usize,
}

impl fmt::Display for MissingColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = if self.found == 1 { "column" } else { "columns" };
        write!(f, "the command asks for column {}, the input has {} {columns}", self.asked, self.found)
    }
}

impl std::error::Error for MissingColumn {}

/// A compiled command.
#[derive(Debug, Clone)]
pub struct Template {
    words: Vec<Vec<Piece>>,
    shell: bool,
    appends: bool,
}

impl Template {
    /// Compiles the words of a command. `header` names the columns, when they have names; with `shell` the
    /// words are one line for `/bin/sh`, and what fills a hole is quoted for it.
    #[must_use]
    pub fn compile(words: &[OsString], header: Option<&[Vec<u8>]>, shell: bool) -> Self {
        let words: Vec<_> = words.iter().map(|word| pieces(word.as_bytes(), header.unwrap_or(&[]))).collect();
        let holds_input = |piece: &Piece| !matches!(piece, Piece::Text(_));
        let appends = !words.iter().flatten().any(holds_input);
        Self { words, shell, appends }
    }

    /// Whether there is a placeholder; if not, the input is appended.
    #[must_use]
    pub fn has_holes(&self) -> bool {
        !self.appends
    }

    /// The highest column asked for; 0 when none is.
    #[must_use]
    pub fn columns(&self) -> usize {
        let column = |piece: &Piece| if let Piece::Column(place, _) = piece { place + 1 } else { 0 };
        self.words.iter().flatten().map(column).max().unwrap_or(0)
    }

    /// The first text of the form `{name}` that is no placeholder: with named columns most likely a slip.
    #[must_use]
    pub fn stranger(&self) -> Option<&[u8]> {
        let texts = self.words.iter().flatten().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text),
            _ => None,
        });
        let inside = |text: &'_ [u8]| -> Option<usize> {
            let end = text.iter().position(|&byte| byte == b'}')?;
            let (name, _) = Part::split(&text[..end]);
            let word = |byte: &u8| byte.is_ascii_alphanumeric() || [b'_', b'-'].contains(byte);
            (name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().all(word)).then_some(end)
        };
        texts.flat_map(|text| (0..text.len()).map(move |at| &text[at..])).find_map(|text| {
            let after = text.strip_prefix(b"{")?;
            inside(after).map(|end| &after[..end])
        })
    }

    /// The program, when it is the same for every member.
    #[must_use]
    pub fn program(&self) -> Option<&OsStr> {
        if self.shell {
            return Some(OsStr::new("/bin/sh"));
        }
        match self.words.first()?.as_slice() {
            [] => Some(OsStr::new("")),
            [Piece::Text(text)] => Some(OsStr::from_bytes(text)),
            _ => None,
        }
    }

    /// The argument list of one member, its program first.
    ///
    /// # Errors
    /// When the input has fewer columns than are asked for.
    pub fn fill(&self, values: Values<'_>) -> Result<Vec<OsString>, MissingColumn> {
        if self.shell { self.fill_shell(values) } else { self.fill_words(values) }
    }

    fn fill_words(&self, values: Values<'_>) -> Result<Vec<OsString>, MissingColumn> {
        let mut filled = Vec::with_capacity(self.words.len() + values.columns.len());
        for pieces in &self.words {
            let mut word = Vec::new();
            for piece in pieces {
                fill(&mut word, piece, values, <[u8]>::to_vec)?;
            }
            filled.push(OsString::from_vec(word));
        }
        if self.appends {
            filled.extend(values.columns.iter().cloned().map(OsString::from_vec));
        }
        Ok(filled)
    }

    fn fill_shell(&self, values: Values<'_>) -> Result<Vec<OsString>, MissingColumn> {
        let mut line = Vec::new();
        for (place, pieces) in self.words.iter().enumerate() {
            if place > 0 {
                line.push(b' ');
            }
            for piece in pieces {
                fill(&mut line, piece, values, legible::shell_word)?;
            }
        }
        if self.appends {
            for column in values.columns {
                line.push(b' ');
                line.extend(legible::shell_word(column));
            }
        }
        Ok(vec!["/bin/sh".into(), "-c".into(), OsString::from_vec(line)])
    }
}

/// Fills one piece. `quote` is applied to values, never to the text the user typed.
fn fill(
    word: &mut Vec<u8>,
    piece: &Piece,
    values: Values<'_>,
    quote: fn(&[u8]) -> Vec<u8>,
) -> Result<(), MissingColumn> {
    match piece {
        Piece::Text(text) => word.extend_from_slice(text),
        Piece::Input(part) => match values.columns {
            [only] => word.extend(quote(part.of(only))),
            several => {
                let parts: Vec<&[u8]> = several.iter().map(|column| part.of(column)).collect();
                word.extend(quote(&parts.join(&b' ')));
            }
        },
        Piece::Column(place, part) => match values.columns.get(*place) {
            Some(column) => word.extend(quote(part.of(column))),
            None => return Err(MissingColumn { asked: place + 1, found: values.columns.len() }),
        },
        Piece::Number => word.extend(values.number.to_string().into_bytes()),
        Piece::Slot => word.extend(values.slot.to_string().into_bytes()),
    }
    Ok(())
}

/// Cuts one word into text and placeholders.
fn pieces(word: &[u8], header: &[Vec<u8>]) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut text = Vec::new();
    let mut rest = word;
    while let Some((&first, after)) = rest.split_first() {
        let inside = (first == b'{')
            .then(|| after.iter().position(|&byte| byte == b'}' || byte == b'{'))
            .flatten()
            .filter(|&end| after[end] == b'}')
            .map(|end| &after[..end]);
        if let Some((inside, piece)) = inside.and_then(|inside| Some((inside, placeholder(inside, header)?)))
        {
            if !text.is_empty() {
                found.push(Piece::Text(std::mem::take(&mut text)));
            }
            found.push(piece);
            rest = &after[inside.len() + 1..];
        } else {
            text.push(first);
            rest = after;
        }
    }
    if !text.is_empty() {
        found.push(Piece::Text(text));
    }
    found
}

/// The placeholder between two braces, if it is one.
fn placeholder(inside: &[u8], header: &[Vec<u8>]) -> Option<Piece> {
    match inside {
        b"#" => return Some(Piece::Number),
        b"%" => return Some(Piece::Slot),
        _ => {}
    }
    // The whole text first: a column may be called `a.b`.
    let named = |name: &[u8]| header.iter().position(|column| column == name);
    if let Some(place) = named(inside).filter(|_| !inside.is_empty()) {
        return Some(Piece::Column(place, Part::Whole));
    }
    let (name, part) = Part::split(inside);
    if name.is_empty() {
        return Some(Piece::Input(part));
    }
    if name.iter().all(u8::is_ascii_digit) {
        let place: usize = std::str::from_utf8(name).ok()?.parse().ok()?;
        return place.checked_sub(1).map(|place| Piece::Column(place, part));
    }
    named(name).map(|place| Piece::Column(place, part))
}
