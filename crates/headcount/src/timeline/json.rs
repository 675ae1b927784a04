//! JSON as text: strings that are safe everywhere, also inside of a page.

use std::io::{self, Write};

/// Writes `text` as a JSON string.
///
/// `<` is written as an escape too, so that no text can end the element of a page in which the JSON stands, or begin a comment
/// there; and so are the two line ends that JSON allows and old scripts do not.
pub(super) fn string(to: &mut impl Write, text: &str) -> io::Result<()> {
    to.write_all(b"\"")?;
    let mut written = 0;
    for (at, c) in text.char_indices() {
        if !matches!(c, '"' | '\\' | '<' | '\u{0}'..='\u{1f}' | '\u{7f}' | '\u{2028}' | '\u{2029}') {
            continue;
        }
        to.write_all(&text.as_bytes()[written..at])?;
        match c {
            '"' => to.write_all(b"\\\"")?,
            '\\' => to.write_all(b"\\\\")?,
            '\n' => to.write_all(b"\\n")?,
            _ => write!(to, "\\u{:04x}", u32::from(c))?,
        }
        written = at + c.len_utf8();
    }
    to.write_all(&text.as_bytes()[written..])?;
    to.write_all(b"\"")
}

/// Writes `[a,b,…]`.
pub(super) fn array<T, W: Write>(
    to: &mut W,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut W, T) -> io::Result<()>,
) -> io::Result<()> {
    to.write_all(b"[")?;
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            to.write_all(b",")?;
        }
        each(to, item)?;
    }
    to.write_all(b"]")
}

/// Writes `[1,2,…]`; -1 stands for what is not known.
pub(super) fn numbers(to: &mut impl Write, items: impl IntoIterator<Item = Option<u64>>) -> io::Result<()> {
    array(to, items, |to, item| match item {
        Some(number) => write!(to, "{number}"),
        None => to.write_all(b"-1"),
    })
}
