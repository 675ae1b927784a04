//! How far it is: on a terminal a line for each of the transfers that have run longest, and one for all; elsewhere one line
//! every ten seconds; nothing when quiet.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use unicode_width::UnicodeWidthChar;

use super::desk::Desk;
use super::transfer::{Doing, Transfer};
use crate::ledger::{Number, Tally};
use crate::locked;
use crate::output::Margin;

/// How often it is drawn, and how long a batch has to run to be drawn.
const DRAW: Duration = Duration::from_millis(250);

/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(10);

/// More transfers are not shown, however tall the terminal is.
const ROWS: usize = 12;

/// How wide a name is shown at least, and at most; and what stands behind it, which has more to say.
const NAME: (usize, usize) = (8, 32);
const FIGURES: usize = 51;

/// On less than that a bar would leave no room for what it stands for.
const NARROW: usize = 60;

/// How much the last moment counts in a speed.
const NEWS: f64 = 0.3;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct View {
    kind: Kind,
    began: Instant,
    total: Option<u64>,
    meters: HashMap<Number, Meter>,
    all: Meter,
}

#[derive(Debug)]
enum Kind {
    Silent,
    Lines,
    Bars(Option<Bars>),
}

/// All lines are one bar, of several lines: so they are drawn at once, and none stands there twice when one above it ends.
#[derive(Debug)]
struct Bars {
    bar: ProgressBar,
    /// How it is laid out, if it was: on a narrow terminal, and with rows.
    layout: Option<(bool, bool)>,
}

/// A speed that does not jump about.
#[derive(Debug, Clone, Copy)]
struct Meter {
    at: Instant,
    got: u64,
    speed: Option<f64>,
}

impl Meter {
    fn new(got: u64) -> Self {
        Self { at: Instant::now(), got, speed: None }
    }

    /// Bytes a second.
    fn look(&mut self, got: u64) -> f64 {
        let time = self.at.elapsed().as_secs_f64();
        if time > 0.0 {
            // Bytes are shown with three digits.
            #[expect(clippy::cast_precision_loss, reason = "a speed is shown with one digit")]
            let now = got.saturating_sub(self.got) as f64 / time;
            self.speed = Some(self.speed.map_or(now, |before| before + NEWS * (now - before)));
            (self.at, self.got) = (Instant::now(), got);
        }
        self.speed.unwrap_or_default()
    }
}

impl View {
    pub(crate) fn new(quiet: bool, total: Option<u64>) -> Self {
        // A terminal that says it is dumb cannot wipe a line.
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let kind = if quiet {
            Kind::Silent
        } else if std::io::stderr().is_terminal() && !dumb {
            Kind::Bars(None)
        } else {
            Kind::Lines
        };
        Self { kind, began: Instant::now(), total, meters: HashMap::new(), all: Meter::new(0) }
    }

    /// How long to wait before telling again.
    pub(super) fn interval(&self) -> Duration {
        if matches!(self.kind, Kind::Bars(_)) { DRAW } else { LINE }
    }

    /// Tells how far it is. Without a terminal, gives the line to print.
    pub(super) fn tell(&mut self, desk: &Desk) -> Option<String> {
        if matches!(self.kind, Kind::Silent) {
            return None;
        }
        let tally = locked(&desk.books.ledger).tally();
        let mut running: Vec<_> =
            locked(&desk.transfers).values().filter(|one| runs(one)).map(Arc::clone).collect();
        running.sort_by_key(|transfer| transfer.since);
        // Relaxed: a figure for people.
        let bytes = desk.bytes.load(Ordering::Relaxed);
        let speed = self.all.look(bytes);
        let text = all(&tally, self.total, running.len(), bytes, speed, self.began.elapsed());
        let Kind::Bars(bars) = &mut self.kind else {
            let slowest = running.first().map_or_else(String::new, |transfer| {
                format!(
                    "; slowest {} {}, {:.0} s",
                    transfer.name,
                    amount(transfer),
                    transfer.since.elapsed().as_secs_f64()
                )
            });
            return Some(format!("headcount: {text}{slowest}\n"));
        };
        let bars = bars.get_or_insert_with(|| Bars::open(desk, self.total));
        let (shown, usable) = (&running[..running.len().min(rows())], Margin::usable());
        self.meters.retain(|number, _| shown.iter().any(|transfer| transfer.number == *number));
        let lines = shown.iter().map(|transfer| {
            let meter = self.meters.entry(transfer.number).or_insert_with(|| Meter::new(transfer.got()));
            fit(row(transfer, meter.look(transfer.got()), usable).trim_end(), usable)
        });
        let more = (running.len() > shown.len()).then(|| format!("and {} more", running.len() - shown.len()));
        let lines: Vec<_> = lines.chain(more).collect();
        bars.lay_out(usable < NARROW, !lines.is_empty(), self.total.is_some());
        bars.bar.set_position(tally.ended());
        bars.bar.set_prefix(lines.join("\n"));
        bars.bar.set_message(text);
        bars.bar.tick();
        None
    }

    /// Takes it off the screen.
    pub(super) fn clear(&mut self) {
        if let Kind::Bars(Some(bars)) = &self.kind {
            bars.bar.finish_and_clear();
        }
    }
}

fn runs(transfer: &Transfer) -> bool {
    matches!(transfer.doing(), Doing::Asks | Doing::Receives)
}

/// As many transfers as fit above the line for all, with some of what was printed before left to see.
fn rows() -> usize {
    let told = rustix::termios::tcgetwinsize(rustix::stdio::stderr()).map_or(0, |size| size.ws_row);
    let tall = if told == 0 { 24 } else { usize::from(told) };
    (tall / 2).clamp(1, ROWS)
}

