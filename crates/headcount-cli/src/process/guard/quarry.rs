//! Whom the guard has to end: the members of a command that is gone, and all they have started.
//!
//! Nobody is signalled on the strength of a number alone, which may have gone to somebody else since the command died:
//!
//! 1. A group in the book is a member's if its leader began before the place was written. If the leader is gone, the number
//!    cannot have been given away while others are in the group; they are the member's if they are of our session.
//! 2. Who found the name of the batch in its environment is of it, wherever it went and whoever its parent is.
//! 3. Who has a member's pipe open is of that member: one that has not come to its program has no environment of its own yet.
//! 4. Who was started by one of these is one of them, and so is who is in a group that one of them leads.
//!
//! Out of reach is who threw its environment away, left for a session of its own, let go of the pipes and lost its parents,
//! all of it before the command died.
//! A single process is signalled through a descriptor of it, opened first and then compared with what was seen.
//!
//! Everyone found is stopped before anyone is killed, and looked for again until nobody new is found and nobody is awake:
//! who is stopped starts nobody and leaves nobody, and a dead parent would lead to nobody. It is begun when the command is
//! gone to the last thread. A process that dies continues its stopped children, the system sees to that.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, getpid, kill_process_group, pidfd_open, pidfd_send_signal};

use super::BATCH;
use super::book::{Head, Place};
use crate::process::sight::{self, Sighting, State};

/// How long the guard waits before it looks again: for those it stopped or killed to have stopped or died.
const AGAIN: Duration = Duration::from_millis(1);

/// How often it does that, for the command to be gone, for everyone to stop, for everyone to die. Only a process inside
/// the kernel takes longer.
const MOST: usize = 5000;

/// Ends them all.
pub(super) fn end(head: &Head, places: &[Place]) {
    wait_until(|| sight::is_gone(head.command));
    let mut hunt = Hunt { head, places, caught: HashMap::new() };
    wait_until(|| hunt.holds_all());
    wait_until(|| hunt.killed_all());
}

fn wait_until(mut is: impl FnMut() -> bool) {
    for _ in 0..MOST {
        if is() {
            return;
        }
        thread::sleep(AGAIN);
    }
}

struct Hunt<'a> {
    head: &'a Head,
    places: &'a [Place],
    /// When each of those that were found began.
    caught: HashMap<Pid, u64>,
}

impl Hunt<'_> {
    /// Looks for everyone, and stops who is not. Was there nobody to stop?
    fn holds_all(&mut self) -> bool {
        let all = sight::all();
        let groups = self.groups(&all);
        let mut any = false;
        for seen in self.found(&all, &groups) {
            let new = self.caught.insert(seen.pid, seen.began) != Some(seen.began);
            any |= new || seen.state == State::Awake;
        }
        if any {
            self.signal(&all, &groups, Signal::STOP);
        }
        !any
    }

    /// Kills everyone who was caught and is still there. Was there nobody?
    fn killed_all(&self) -> bool {
        let all = sight::all();
        self.signal(&all, &self.groups(&all), Signal::KILL) == 0
    }

    /// Signals the groups at once, and everybody who was caught; returns how many these are.
    fn signal(&self, all: &[Sighting], groups: &[Pid], signal: Signal) -> usize {
        for &group in groups {
            let _ = kill_process_group(group, signal);
        }
        let caught =
            all.iter().filter(|seen| !seen.is_dead() && self.caught.get(&seen.pid) == Some(&seen.began));
        caught.map(|seen| send(*seen, signal)).count()
    }

    /// The groups in the book that still are what they were (rule 1).
    fn groups(&self, all: &[Sighting]) -> Vec<Pid> {
        let session = sight::one(getpid()).map(|me| me.session);
        let is_theirs = |place: &Place| {
            let group = place.group?;
            let number = group.as_raw_nonzero().get();
            let theirs = match all.iter().find(|seen| seen.pid == group) {
                Some(leader) => leader.group == number && nanoseconds(leader.began) <= place.at,
                None => {
                    let mut members = all.iter().filter(|seen| seen.group == number).peekable();
                    members.peek().is_some() && members.all(|seen| Some(seen.session) == session)
                }
            };
            theirs.then_some(group)
        };
        self.places.iter().filter_map(is_theirs).collect()
    }

    /// Everyone alive whom the rules make one of them.
    fn found(&self, all: &[Sighting], groups: &[Pid]) -> Vec<Sighting> {
        let pipes: Vec<u64> =
            self.places.iter().flat_map(|place| place.pipes).filter(|&pipe| pipe != 0).collect();
        let me = getpid();
        let others =
            all.iter().filter(|seen| seen.number() > 1 && seen.pid != me && seen.pid != self.head.command);
        let others: Vec<&Sighting> = others.collect();
        let first = |seen: &Sighting| {
            groups.iter().any(|group| group.as_raw_nonzero().get() == seen.group)
                || self.caught.get(&seen.pid) == Some(&seen.began)
                || sight::was_given(seen.pid, BATCH, &self.head.batch)
                || sight::has_open(seen.pid, &pipes)
        };
        let (mut found, mut rest): (Vec<&Sighting>, Vec<&Sighting>) =
            others.into_iter().partition(|seen| first(seen));
        // Rule 4, one generation after the other.
        let mut elders = 0;
        while elders < found.len() {
            let elder = *found[elders];
            elders += 1;
            let (more, others) = rest
                .into_iter()
                .partition(|seen| seen.parent == elder.number() || seen.group == elder.number());
            found.extend::<Vec<&Sighting>>(more);
            rest = others;
        }
        found.into_iter().filter(|seen| !seen.is_dead()).copied().collect()
    }
}

