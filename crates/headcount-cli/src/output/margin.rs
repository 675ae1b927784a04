//! The terminal that progress is drawn on, a little narrower than it is, and line by line.
//!
//! Who draws fills a line to the end, so that what comes after it comes on the next. But a terminal shows a
//! Ctrl-C where the cursor stands, as `^C`: behind a line that is full it goes to the next one, and the
//! drawing, which then wipes the line it believes to be on, stays on the screen for ever. With a margin the `^C`
//! stands beside the last line and is wiped with it.
//!
//! With a margin a line that is filled ends before the terminal's does, and the next one would be drawn behind it. So the filling
//! is left out, and lines are ended here. Who draws gives the text of a line and its filling, one after the other, and
//! moves the cursor before and after all lines.

use std::io::{self, Write as _};
use std::sync::Mutex;

use indicatif::TermLike;

use crate::locked;

/// Room for a Ctrl-C pressed a few times between two drawings.
const MARGIN: u16 = 8;

/// What is taken for the width where the terminal does not tell.
const USUAL: u16 = 80;

/// See the room's text.
#[derive(Debug, Default)]
pub(crate) struct Margin {
    /// What was written last.
    place: Mutex<Place>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// Nothing yet: the cursor was moved to where the first line begins.
    #[default]
    Top,
    /// A line's text.
    Text,
    /// A line's filling.
    Filled,
}

impl Margin {
    /// How much of a line can be used.
    pub(crate) fn usable() -> usize {
        let told = rustix::termios::tcgetwinsize(rustix::stdio::stderr()).map_or(0, |size| size.ws_col);
        let width = if told == 0 { USUAL } else { told };
        usize::from(width.saturating_sub(MARGIN).max(1))
    }

    /// What to write for the next piece.
    fn piece(&self, text: &str) -> String {
        let mut place = locked(&self.place);
        match *place {
            // To the beginning of the first line.
            Place::Top if text == "\r" => text.to_owned(),
            Place::Top => {
                *place = Place::Text;
                text.to_owned()
            }
            Place::Text => {
                *place = Place::Filled;
                // Whatever stood there is wiped instead, to the end of the terminal's line.
                "\x1b[K".to_owned()
            }
            Place::Filled => {
                *place = Place::Text;
                format!("\n{text}")
            }
        }
    }

    /// Moves the cursor so far, in the direction of this letter. None is not a distance a terminal understands.
    fn step(&self, far: usize, letter: char) -> io::Result<()> {
        *locked(&self.place) = Place::Top;
        if far == 0 { Ok(()) } else { say(&format!("\x1b[{far}{letter}")) }
    }
}

fn say(text: &str) -> io::Result<()> {
    io::stderr().write_all(text.as_bytes())
}

impl TermLike for Margin {
    fn width(&self) -> u16 {
        u16::try_from(Self::usable()).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.step(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.step(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.step(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.step(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        say(&format!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        say(&self.piece(s))
    }

    fn clear_line(&self) -> io::Result<()> {
        say("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        *locked(&self.place) = Place::Top;
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::{Margin, Place};

    #[test]
    fn each_line_has_one_of_its_own_and_the_cursor_stays_in_the_last() {
        let margin = Margin::default();
        for _ in 0..2 {
            let drawn: String =
                ["\r", "one", "     ", "two", "", "three", "   "].map(|piece| margin.piece(piece)).concat();
            assert_eq!(drawn, "\rone\x1b[K\ntwo\x1b[K\nthree\x1b[K");
            *margin.place.lock().unwrap() = Place::Top;
        }
    }
}
