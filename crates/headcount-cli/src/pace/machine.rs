//! What the machine has to say to another start: its load, and its memory.
//!
//! The load average lags by a minute: in the time until it rises everyone would be started. So the number of processes that run
//! or want to, now, counts too; the larger of both is the load that is meant. Memory is what the kernel calls available,
//! without swapping; what a member that has just begun is going to take is not foreseen.

use std::fs;

use crate::args::{Load, PaceArgs};
use crate::refusal::Refusal;

/// See the room's text.
#[derive(Debug)]
pub(super) struct Machine {
    most_load: Option<f64>,
    least_memory: Option<u64>,
}

impl Machine {
    pub(super) fn new(args: &PaceArgs) -> Result<Self, Refusal> {
        let machine = Self { most_load: args.load.map(Load::here), least_memory: args.mem_free };
        let cannot = |flag: &str, what: &str| {
            Refusal::new(
                format!("{flag} cannot be kept: this system does not tell its {what} in /proc"),
                format!("leave out {flag}"),
            )
        };
        if machine.most_load.is_some() && load().is_none() {
            return Err(cannot("--load", "load"));
        }
        if machine.least_memory.is_some() && available().is_none() {
            return Err(cannot("--mem-free", "memory"));
        }
        Ok(machine)
    }

    /// Whether there is anything to ask it.
    pub(super) fn asks(&self) -> bool {
        self.most_load.is_some() || self.least_memory.is_some()
    }

    /// Why nobody may start now. What cannot be found out is no objection.
    pub(super) fn objects(&self) -> Option<String> {
        if let Some((most, load)) = self.most_load.zip(load()).filter(|(most, load)| load > most) {
            return Some(format!("the load is {load:.2}, and more than {most:.2} was ruled out (--load)"));
        }
        let memory = self.least_memory.zip(available()).filter(|(least, there)| there < least);
        memory.map(|(least, there)| {
            let (least, there) = (least >> 20, there >> 20);
            format!(
                "{there} MiB of memory are available, and less than {least} MiB was ruled out (--mem-free)"
            )
        })
    }
}

fn load() -> Option<f64> {
    parse_load(&fs::read_to_string("/proc/loadavg").ok()?)
}

/// The last minute's average, or those who run or want to now, without us who ask.
fn parse_load(text: &str) -> Option<f64> {
    let mut fields = text.split_ascii_whitespace();
    let average: f64 = fields.next()?.parse().ok()?;
    let now: u32 = fields.nth(2)?.split_once('/')?.0.parse().ok()?;
    Some(average.max(f64::from(now.saturating_sub(1))))
}

fn available() -> Option<u64> {
    parse_available(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn parse_available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_the_average_or_what_wants_to_run_now() {
        assert_eq!(parse_load("2.50 3.00 1.00 2/345 6789\n"), Some(2.5));
        assert_eq!(parse_load("2.50 3.00 1.00 8/345 6789\n"), Some(7.0));
        assert_eq!(parse_load("0.00 0.01 0.05 1/345 6789\n"), Some(0.0), "who asks does not count");
        for torn in ["", "x", "2.50", "2.50 3.00 1.00", "2.50 3.00 1.00 8"] {
            assert_eq!(parse_load(torn), None);
        }
    }

    #[test]
    fn memory_is_what_is_available() {
        let text = "MemTotal:       16384000 kB\nMemFree:          1000 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(parse_available(text), Some(2 << 20));
        assert_eq!(parse_available("MemTotal: 1 kB\n"), None);
        assert_eq!(parse_available("MemAvailable: many kB\n"), None);
    }
}