/// Signals exactly the process that was seen.
fn send(seen: Sighting, signal: Signal) {
    let Ok(process) = pidfd_open(seen.pid, PidfdFlags::empty()) else { return };
    if sight::one(seen.pid).is_some_and(|now| now.began == seen.began) {
        let _ = pidfd_send_signal(&process, signal);
    }
}

fn nanoseconds(ticks: u64) -> u64 {
    ticks.saturating_mul(1_000_000_000 / rustix::param::clock_ticks_per_second().max(1))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};
    use std::time::Instant;

    use super::*;
    use crate::process::system::uptime;

    /// Leads a group of its own, and is gone with the test.
    struct Sleeper(Child);

    impl Sleeper {
        fn new() -> Self {
            Self(Command::new("sleep").arg("1000").process_group(0).spawn().unwrap())
        }

        fn pid(&self) -> Pid {
            Pid::from_raw(self.0.id().try_into().unwrap()).unwrap()
        }

        fn is_alive(&mut self) -> bool {
            self.0.try_wait().unwrap().is_none()
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// A command that is no more. No process has this number: it is beyond what any system allows.
    fn nobody() -> Head {
        Head { command: Pid::from_raw(i32::MAX).unwrap(), batch: "none".into() }
    }

    /// Waits for somebody else to come so far.
    fn until(mut is: impl FnMut() -> bool) {
        let since = Instant::now();
        while !is() {
            assert!(since.elapsed() < Duration::from_secs(120), "waited in vain");
            thread::sleep(AGAIN);
        }
    }

    #[test]
    fn a_group_that_was_written_down_while_it_ran_is_ended() {
        let mut sleeper = Sleeper::new();
        let place = Place { group: Some(sleeper.pid()), at: uptime(), ..Place::default() };
        end(&nobody(), &[place]);
        assert!(!sleeper.is_alive());
    }

    #[test]
    fn a_number_that_went_to_somebody_else_is_left_alone() {
        let began_before = uptime().saturating_sub(1_000_000_000);
        let mut sleeper = Sleeper::new();
        let place = Place { group: Some(sleeper.pid()), at: began_before, ..Place::default() };
        end(&nobody(), &[place]);
        assert!(sleeper.is_alive());
    }

    #[test]
    fn who_has_the_batch_s_name_is_found_without_a_place() {
        let head = Head { batch: "a-batch".into(), ..nobody() };
        let named = |name: &str| {
            let mut command = Command::new("sleep");
            Sleeper(command.arg("1000").env(BATCH, name).process_group(0).spawn().unwrap())
        };
        let (mut ours, mut other) = (named("a-batch"), named("a-batch-too"));
        // In the middle of its exec nobody has an environment.
        until(|| sight::was_given(ours.pid(), BATCH, "a-batch"));
        until(|| sight::was_given(other.pid(), BATCH, "a-batch-too"));
        end(&head, &[]);
        assert!(!ours.is_alive());
        assert!(other.is_alive());
    }

    #[test]
    fn who_led_no_group_when_we_died_is_found_by_its_pipe_and_its_children_by_their_parent() {
        let (_reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let number = rustix::fs::fstat(&writer).unwrap().st_ino;
        // One that let go of the pipe and left for a session of its own.
        let script = "exec 3>&1; setsid sleep 1000 >/dev/null 3>&- & exec sleep 1000";
        let child = Command::new("sh").args(["-c", script]).stdout(writer).process_group(0).spawn().unwrap();
        let mut sleeper = Sleeper(child);
        let mut grandchild = None;
        until(|| {
            // It has left the group, so it has come to its own program.
            let own = |seen: &Sighting| {
                i64::from(seen.parent) == i64::from(sleeper.0.id()) && seen.session == seen.number()
            };
            grandchild = sight::all().into_iter().find(own);
            grandchild.is_some()
        });
        let grandchild = grandchild.unwrap();
        let mut other = Sleeper::new();
        end(&nobody(), &[Place { pipes: [0, number], ..Place::default() }]);
        assert!(!sleeper.is_alive());
        assert!(sight::one(grandchild.pid).is_none_or(|now| now.is_dead() || now.began != grandchild.began));
        assert!(other.is_alive());
    }
}
