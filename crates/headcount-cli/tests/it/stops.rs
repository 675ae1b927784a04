//! Two hundred stops of every kind, of members that do what they can to stay: nobody does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::guard::{STUBBORN, guard};
use crate::stage::{Playing, headcount};

const RUNS: usize = 200;

/// How a batch is stopped.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Term,
    Interrupts,
    HangUp,
    FailFast,
    Timeout,
    Kill,
}

const STOPS: [Stop; 6] =
    [Stop::Term, Stop::Interrupts, Stop::HangUp, Stop::FailFast, Stop::Timeout, Stop::Kill];

/// Some members end at once, so that there is always somebody being started or buried; one fails after a while.
fn start(stop: Stop) -> Playing {
    let command = format!("case $0 in q*) exit 0;; f) sleep 0.02; exit 7;; esac; {STUBBORN}");
    // The third Ctrl-C must find somebody to kill.
    let grace = if matches!(stop, Stop::Interrupts) { "1000s" } else { "30ms" };
    let mut args = vec!["-j4", "--order", "live", "--grace", grace];
    if matches!(stop, Stop::Timeout) {
        args.extend(["--timeout", "100ms"]);
    }
    args.extend(["sh", "-c", &command, ":::", "1", "q", "2", "q", "3", "q", "q"]);
    args.push(if matches!(stop, Stop::FailFast) { "f" } else { "q" });
    args.extend(["q", "4", "q", "5", "q"]);
    let stage = headcount(args);
    if matches!(stop, Stop::HangUp) { stage.hearing_hang_ups().start() } else { stage.start() }
}

fn run(number: usize) {
    let stop = STOPS[number % STOPS.len()];
    let mut playing = start(stop);
    if let Stop::FailFast | Stop::Timeout = stop {
        let seen = playing.end();
        seen.ended(1);
        return;
    }
    // The moment varies: how many are up, and a little more.
    playing.lines(1 + number / STOPS.len() % 3);
    std::thread::sleep(Duration::from_micros((number * 7919 % 20_000) as u64));
    match stop {
        Stop::Term => {
            playing.signal(Signal::TERM);
            playing.end().died_by(Signal::TERM);
        }
        Stop::HangUp => {
            playing.signal(Signal::HUP);
            playing.end().died_by(Signal::HUP);
        }
        Stop::Interrupts => {
            for _ in 0..3 {
                playing.signal(Signal::INT);
                assert!(playing.err_line().starts_with("headcount: "));
            }
            playing.end().died_by(Signal::INT);
        }
        Stop::Kill => {
            // Before there is one, members stay: that is documented.
            playing.until("a guard", |playing| guard(playing).is_some());
            playing.signal(Signal::KILL);
            playing.status();
            playing.until_nobody_is_left();
        }
        Stop::FailFast | Stop::Timeout => unreachable!("they come by themselves"),
    }
}

#[test]
fn two_hundred_stops_leave_nobody() {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                // Relaxed: a number for each, and nothing else.
                while let Some(number) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&number| number < RUNS)
                {
                    run(number);
                }
            });
        }
    });
}
