//! The terminal the progress bar is drawn on, a little narrower than it is.
//!
//! The bar fills its line to the end, so that what comes after it comes on the next. But a terminal shows a
//! Ctrl-C where the cursor stands, as `^C`: behind a bar that fills the line it goes to the next one, and the
//! bar, which then wipes the line it believes to be on, stays on the screen for ever. With a margin the `^C`
//! stands beside the bar and is wiped with it.

use std::io::{self, Write as _};

use indicatif::TermLike;

/// Room for a Ctrl-C pressed a few times between two drawings.
const MARGIN: u16 = 8;

/// What is taken for the width where the terminal does not tell.
const USUAL: u16 = 80;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Margin;

fn say(text: &str) -> io::Result<()> {
    io::stderr().write_all(text.as_bytes())
}

/// Moves the cursor so far, in the direction of this letter. None is not a distance a terminal understands.
fn step(far: usize, letter: char) -> io::Result<()> {
    if far == 0 { Ok(()) } else { say(&format!("\x1b[{far}{letter}")) }
}

impl TermLike for Margin {
    fn width(&self) -> u16 {
        let told = rustix::termios::tcgetwinsize(rustix::stdio::stderr()).map_or(0, |size| size.ws_col);
        let width = if told == 0 { USUAL } else { told };
        width.saturating_sub(MARGIN).max(1)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        step(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        step(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        step(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        step(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        say(&format!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        say(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        say("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
}