impl Bars {
    fn open(desk: &Desk, total: Option<u64>) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::<Margin>::default(), 20);
        let bar = ProgressBar::with_draw_target(total, target);
        desk.books.printer.sheet().share_with(bar.clone());
        Self { bar, layout: None }
    }

    /// The line for all below those of transfers, as the terminal's width allows.
    fn lay_out(&mut self, narrow: bool, rows: bool, total: bool) {
        if self.layout.replace((narrow, rows)) == Some((narrow, rows)) {
            return;
        }
        let all = match (total, narrow) {
            (true, false) => "[{bar:24}] {wide_msg}",
            (true, true) => "[{bar:6}] {wide_msg}",
            (false, _) => "{spinner} {wide_msg}",
        };
        let template = if rows { format!("{{prefix}}\n{all}") } else { all.to_owned() };
        if let Ok(style) = ProgressStyle::with_template(&template) {
            self.bar.set_style(style.progress_chars("=> "));
        }
    }
}

/// What there is of a file, of how much.
fn amount(transfer: &Transfer) -> String {
    match transfer.size() {
        Some(whole) => format!("{} of {}", size(transfer.got()), size(whole)),
        None => size(transfer.got()),
    }
}

/// One transfer's line.
fn row(transfer: &Transfer, speed: f64, usable: usize) -> String {
    let name = fit(&transfer.name, usable.saturating_sub(FIGURES).clamp(NAME.0, NAME.1));
    let what = match transfer.doing() {
        Doing::Receives => {
            let left = transfer.size().map(|size| size.saturating_sub(transfer.got()));
            format!("{:>22}  {:>12}{}", amount(transfer), per_second(speed), eta(left, speed))
        }
        _ => transfer.state(),
    };
    format!("{name}  {what}")
}

/// A text that takes just so many columns of a terminal, on which some characters are two wide and some none.
fn fit(text: &str, columns: usize) -> String {
    let wide = |c: char| c.width().unwrap_or(0);
    let whole: usize = text.chars().map(wide).sum();
    let room = if whole <= columns { columns } else { columns.saturating_sub(1) };
    let (mut fitted, mut taken) = (String::new(), 0);
    for c in text.chars() {
        if taken + wide(c) > room {
            break;
        }
        taken += wide(c);
        fitted.push(c);
    }
    if whole > columns {
        fitted.push('…');
        taken += 1;
    }
    fitted.extend(std::iter::repeat_n(' ', columns.saturating_sub(taken)));
    fitted
}

/// The line for all.
fn all(
    tally: &Tally,
    total: Option<u64>,
    running: usize,
    bytes: u64,
    speed: f64,
    elapsed: Duration,
) -> String {
    let of = total.map_or(String::new(), |total| format!(" of {total}"));
    let ended = tally.ended();
    let mut text = format!(
        "{ended}{of} ended, {running} running, {} failed, {}, {}",
        tally.failed,
        size(bytes),
        per_second(speed)
    );
    if let Some(left) = total.map(|total| total.saturating_sub(ended)).filter(|&left| left > 0 && ended > 0) {
        // Members are far below the precision of a float.
        #[expect(clippy::cast_precision_loss, reason = "an estimate in seconds")]
        let eta = elapsed.as_secs_f64() * left as f64 / ended as f64;
        text.push_str(&format!(", {eta:.0} s left"));
    }
    text
}

fn eta(left: Option<u64>, speed: f64) -> String {
    match left {
        Some(left) if left > 0 && speed >= 1.0 => {
            #[expect(clippy::cast_precision_loss, reason = "an estimate in seconds")]
            let seconds = left as f64 / speed;
            format!("  {seconds:>4.0} s left")
        }
        _ => String::new(),
    }
}

fn per_second(speed: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a speed is shown with one digit"
    )]
    let whole = speed as u64;
    format!("{}/s", size(whole))
}

/// A size with one digit behind the point, in powers of 1024.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "a size is shown with one digit")]
    let mut scaled = bytes as f64 / 1024.0;
    let mut unit = 0;
    while scaled >= 1023.95 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{scaled:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{all, eta, fit, size};
    use crate::ledger::Tally;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_572_864, "1.5 MiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_text_takes_the_columns_it_is_given() {
        for (name, fitted) in [
            ("", "        "),
            ("a.txt", "a.txt   "),
            ("12345678", "12345678"),
            ("123456789", "1234567…"),
            ("日本語名", "日本語名"),
            ("日本語名x", "日本語… "),
            ("e\u{301}clair", "e\u{301}clair  "),
        ] {
            assert_eq!(fit(name, 8), fitted, "{name}");
        }
    }

    #[test]
    fn what_is_left_is_told_when_it_is_known() {
        let tally = Tally { registered: 20, running: 2, done: 9, failed: 1, ..Tally::default() };
        let ten = Duration::from_secs(10);
        assert_eq!(
            all(&tally, Some(30), 2, 2048, 1024.0, ten),
            "10 of 30 ended, 2 running, 1 failed, 2.0 KiB, 1.0 KiB/s, 20 s left"
        );
        assert_eq!(all(&tally, None, 2, 0, 0.0, ten), "10 ended, 2 running, 1 failed, 0 B, 0 B/s");
        assert_eq!(eta(Some(2048), 1024.0), "     2 s left");
        assert_eq!(eta(Some(2048), 0.0), "");
        assert_eq!(eta(None, 1024.0), "");
    }
}
