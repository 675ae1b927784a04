//! Strays: processes that left their member's group for a session of their own. On Linux they come to us
//! when their parent has ended, and can be named, or ended with a batch that is stopped.

use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::system;
use crate::legible;

/// Asks the system to bring orphans to us. Says whether every child we have from now on is a member's;
/// children that were there before (of a shell that became us, say) are none of our business.
pub(crate) fn adopt_orphans() -> Strays {
    let alone = matches!(
        waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT),
        Err(Errno::CHILD)
    );
    Strays { ours: system::adopt().is_ok() && alone }
}

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Strays {
    ours: bool,
}

impl Strays {
    /// Who is left when every member has ended: process ids and names. Reaps the dead.
    pub(crate) fn list(&self) -> Vec<(Pid, String)> {
        if !self.ours || !self.any() { Vec::new() } else { children() }
    }

    /// Kills them, and those who come to us when they die, until there are none.
    pub(crate) fn kill(&self) {
        // Bounded: a process that cannot be killed must not keep us here for ever.
        for _ in 0..1000 {
            let left = self.list();
            if left.is_empty() {
                return;
            }
            for (pid, _) in left {
                // A child of ours that we have not reaped: its number cannot have changed hands.
                let _ = kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// Reaps all that have ended. Is anybody left? Every member has been reaped, so nobody's end is stolen.
    fn any(&self) -> bool {
        loop {
            match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }
}

fn children() -> Vec<(Pid, String)> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    let lists =
        threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let mut found = Vec::new();
    for list in lists {
        for pid in list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
            let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
            found.push((pid, legible::one_line(name.trim_ascii_end())));
        }
    }
    found
}
