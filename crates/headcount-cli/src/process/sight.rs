//! What can be seen of other processes, in `/proc`.

use std::fs;

use rustix::process::Pid;

/// One process, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::process) struct Sighting {
    pub(in crate::process) pid: Pid,
    /// Number 0 stands for a process that cannot be seen from here, so these are no [`Pid`]s.
    pub(in crate::process) parent: i32,
    pub(in crate::process) group: i32,
    pub(in crate::process) session: i32,
    pub(in crate::process) state: State,
    /// When it began, in the system's ticks. With the number it names a process for ever.
    pub(in crate::process) began: u64,
}

/// What a process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::process) enum State {
    /// It runs, or sleeps and can be woken.
    Awake,
    /// It does nothing before somebody else does something: stopped, or inside the kernel.
    Held,
    /// It has ended and waits to be reaped.
    Dead,
}

impl Sighting {
    pub(in crate::process) fn is_dead(&self) -> bool {
        self.state == State::Dead
    }

    pub(in crate::process) fn number(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }
}

/// Everybody. Processes that come or go meanwhile may be missing.
pub(in crate::process) fn all() -> Vec<Sighting> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|name| one(Pid::from_raw(name.parse().ok()?)?)).collect()
}

/// This one, if it is there.
pub(in crate::process) fn one(pid: Pid) -> Option<Sighting> {
    parse(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// The line of numbers. The name in it may hold anything, also brackets and blanks; it ends with the last bracket.
fn parse(pid: Pid, stat: &[u8]) -> Option<Sighting> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let mut fields = std::str::from_utf8(&stat[end + 1..]).ok()?.split_ascii_whitespace();
    let state = match fields.next()? {
        "Z" | "X" | "x" => State::Dead,
        "R" | "S" => State::Awake,
        _ => State::Held,
    };
    let mut number = || fields.next()?.parse().ok();
    let (parent, group, session) = (number()?, number()?, number()?);
    // Fifteen more lie between the session and the beginning.
    let began = fields.nth(15)?.parse().ok()?;
    Some(Sighting { pid, parent, group, session, state, began })
}

/// Whether the process found this in its environment when it began. Of a process of somebody else we are not told.
pub(in crate::process) fn was_given(pid: Pid, name: &str, value: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let given = |variable: &[u8]| {
        variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(|v| v == value.as_bytes())
    };
    environment.split(|&byte| byte == 0).any(|variable| given(variable) == Some(true))
}

/// Whether nothing is left of the process but what its parent may want to know: no thread, and no child that has not gone to
/// somebody else.
pub(in crate::process) fn is_gone(pid: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    threads <= 1 && one(pid).is_none_or(|seen| seen.is_dead())
}

/// Whether the process has one of these pipes open. Of a process of somebody else we are not told.
pub(in crate::process) fn has_open(pid: Pid, pipes: &[u64]) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    files.flatten().any(|file| {
        let Ok(target) = fs::read_link(file.path()) else { return false };
        let number =
            target.to_str().and_then(|name| name.strip_prefix("pipe:[")?.strip_suffix(']')?.parse().ok());
        number.is_some_and(|number: u64| pipes.contains(&number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{getpgrp, getpid};

    #[test]
    fn a_name_may_hold_anything() {
        let pid = Pid::from_raw(42).unwrap();
        let stat = b"42 (a) Z 1 (b\n) S 7 42 40 0 -1 1077936128 1 2 3 4 5 6 7 8 20 0 1 0 8472 1 2 3\n";
        let seen = parse(pid, stat).unwrap();
        assert_eq!(
            seen,
            Sighting { pid, parent: 7, group: 42, session: 40, state: State::Awake, began: 8472 }
        );
        assert!(parse(pid, b"42 (gone) Z 7 42 40 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 8472").unwrap().is_dead());
        for torn in [&b""[..], b"42", b"42 (x", b"42 (x)", b"42 (x) S 7 42"] {
            assert_eq!(parse(pid, torn), None);
        }
    }

    #[test]
    fn we_see_ourselves_and_our_pipes() {
        let me = one(getpid()).unwrap();
        assert_eq!(me.group, getpgrp().as_raw_nonzero().get());
        assert!(all().contains(&me));
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let number = rustix::fs::fstat(&reader).unwrap().st_ino;
        assert!(has_open(getpid(), &[1, number]));
        drop((reader, writer));
        assert!(!has_open(getpid(), &[]));
    }
}
