//! One row's figures as a table: medians, spread, ratios, and the aim beside what was measured.
//!
//! A ratio is the median of the rounds' ratios, not the ratio of two medians: within a round the machine was the same
//! for both.

use std::fmt;

use serde_json::{Value, json};

use crate::contestants::Role;
use crate::row::{Aim, Row};
use crate::timing::{Sample, median};

/// A contestant's figures, one a round.
#[derive(Debug)]
pub(crate) struct Entry {
    name: &'static str,
    role: Role,
    pub(crate) samples: Vec<Sample>,
    /// Why there are no figures, or why they end early.
    pub(crate) missing: Option<String>,
}

impl Entry {
    pub(crate) fn new(name: &'static str, role: Role) -> Entry {
        Entry { name, role, samples: Vec::new(), missing: None }
    }

    fn figures(&self) -> Vec<f64> {
        self.samples.iter().map(|sample| sample.figure).collect()
    }

    /// The share of waits asleep, in the median round.
    fn asleep(&self) -> Option<f64> {
        let shares: Vec<f64> = self.samples.iter().filter_map(|sample| sample.asleep).collect();
        (!shares.is_empty()).then(|| median(&shares))
    }

    fn timed(&self) -> bool {
        self.missing.is_none() && !self.samples.is_empty()
    }

    /// How many times `other`, or nothing when one of the two has no figures.
    fn times(&self, other: &Entry) -> Option<f64> {
        let both = self.samples.iter().zip(&other.samples);
        let ratios: Vec<f64> = both.map(|(mine, theirs)| mine.figure / theirs.figure).collect();
        (self.timed() && other.timed()).then(|| median(&ratios))
    }
}

/// All of a row.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) row: Row,
    pub(crate) entries: Vec<Entry>,
}

impl Table {
    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    fn best_peer(&self) -> Option<&Entry> {
        let peers = self.entries.iter().filter(|entry| entry.role == Role::Peer && entry.timed());
        peers.min_by(|a, b| median(&a.figures()).total_cmp(&median(&b.figures())))
    }

    /// What was aimed for and what was measured, one line for each aim and each of ours.
    fn aims(&self) -> Vec<String> {
        let ours: Vec<&Entry> = self.entries.iter().filter(|entry| entry.role == Role::Ours).collect();
        let line = |aim: Aim, entry: &Entry| {
            let measured = self.measured(aim, entry).unwrap_or("not measured".to_owned());
            format!("aim      {} · {}: {measured}", self.in_words(aim), entry.name)
        };
        let has_its_own = |entry: &Entry| {
            self.row.aims().iter().any(|aim| matches!(aim, Aim::For(whose, _) if *whose == entry.name))
        };
        let lines = |&aim: &Aim| match aim {
            _ if ours.is_empty() => {
                vec![format!("aim      {} · nothing of ours takes part", self.in_words(aim))]
            }
            Aim::For(whose, aim) => {
                let entries = ours.iter().filter(|entry| entry.name == whose);
                entries.map(|entry| line(*aim, entry)).collect()
            }
            aim => ours.iter().filter(|entry| !has_its_own(entry)).map(|entry| line(aim, entry)).collect(),
        };
        self.row.aims().iter().flat_map(lines).collect()
    }

    fn in_words(&self, aim: Aim) -> String {
        match aim {
            Aim::Nothing => "none: this row shows a cost".to_owned(),
            Aim::Times(limit, whose) => format!("≤ {limit} × {whose}"),
            Aim::BestPeer(limit) => format!("≤ {limit} × the best peer"),
            Aim::AtMost(limit) => format!("≤ {limit} {}", self.row.unit()),
            Aim::AtMostOf(limit, what) => format!("≤ {limit} {} ({what})", self.row.unit()),
            Aim::Above(limit, whose) => format!("≤ {whose} + {limit} {}", self.row.unit()),
            Aim::For(whose, aim) => format!("{} for {whose}", self.in_words(*aim)),
        }
    }

