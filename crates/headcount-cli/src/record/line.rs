//! A JSON object on one line, written field by field in the order in which it is to be read.
//!
//! Bytes that are no UTF-8 are written twice: as text with U+FFFD for what is none, and exactly, as base64 in a field of the
//! same name with `_base64` at its end, which is there only then.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// See the room's text.
pub(super) struct Line<'t> {
    text: &'t mut Vec<u8>,
    fields: usize,
}

impl<'t> Line<'t> {
    pub(super) fn begin(text: &'t mut Vec<u8>) -> Self {
        text.push(b'{');
        Self { text, fields: 0 }
    }

    pub(super) fn end(self) {
        self.text.extend_from_slice(b"}\n");
    }

    fn name(&mut self, name: &str) {
        if self.fields > 0 {
            self.text.push(b',');
        }
        self.fields += 1;
        self.string(name);
        self.text.push(b':');
    }

    fn string(&mut self, text: &str) {
        // Memory takes whatever it is given.
        let _ = serde_json::to_writer(&mut *self.text, text);
    }

    fn raw(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    pub(super) fn null(&mut self, name: &str) {
        self.name(name);
        self.raw("null");
    }

    pub(super) fn flag(&mut self, name: &str, is: bool) {
        self.name(name);
        self.raw(if is { "true" } else { "false" });
    }

    pub(super) fn number(&mut self, name: &str, number: Option<impl std::fmt::Display>) {
        self.name(name);
        match number {
            Some(number) => self.raw(&number.to_string()),
            None => self.raw("null"),
        }
    }

    pub(super) fn seconds(&mut self, name: &str, time: Duration) {
        self.name(name);
        self.raw(&format!("{}.{:06}", time.as_secs(), time.subsec_micros()));
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.string(text);
    }

    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.text(name, &String::from_utf8_lossy(bytes));
        if std::str::from_utf8(bytes).is_err() {
            self.name(&exact(name));
            self.base64(bytes);
        }
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.text.push(b'"');
        // Digits only: nothing in them has to be escaped.
        self.text.extend_from_slice(STANDARD.encode(bytes).as_bytes());
        self.text.push(b'"');
    }

    /// A list of texts. The second list is there if one of them is no UTF-8, and has all of them.
    pub(super) fn list<'b>(&mut self, name: &str, items: impl Iterator<Item = &'b [u8]> + Clone) {
        self.name(name);
        self.items(items.clone(), |line, bytes| line.string(&String::from_utf8_lossy(bytes)));
        if items.clone().any(|bytes| std::str::from_utf8(bytes).is_err()) {
            self.name(&exact(name));
            self.items(items, Self::base64);
        }
    }

    fn items<'b>(&mut self, items: impl Iterator<Item = &'b [u8]>, mut put: impl FnMut(&mut Self, &'b [u8])) {
        self.text.push(b'[');
        for (place, bytes) in items.enumerate() {
            if place > 0 {
                self.text.push(b',');
            }
            put(self, bytes);
        }
        self.text.push(b']');
    }

    pub(super) fn words(&mut self, name: &str, words: &[OsString]) {
        self.list(name, words.iter().map(|word| word.as_bytes()));
    }
}

fn exact(name: &str) -> String {
    format!("{name}_base64")
}
