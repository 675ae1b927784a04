//! How far the batch is: a bar at a terminal, a plain line every ten seconds elsewhere, nothing when quiet.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::ledger::Tally;
use crate::output::{Margin, Sheet};

/// How often the bar is drawn, and how long a batch has to run to get one.
const DRAW: Duration = Duration::from_millis(200);

/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(10);

/// The running member that has taken longest so far.
#[derive(Debug)]
pub(crate) struct Slowest {
    pub(crate) label: String,
    pub(crate) age: Duration,
}

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Progress {
    kind: Kind,
    began: Instant,
    total: Option<u64>,
    /// So many had ended before it began.
    before: u64,
}

#[derive(Debug)]
enum Kind {
    Silent,
    Lines,
    Bar(Option<ProgressBar>),
}

impl Progress {
    /// Of so many inputs, where that is known, of which so many had ended before.
    pub(crate) fn new(quiet: bool, total: Option<u64>, before: u64) -> Self {
        // A terminal that says it is dumb cannot wipe a line.
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let kind = if quiet {
            Kind::Silent
        } else if std::io::stderr().is_terminal() && !dumb {
            Kind::Bar(None)
        } else {
            Kind::Lines
        };
        Self { kind, began: Instant::now(), total, before }
    }

    /// How long to wait before telling again.
    pub(crate) fn interval(&self) -> Duration {
        match self.kind {
            Kind::Bar(_) => DRAW,
            Kind::Lines | Kind::Silent => LINE,
        }
    }

    /// Tells how far it is. Without a terminal, gives the line to print.
    pub(crate) fn tell(&mut self, tally: &Tally, slowest: Option<&Slowest>, sheet: &Sheet) -> Option<String> {
        let total = self.total;
        let text = self.text(tally, slowest);
        match &mut self.kind {
            Kind::Silent => None,
            Kind::Lines => Some(format!("headcount: {text}\n")),
            Kind::Bar(bar) => {
                let bar = bar.get_or_insert_with(|| open_bar(total, sheet));
                bar.set_position(tally.ended());
                bar.set_message(text);
                bar.tick();
                None
            }
        }
    }

    /// Takes the bar off the screen.
    pub(crate) fn clear(&mut self) {
        if let Kind::Bar(Some(bar)) = &self.kind {
            bar.finish_and_clear();
        }
    }

    fn text(&self, tally: &Tally, slowest: Option<&Slowest>) -> String {
        let elapsed = self.began.elapsed().as_secs_f64().max(0.001);
        // Counts of members are far below the precision of a float.
        #[expect(clippy::cast_precision_loss, reason = "a rate is shown with one digit")]
        let rate = (tally.ended() - self.before) as f64 / elapsed;
        let of = self.total.map_or(String::new(), |total| format!(" of {total}"));
        let mut text = format!(
            "{}{of} ended, {} running, {} failed, {rate:.1}/s",
            tally.ended(),
            tally.running,
            tally.failed
        );
        if tally.waiting > 0 {
            text.push_str(&format!(", {} to be tried again", tally.waiting));
        }
        if let Some(left) = self.total.map(|total| total.saturating_sub(tally.ended())) {
            if rate > 0.0 && left > 0 {
                #[expect(clippy::cast_precision_loss, reason = "an estimate in seconds")]
                let eta = left as f64 / rate;
                text.push_str(&format!(", {eta:.0} s left"));
            }
        }
        if let Some(Slowest { label, age }) = slowest {
            let short: String = label.chars().take(40).collect();
            text.push_str(&format!(", slowest {short} ({:.0} s)", age.as_secs_f64()));
        }
        text
    }
}

fn open_bar(total: Option<u64>, sheet: &Sheet) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(
        total,
        ProgressDrawTarget::term_like_with_hz(Box::<Margin>::default(), 20),
    );
    let template = if total.is_some() { "[{bar:24}] {wide_msg}" } else { "{spinner} {wide_msg}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    sheet.share_with(bar.clone());
    bar
}