    fn measured(&self, aim: Aim, entry: &Entry) -> Option<String> {
        let unit = self.row.unit();
        match aim {
            Aim::Nothing => {
                let times = entry.times(self.entry(self.row.reference())?)?;
                Some(format!("{times:.3} × {}", self.row.reference()))
            }
            Aim::Times(limit, whose) => {
                let times = entry.times(self.entry(whose)?)?;
                Some(format!("{times:.3} ×{}", verdict(times <= limit)))
            }
            Aim::BestPeer(limit) => {
                let best = self.best_peer()?;
                let times = entry.times(best)?;
                Some(format!("{times:.3} × {}{}", best.name, verdict(times <= limit)))
            }
            Aim::AtMost(limit) | Aim::AtMostOf(limit, _) => {
                let value = entry.timed().then(|| median(&entry.figures()) / self.row.per_unit())?;
                Some(format!("{value:.3} {unit}{}", verdict(value <= limit)))
            }
            Aim::For(_, aim) => self.measured(*aim, entry),
            Aim::Above(limit, whose) => {
                let other = self.entry(whose)?;
                let both = entry.samples.iter().zip(&other.samples);
                let above: Vec<f64> = both.map(|(mine, theirs)| mine.figure - theirs.figure).collect();
                let value = (entry.timed() && other.timed()).then(|| median(&above) / self.row.per_unit())?;
                Some(format!("+{value:.3} {unit}{}", verdict(value <= limit)))
            }
        }
    }

    pub(crate) fn json(&self) -> Value {
        let base = self.row.base_unit();
        let median_of = format!("median_{base}");
        let entry = |entry: &Entry| {
            json!({
                "contestant": entry.name,
                "role": role(entry.role),
                base: entry.figures(),
                median_of.as_str(): entry.timed().then(|| median(&entry.figures())),
                "asleep": entry.asleep(),
                "ratio": self.entry(self.row.reference()).and_then(|other| entry.times(other)),
                "missing": entry.missing,
            })
        };
        json!({
            "row": self.row.name(),
            "title": self.row.title(),
            "reference": self.row.reference(),
            "aim": self.row.aims().iter().map(|aim| self.in_words(*aim)).collect::<Vec<_>>().join(", "),
            "contestants": self.entries.iter().map(entry).collect::<Vec<_>>(),
        })
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "" } else { "  (not met)" }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Ours => "ours",
        Role::Peer => "peer",
        Role::Floor => "floor",
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Table { row, entries } = self;
        writeln!(out, "row {} · {} · {}", row.name(), row.title(), row.unit())?;
        let asleep = entries.iter().any(|entry| entry.asleep().is_some());
        let against = format!("× {}", row.reference());
        let go = self.entry("Go").filter(|go| go.timed());
        write!(
            out,
            "  {:<28} {:<5} {:>9} {:>19} {against:>23}",
            "contestant", "", "median", "lowest–highest"
        )?;
        let more = [(go.is_some(), "× Go"), (asleep, "asleep")];
        for (_, heading) in more.iter().filter(|(shown, _)| *shown) {
            write!(out, " {heading:>7}")?;
        }
        writeln!(out)?;

        let mut sorted: Vec<&Entry> = entries.iter().collect();
        // A missing one has no median, and what is not a number sorts last.
        sorted.sort_by(|a, b| key(a).total_cmp(&key(b)));
        for entry in sorted {
            write!(out, "  {:<28} {:<5}", entry.name, role(entry.role))?;
            if let Some(why) = &entry.missing {
                writeln!(out, "  missing: {why}")?;
                continue;
            }
            let values: Vec<f64> = entry.figures().iter().map(|figure| figure / row.per_unit()).collect();
            let (low, high) = (
                values.iter().copied().fold(f64::NAN, f64::min),
                values.iter().copied().fold(f64::NAN, f64::max),
            );
            write!(out, " {:>9.2} {:>19}", median(&values), format!("{low:.2}–{high:.2}"))?;
            let ratio = |other: Option<&Entry>| other.and_then(|other| entry.times(other));
            let words = |times: Option<f64>| times.map_or("".to_owned(), |times| format!("{times:.2}"));
            write!(out, " {:>23}", words(ratio(self.entry(row.reference()))))?;
            if go.is_some() {
                write!(out, " {:>7}", words(ratio(go)))?;
            }
            if let Some(asleep) = entry.asleep() {
                write!(out, " {:>6.1}%", asleep.min(1.0) * 100.0)?;
            }
            writeln!(out)?;
        }
        write!(out, "{}", self.aims().iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))
    }
}

