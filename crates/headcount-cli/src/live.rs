//! The same text again and again, on the whole terminal, until q is pressed.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::Stylize;
use ratatui::widgets::Paragraph;

use crate::exit::{self, Ending};
use crate::refusal::Refusal;

/// How often it is asked for.
const EVERY: Duration = Duration::from_secs(1);

const KEYS: &str = " q quits   up, down, page up, page down, home, end move ";

/// Shows what `look` says, every second.
pub(crate) fn watch(look: impl FnMut() -> Result<String, Refusal>) -> Result<Ending, Refusal> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Refusal::new("--watch needs a terminal", "leave it out, or run it with watch(1)"));
    }
    let unusable =
        |error: io::Error| Refusal::new(format!("the terminal cannot be used: {error}"), "leave --watch out");
    let mut terminal = ratatui::try_init().map_err(unusable)?;
    let shown = show(&mut terminal, look);
    // Whatever came of it, the terminal is given back as it was.
    ratatui::restore();
    shown.map_err(unusable)?.map(|()| Ending::Code(exit::OK))
}

fn show(
    terminal: &mut DefaultTerminal,
    mut look: impl FnMut() -> Result<String, Refusal>,
) -> io::Result<Result<(), Refusal>> {
    let mut top = Top::default();
    loop {
        let text = match look() {
            Ok(text) => text,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let next = Instant::now() + EVERY;
        loop {
            terminal.draw(|frame| {
                let [body, foot] =
                    Layout::vertical([Constraint::Min(1), Constraint::Length(1)]).areas(frame.area());
                top.hold(text.lines().count(), usize::from(body.height));
                let lines = u16::try_from(top.line).unwrap_or(u16::MAX);
                frame.render_widget(Paragraph::new(text.as_str()).scroll((lines, 0)), body);
                frame.render_widget(Paragraph::new(KEYS).reversed(), foot);
            })?;
            if !event::poll(next.saturating_duration_since(Instant::now()))? {
                break;
            }
            if let Event::Key(key) = event::read()? {
                if key.kind == KeyEventKind::Press && top.moved_by(key) {
                    return Ok(Ok(()));
                }
            }
        }
    }
}

/// The first line that is seen.
#[derive(Debug, Default)]
struct Top {
    line: usize,
    page: usize,
    last: usize,
}

impl Top {
    /// There are so many lines, and so many are seen at once.
    fn hold(&mut self, lines: usize, page: usize) {
        (self.page, self.last) = (page, lines.saturating_sub(page));
        self.line = self.line.min(self.last);
    }

    /// What a key does; true if it is the end.
    fn moved_by(&mut self, key: KeyEvent) -> bool {
        let page = self.page.max(2) - 1;
        let line = match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
            KeyCode::Up | KeyCode::Char('k') => self.line.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.line + 1,
            KeyCode::PageUp => self.line.saturating_sub(page),
            KeyCode::PageDown => self.line + page,
            KeyCode::Home => 0,
            KeyCode::End => self.last,
            _ => self.line,
        };
        self.line = line.min(self.last);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_move_within_the_text_and_q_ends() {
        let mut top = Top::default();
        top.hold(100, 10);
        let mut press = |code: KeyCode| {
            assert!(!top.moved_by(code.into()));
            top.line
        };
        let keys =
            [KeyCode::Up, KeyCode::Down, KeyCode::PageDown, KeyCode::End, KeyCode::Down, KeyCode::PageUp];
        assert_eq!(keys.map(&mut press), [0, 1, 10, 90, 90, 81]);
        top.hold(5, 10);
        assert_eq!(top.line, 0, "the text has become short");
        assert!(top.moved_by(KeyCode::Char('q').into()));
        assert!(top.moved_by(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
    }
}
