//! `headcount wait`: until a group is over, wherever and whenever it was registered; and its account.
//!
//! It steers nothing: INT and TERM end the wait, and the group goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount_cluster::store::Ended;
use headcount_cluster::{GroupId, GroupState, Place, Store, Summary};

use super::asked;
use crate::account::{Account, Failure, Stopped, TheEnd, Unread};
use crate::args::{Order, WaitGroupArgs};
use crate::engine::{self, Age, Engine, Heard, Trouble, WENT_BACK, group_id, member_of, told};
use crate::exit::Ending;
use crate::latch::Latch;
use crate::ledger::Number;
use crate::legible;
use crate::output::{PrintError, Printer, Sheet, Stream};
use crate::progress::Progress;
use crate::refusal::Refusal;

/// The longest that an end may go unheard of if the engine's hint is lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many answers are asked for at once: how long they may be is not known here.
const AT_ONCE: usize = 32;

pub(crate) fn run(args: &WaitGroupArgs) -> Result<Ending, Refusal> {
    let group = group_id(&args.group)?;
    let latch = Latch::new().map_err(|error| super::opening::no_start("a wake-up pipe", &error))?;
    let printer = Printer::new(Order::Done, false, Sheet::new(Arc::new(latch)));
    asked(&args.engine, async |engine| {
        let mut progress = Progress::new(args.quiet, None, 0);
        let summary = wait(engine, group, &mut progress, &printer, args.quiet).await;
        progress.clear();
        let summary = summary?;
        let mut account = Account::default();
        if !args.quiet || args.output {
            match read(engine, group, args.output, &mut account, &printer).await? {
                Ok(()) => {}
                Err(error) => return Ok(super::unprinted(&error)),
            }
        }
        if !args.quiet {
            let remarks = [Some(format!("group {group} on {}", engine.shown())), told::why(&summary)];
            let remarks = remarks.into_iter().flatten().collect();
            let end =
                TheEnd { unread: Unread::Nothing, signal: None, signal_first: false, late: None, remarks };
            // Nobody is left to tell that it could not be told.
            let _ = account.print(&summary.tally, &end, &printer);
        }
        Ok(Ending::Code(engine::code(&summary)))
    })
}

/// Until it is over. Leases are looked at on the way, so that it ends also where no worker is left to do that.
async fn wait(
    engine: &Engine,
    group: GroupId,
    progress: &mut Progress,
    printer: &Printer,
    quiet: bool,
) -> Result<Summary, Trouble> {
    let (mut reaped, mut told) = (Instant::now(), Instant::now());
    let silent = |why: &Trouble| {
        if !quiet {
            printer.note(&format!("headcount: {}; it is asked again\n", why.what));
        }
    };
    let mut summary = engine.ask(|| engine.summary(group), silent).await?;
    let mut age = Age::default();
    loop {
        if age.went_back(&summary) && !quiet {
            printer.note(WENT_BACK);
        }
        if summary.state.is_terminal() {
            return Ok(summary);
        }
        if told.elapsed() >= progress.interval() {
            told = Instant::now();
            progress
                .tell(&summary.tally, None, printer.sheet())
                .into_iter()
                .for_each(|line| printer.note(&line));
        }
        let left = progress.interval().saturating_sub(told.elapsed()).max(Duration::from_millis(20));
        let patience = PATIENCE.min(left);
        if engine.store.ended(group, patience).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        summary = if reaped.elapsed() >= summary.lease / 3 || summary.state == GroupState::Cancelling {
            reaped = Instant::now();
            engine.reap(group, silent).await?
        } else {
            engine.ask(|| engine.summary(group), silent).await?
        };
    }
}

/// Reads who failed into the account, and prints what all have printed, if that was asked for.
async fn read(
    engine: &Engine,
    group: GroupId,
    output: bool,
    account: &mut Account,
    printer: &Printer,
) -> Result<Result<(), PrintError>, Trouble> {
    let mut members: Vec<(Number, String, Ended, u32)> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = engine.ask_quietly(|| engine.store.standings(group, after.as_deref())).await?;
        for standing in page.items {
            if let Place::Ended(end) = standing.place {
                let cut_short = end == Ended::Cancelled && standing.attempt > 0;
                if output || cut_short || matches!(end, Ended::Failed | Ended::Lost) {
                    // Those without a number come last, as they are listed.
                    let number = member_of(&standing.member).0.unwrap_or(Number::MAX);
                    members.push((number, standing.member, end, standing.attempt));
                }
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    members.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    // While it was read it stood still, but a listing may still give somebody twice.
    members.dedup_by(|a, b| a.1 == b.1);
    for chunk in members.chunks(AT_ONCE) {
        let names: Vec<_> = chunk.iter().map(|(_, name, ..)| name.clone()).collect();
        let answers = engine.ask_quietly(|| engine.store.results(group, &names)).await?;
        for ((number, name, end, attempt), body) in chunk.iter().zip(answers) {
            let heard = body.map(Heard::read).unwrap_or_default();
            if output {
                for (stream, bytes) in [(Stream::Out, &heard.out), (Stream::Err, &heard.err)] {
                    if let Err(error) = printer.print(stream, bytes) {
                        return Ok(Err(error));
                    }
                }
            }
            if *end == Ended::Cancelled && *attempt > 0 {
                let label = legible::one_line(member_of(name).1.as_bytes());
                let stopped = Stopped {
                    number: if *number == Number::MAX { 0 } else { *number },
                    label: &label,
                    how: "stopped with its group",
                    attempt: "",
                    took: None,
                    last_lines: &[],
                };
                account.add_stopped(&stopped, printer);
            }
            if matches!(end, Ended::Failed | Ended::Lost) {
                add(account, printer, (*number, name, *end, *attempt), heard);
            }
        }
    }
    Ok(Ok(()))
}

/// Writes down one who failed or was lost. What is known of its input is in its name.
fn add(
    account: &mut Account,
    printer: &Printer,
    (number, name, end, attempt): (Number, &str, Ended, u32),
    heard: Heard,
) {
    let label = legible::one_line(member_of(name).1.as_bytes());
    let how = heard.answer.in_words(end == Ended::Lost);
    let tries = if attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
    let by = heard.answer.by();
    let failure = Failure {
        number: if number == Number::MAX { 0 } else { number },
        label: &label,
        words: &[],
        how: &how,
        attempt: &format!("{tries}{by}"),
        took: heard.answer.took(),
        last_lines: heard.answer.last_lines,
    };
    account.add(&failure, printer);
}
