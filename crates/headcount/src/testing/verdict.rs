//! Who of a root is out, and what is said of them.

use std::fmt::Write;
use std::thread;
use std::time::{Duration, Instant};

use super::pattern::fits;
use crate::roll::{Missing, RollCall, brief, roots};

/// Looks until nobody of `root` is out but those who may stay, for as long as `patience` lasts. Then says who is.
pub(super) fn when_ended(root: u64, patience: Duration, allowed: &[String]) -> Option<String> {
    /// Between the first two looks; each time twice as long, up to `RARELY`.
    const OFTEN: Duration = Duration::from_micros(50);
    const RARELY: Duration = Duration::from_millis(50);

    let begun = Instant::now();
    let mut pause = OFTEN;
    loop {
        let accused = out(root, allowed);
        if accused.is_empty() {
            return None;
        }
        let left = patience.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Some(accusation(&accused, patience));
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(RARELY);
    }
}

/// What is said of a body that took longer than `timeout`.
pub(super) fn overrun(root: u64, timeout: Duration) -> String {
    let mut text = format!("the test has not ended after {} (its `timeout`)", brief(timeout));
    let out = out(root, &[]);
    if out.is_empty() {
        text += "; nobody launched in it is out, it is the body itself that is held up";
    } else {
        text += "; still out are:";
        list(&mut text, &out);
    }
    text
}

fn accusation(accused: &[RollCall], patience: Duration) -> String {
    let out: usize = accused.iter().map(RollCall::outstanding).sum();
    let mut text = format!("the test has ended and left {out} behind, still out {} later:", brief(patience));
    list(&mut text, accused);
    text += "\nhint: wait for them before the test ends, or cancel them; `allow_leaks = \"part of a name or place\"` lets \
             them stay";
    text
}

fn list(text: &mut String, calls: &[RollCall]) {
    for call in calls {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{call}");
    }
}

/// All of `root` that is out, but for those who may stay.
fn out(root: u64, allowed: &[String]) -> Vec<RollCall> {
    roots::calls(root).into_iter().filter_map(|call| accused(call, allowed)).collect()
}

/// What is left of a roll call without those who may stay.
fn accused(mut call: RollCall, allowed: &[String]) -> Option<RollCall> {
    let may_stay = |text: &str| allowed.iter().any(|pattern| fits(pattern, text));
    let place = |place: &std::panic::Location<'_>| may_stay(&format!("{}:{}", place.file(), place.line()));
    if call.name().is_some_and(may_stay) || call.place().is_some_and(place) {
        return None;
    }
    call.excuse(|member: &Missing| member.name().is_some_and(may_stay) || place(member.place()));
    (!call.is_empty()).then_some(call)
}