fn key(entry: &Entry) -> f64 {
    if entry.timed() { median(&entry.figures()) } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &'static str, role: Role, nanos: &[f64]) -> Entry {
        Entry { name, role, samples: nanos.iter().copied().map(Sample::nanos).collect(), missing: None }
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        // The machine slowed down for both, round by round; the medians alone, 4 and 2, would say twice.
        let ours = entry("ours", Role::Ours, &[1.0, 6.0, 4.0]);
        let floor = entry("floor", Role::Floor, &[1.0, 2.0, 4.0]);
        assert_eq!(ours.times(&floor), Some(1.0));
    }

    #[test]
    fn a_missing_contestant_says_why_and_is_nobodys_reference() {
        let mut floor = entry("acquire load", Role::Floor, &[]);
        floor.missing = Some("it hung".to_owned());
        let ours = entry("headcount", Role::Ours, &[1.0]);
        let table = Table { row: Row::AtZero, entries: vec![floor, ours] };
        let text = table.to_string();
        assert!(text.contains("missing: it hung"), "{text}");
        assert!(text.contains("headcount: not measured"), "{text}");
    }

    #[test]
    fn an_aim_against_the_best_peer_finds_the_best() {
        let entries = vec![
            entry("headcount", Role::Ours, &[300.0]),
            entry("slow", Role::Peer, &[400.0]),
            entry("fast", Role::Peer, &[200.0]),
            entry("tokio Notify", Role::Floor, &[100.0]),
        ];
        let text = Table { row: Row::AsyncOne, entries }.to_string();
        assert!(text.contains("headcount: 1.500 × fast  (not met)"), "{text}");
    }

    #[test]
    fn every_aim_is_measured_for_each_of_ours() {
        let entries = vec![
            entry("headcount task::Group", Role::Ours, &[660.0]),
            entry("tokio spawn + counter", Role::Floor, &[600.0]),
            entry("JoinSet", Role::Peer, &[1000.0]),
        ];
        let text = Table { row: Row::Tasks, entries }.to_string();
        assert!(text.contains("≤ 1.1 × tokio spawn + counter · headcount task::Group: 1.100 ×"), "{text}");
        assert!(text.contains("≤ 0.6 × JoinSet · headcount task::Group: 0.660 ×  (not met)"), "{text}");
    }

    #[test]
    fn what_is_no_time_is_not_recorded_as_one() {
        let entries = vec![entry("tokio spawn", Role::Floor, &[300.0])];
        let json = Table { row: Row::Resident, entries }.json();
        assert_eq!(json["contestants"][0]["bytes"][0], 300.0);
        assert!(json["contestants"][0]["nanos"].is_null());
    }

    #[test]
    fn an_aim_that_has_parts_names_them_and_still_shows_the_figure() {
        let entries =
            vec![entry("task::Group", Role::Ours, &[1.097]), entry("a group with two", Role::Ours, &[2.097])];
        let text = Table { row: Row::Allocations, entries }.to_string();
        let aim = "≤ 1.2 allocations (1 of its own, and a share of a page)";
        assert!(text.contains(&format!("{aim} · task::Group: 1.097 allocations\n")), "{text}");
        assert!(text.contains(&format!("{aim} · a group with two: 2.097 allocations  (not met)")), "{text}");
    }

    #[test]
    fn a_difference_is_in_the_rows_unit() {
        let entries = vec![
            entry("headcount run", Role::Ours, &[3_500_000.0]),
            entry("true", Role::Floor, &[1_000_000.0]),
        ];
        let text = Table { row: Row::Start, entries }.to_string();
        assert!(text.contains("≤ true + 3 ms · headcount run: +2.500 ms"), "{text}");
        assert!(!text.contains("not met"), "{text}");
    }
}
