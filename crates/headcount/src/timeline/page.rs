//! A timeline as a page: one file with everything in it, that loads nothing from anywhere.
//!
//! The page is a template with its style and its script beside it; what is written here is the data, in columns, as JSON in an
//! element that no browser runs. Every text of the program's (names, errors, paths) is in there, escaped, and the script puts
//! it on the page as text; only the title stands in the page's markup.

use std::collections::HashMap;
use std::io::{self, Write};

use super::chart::Chart;
use super::json::{array, numbers, string};
use super::member::HowEnded;
use super::summary::TimelineSummary;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Texts that many members share: each once, called by its number.
#[derive(Default)]
struct Texts<'s> {
    list: Vec<&'s str>,
    numbers: HashMap<&'s str, u64>,
}

impl<'s> Texts<'s> {
    fn number(&mut self, text: Option<&'s str>) -> Option<u64> {
        let text = text?;
        Some(*self.numbers.entry(text).or_insert_with(|| {
            self.list.push(text);
            self.list.len() as u64 - 1
        }))
    }
}

pub(super) fn write(chart: &Chart<'_>, summary: &TimelineSummary, to: &mut impl Write) -> io::Result<()> {
    // In the order in which they stand in the template; what is filled in is not looked at again.
    let mut rest = PAGE;
    for (mark, fill) in [("{{title}}", 't'), ("{{style}}", 's'), ("{{data}}", 'd'), ("{{script}}", 'j')] {
        let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
        to.write_all(before.as_bytes())?;
        match fill {
            't' => markup(to, &chart.title())?,
            's' => to.write_all(STYLE.as_bytes())?,
            'd' => data(chart, summary, to)?,
            _ => to.write_all(SCRIPT.as_bytes())?,
        }
        rest = after;
    }
    to.write_all(rest.as_bytes())
}

/// Writes text into the markup.
fn markup(to: &mut impl Write, text: &str) -> io::Result<()> {
    for c in text.chars() {
        match c {
            '<' => to.write_all(b"&lt;")?,
            '>' => to.write_all(b"&gt;")?,
            '&' => to.write_all(b"&amp;")?,
            '"' => to.write_all(b"&quot;")?,
            '\'' => to.write_all(b"&#39;")?,
            c => write!(to, "{c}")?,
        }
    }
    Ok(())
}

fn data(chart: &Chart<'_>, summary: &TimelineSummary, to: &mut impl Write) -> io::Result<()> {
    let bars = &chart.bars;
    let places: Vec<Option<String>> = bars.iter().map(|bar| bar.member.launched_at()).collect();
    let mut texts = Texts::default();
    let column = |name: &str, to: &mut dyn Write, values: Vec<Option<u64>>| {
        write!(to, ",\n\"{name}\":")?;
        numbers(&mut &mut *to, values)
    };
    to.write_all(b"{\"title\":")?;
    string(to, &chart.title())?;
    to.write_all(b",\"summary\":")?;
    string(to, &summary.to_string())?;
    write!(to, ",\"carrier\":\"{}\"", chart.carrier())?;
    write!(to, ",\"total\":{},\"stride\":{},\"lanes\":{}", chart.total(), chart.stride(), chart.lanes())?;
    let first = bars.iter().map(|bar| bar.member.spawned).min().unwrap_or(0);
    let since = |at: u64| Some(at - first);
    column("number", to, bars.iter().map(|bar| Some(bar.member.number())).collect())?;
    column("spawned", to, bars.iter().map(|bar| since(bar.member.spawned)).collect())?;
    column("begun", to, bars.iter().map(|bar| bar.member.begun.and_then(since)).collect())?;
    column("left", to, bars.iter().map(|bar| since(bar.to)).collect())?;
    column("lane", to, bars.iter().map(|bar| Some(bar.lane as u64)).collect())?;
    let how = |how: HowEnded| how as u64;
    column("how", to, bars.iter().map(|bar| bar.member.how_ended().map(how)).collect())?;
    // 1: queued for a slot. 2: kept outside of the sample.
    let flags = |slot: bool, sampled: bool| Some(u64::from(slot) | if sampled { 0 } else { 2 });
    column(
        "flags",
        to,
        bars.iter().map(|bar| flags(bar.member.queued_for_slot, bar.member.sampled)).collect(),
    )?;
    column("name", to, bars.iter().map(|bar| texts.number(bar.member.name())).collect())?;
    column("place", to, places.iter().map(|place| texts.number(place.as_deref())).collect())?;
    column("why", to, bars.iter().map(|bar| texts.number(bar.member.why())).collect())?;
    column("on", to, bars.iter().map(|bar| texts.number(bar.member.thread())).collect())?;
    column("off", to, bars.iter().map(|bar| texts.number(bar.member.ended_on())).collect())?;
    to.write_all(b",\n\"texts\":")?;
    array(to, &texts.list, |to, text| string(to, text))?;
    to.write_all(b"}")
}
