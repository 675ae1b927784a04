//! A timeline as trace events: the JSON that `chrome://tracing`, Perfetto and speedscope open.
//!
//! The group is a process, lanes are its threads: a thread of the trace is no thread of the program, since a task has none. A
//! member that began is a complete event (`X`), one that never did an instant (`i`) at its end; how many ran is a counter
//! (`C`). Times are microseconds with three decimals, so nothing is lost; events are in the order of time.

use std::io::{self, Write};

use super::chart::{Bar, Chart};
use super::json::string;
use super::lanes;
use super::member::{Nanoseconds, TimelineMember};

/// As many points of the counter are written; more are thinned.
const POINTS: usize = 10_000;

enum Event<'c> {
    Member(&'c Bar<'c>),
    Running(Nanoseconds, usize),
}

impl Event<'_> {
    fn at(&self) -> Nanoseconds {
        match self {
            Self::Member(bar) => bar.from,
            Self::Running(at, _) => *at,
        }
    }
}

pub(super) fn write(chart: &Chart<'_>, to: &mut impl Write) -> io::Result<()> {
    to.write_all(b"{\"displayTimeUnit\":\"ms\",\"otherData\":{\"title\":")?;
    string(to, &chart.title())?;
    write!(to, ",\"members\":{},\"kept_every\":{}", chart.total(), chart.stride())?;
    to.write_all(b"},\"traceEvents\":[\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"tid\":0,\"ts\":0,\"args\":{\"name\":")?;
    string(to, &chart.title())?;
    to.write_all(b"}}")?;
    for lane in 1..=chart.lanes() {
        write!(
            to,
            ",\n{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":{lane},\"ts\":0,\"args\":{{\"name\":\"lane {lane}\"}}}}"
        )?;
    }
    let spans: Vec<_> = chart.bars.iter().filter(|bar| bar.ran).map(|bar| (bar.from, bar.to)).collect();
    let curve = lanes::concurrency(&spans);
    let every = curve.len().div_ceil(POINTS).max(1);
    let mut events: Vec<_> = chart.bars.iter().map(Event::Member).collect();
    let last = curve.len().saturating_sub(1);
    let points = curve.iter().enumerate().filter(|(at, _)| at % every == 0 || *at == last);
    events.extend(points.map(|(_, (at, count))| Event::Running(*at, *count)));
    events.sort_by_key(Event::at);
    for event in events {
        to.write_all(b",\n")?;
        match event {
            Event::Member(bar) => member(bar, chart.carrier(), to)?,
            Event::Running(at, count) => {
                to.write_all(b"{\"ph\":\"C\",\"name\":\"running\",\"pid\":1,\"tid\":0,\"ts\":")?;
                microseconds(to, at)?;
                write!(to, ",\"args\":{{\"members\":{count}}}}}")?;
            }
        }
    }
    to.write_all(b"\n]}\n")
}

fn member(bar: &Bar<'_>, carrier: &str, to: &mut impl Write) -> io::Result<()> {
    let TimelineMember { spawned, begun, .. } = bar.member;
    to.write_all(b"{\"ph\":")?;
    to.write_all(if bar.ran { b"\"X\"" } else { b"\"i\",\"s\":\"t\"" })?;
    to.write_all(b",\"name\":")?;
    string(to, &bar.member.label())?;
    write!(to, ",\"cat\":\"{}\",\"pid\":1,\"tid\":{},\"ts\":", bar.state(), bar.lane + 1)?;
    microseconds(to, bar.from)?;
    if bar.ran {
        to.write_all(b",\"dur\":")?;
        microseconds(to, bar.to - bar.from)?;
    }
    write!(to, ",\"args\":{{\"number\":{},\"ended\":\"{}\"", bar.member.number(), bar.state())?;
    if let Some(place) = bar.member.launched_at() {
        to.write_all(b",\"place\":")?;
        string(to, &place)?;
    }
    if let Some(begun) = begun {
        to.write_all(b",\"waited_us\":")?;
        microseconds(to, begun - spawned)?;
        write!(to, ",\"waited_for\":\"{}\"", bar.waited_for())?;
    }
    let texts =
        [("why", bar.member.why()), (carrier, bar.member.thread()), ("ended_on", bar.member.ended_on())];
    for (key, text) in texts {
        if let Some(text) = text {
            write!(to, ",\"{key}\":")?;
            string(to, text)?;
        }
    }
    to.write_all(b"}}")
}

fn microseconds(to: &mut impl Write, nanoseconds: Nanoseconds) -> io::Result<()> {
    write!(to, "{}.{:03}", nanoseconds / 1_000, nanoseconds % 1_000)
}
