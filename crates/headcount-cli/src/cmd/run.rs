//! `headcount run`: from its arguments to a batch, and from the batch's end to the command's.
//!
//! Whatever can be found wrong is found before the first member starts, and says so with a hint.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;

use headcount::Context;

use super::opening::{
    Asked, Inspected, check_quorum, detach_stdin, no_start, open_books, open_file, own_stdin, stop_and_bell,
};
use super::{across, show, unprinted};
use crate::args::RunArgs;
use crate::batch::{Batch, Parts, Times};
use crate::exit::{self, Ending};
use crate::explain::{self, Known};
use crate::group;
use crate::hands::Hands;
use crate::input::{Gate, Product, Records, Source, Table};
use crate::latch::Latch;
use crate::ledger::Policy;
use crate::legible;
use crate::locked;
use crate::output::{Printer, Sheet, Stream, complain};
use crate::pace::control::{self, Control};
use crate::pace::{Jobserver, Pace};
use crate::process::{self, Launcher, Room, Strays, adopt_orphans, look_up};
use crate::progress::Progress;
use crate::record::{Happening, Plan};
use crate::refusal::Refusal;
use crate::signal::Signals;
use crate::stop::Strength;
use crate::template::{Template, Values};
use crate::watch::Watch;

/// What begins a list of inputs on the command line.
const LIST: &str = ":::";

pub(super) type Lists = Vec<Vec<Vec<u8>>>;

/// Runs a batch to its end.
pub(crate) fn run(mut args: RunArgs) -> Result<Ending, Refusal> {
    let jobserver = Jobserver::find().unwrap_or_else(|error| {
        if !args.quiet {
            complain(
                &format!("make's jobserver is out of reach: {error}; -j alone limits this batch"),
                "begin the recipe's line with +, as for a make in it",
            );
        }
        None
    });
    let policy = args.policies.policy()?;
    let (words, lists) = split(std::mem::take(&mut args.words))?;
    if args.explain {
        return explain(&args, policy, &words, lists);
    }
    if let Some(engine) = args.across.engine.take() {
        return across::run(&args, &engine, policy, &words, lists);
    }
    let (stop, bell, rope) = stop_and_bell()?;
    let (mut source, header, columns) = open_source(&args, lists, &stop.draining)?;
    let template = Template::compile(&words, header.as_deref(), args.shell);
    check_columns(&template, columns)?;
    check_names(&template, header.as_deref())?;
    let path = template.program().map(look_up).transpose()?;
    let printer = Printer::new(args.order, args.tag, Sheet::new(Arc::clone(&stop.abandoned)));
    if args.dry_run {
        return Ok(dry_run(&template, source, &printer));
    }
    let total = source.total();
    check_quorum(policy, total)?;
    let mut room = Room::found();
    let (jobs, seats) = jobs(&args, total, &mut room)?;
    let pace = Pace::new(&args.pace, jobserver, Arc::clone(&stop.draining))?;
    let asked = Asked {
        journal: &args.journal,
        work: work(&words, args.shell),
        policy,
        record: &args.record,
        inputs: args.list.arg_file.as_deref(),
        deadline: args.deadline,
        quiet: args.quiet,
    };
    let (books, backlog) = open_books(asked, &mut source, printer, stop)?;
    let parts = Parts {
        books,
        template,
        launcher: Launcher::new(path, room),
        backlog,
        source,
        tries: args.attempts.tries(),
        jobs,
        seats,
        pace,
        control: args.pace.control.take().map(Control::new),
        times: Times { timeout: args.timeout, grace: args.grace },
    };
    let batch = Arc::new(Batch::new(parts));
    batch.books.record.tell(&Happening::Begun(Plan {
        what: "run",
        words: &words,
        jobs: Some(jobs),
        policy,
        total,
        group: None,
    }));
    let inspected = Inspected::begin();
    let signals = Arc::new(Signals::catch(&rope).map_err(|error| no_start("signals", &error))?);
    let (ctx, canceller) = Context::background().with_cancel();
    batch.books.stop.cancels(canceller);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let hands = Hands::new(cores.min(batch.seats.len()), batch.seats.len())
        .map_err(|error| no_start("a thread", &error))?;
    let watch = Watch::new(Arc::clone(&batch), Arc::clone(&signals));
    watch.start(bell).map_err(|error| no_start("a thread", &error))?;
    let strays = adopt_orphans();
    let late = Arc::clone(&batch);
    let alarm = batch.books.alarm(move || late.books.tell_late(|| late.roll_call()));
    let before = locked(&batch.books.ledger).tally().ended();
    group::run(&batch, &hands, &ctx, &mut Progress::new(args.quiet, batch.books.total, before));
    // What is left to do is not held to it.
    drop(alarm);
    drop(inspected);
    Ok(finish(&batch, &signals, &strays))
}

/// Splits what follows the options into the command and the lists.
fn split(words: Vec<OsString>) -> Result<(Vec<OsString>, Option<Lists>), Refusal> {
    let mut command = Vec::new();
    let mut lists: Option<Lists> = None;
    for word in words {
        if word == LIST {
            lists.get_or_insert_with(Vec::new).push(Vec::new());
        } else if let Some(list) = lists.as_mut().and_then(|lists| lists.last_mut()) {
            list.push(word.into_vec());
        } else {
            command.push(word);
        }
    }
    if command.is_empty() {
        return Err(Refusal::new(
            "there is no command to run",
            "write it after the options and before the inputs: headcount run gzip -9 {} ::: *.log",
        ));
    }
    Ok((command, lists))
}

/// What a journal is of: with another command the same inputs are another work.
fn work(words: &[OsString], shell: bool) -> Vec<Vec<u8>> {
    let run = [Some("run"), shell.then_some("--shell")];
    let run = run.into_iter().flatten().map(|word| word.as_bytes().to_vec());
    run.chain(words.iter().map(|word| word.as_bytes().to_vec())).collect()
}

/// What is read: the inputs, the names of their columns, and how many columns each has, where known.
pub(super) type Opened = (Box<dyn Source>, Option<Vec<Vec<u8>>>, Option<usize>);

pub(super) fn open_source(
    args: &RunArgs,
    lists: Option<Lists>,
    draining: &Arc<Latch>,
) -> Result<Opened, Refusal> {
    if let Some(lists) = lists {
        check_lists(args)?;
        // Children find nothing on stdin, whether we read it or not.
        detach_stdin()?;
        let product = Product::new(lists);
        let columns = product.columns();
        return Ok((Box::new(product), None, Some(columns)));
    }
    let (file, shown) = match args.list.arg_file.as_deref() {
        Some(path) if path != Path::new("-") => {
            (open_file(path)?, legible::one_line(path.as_os_str().as_bytes()))
        }
        _ => (File::from(own_stdin(args.quiet)?), "standard input".into()),
    };
    detach_stdin()?;
    let gate = Gate::new(file, Arc::clone(draining));
    if args.csv {
        let table = Table::open(gate, args.header).map_err(|error| {
            Refusal::new(format!("{shown}: {error}"), "the first row has to name the columns (--header)")
        })?;
        let header = table.header().map(<[_]>::to_vec);
        return Ok((Box::new(table), header, None));
    }
    let end = if args.list.null { 0 } else { b'\n' };
    // Who waits for an input and for somebody's next attempt needs another way to the file.
    let twin = if args.attempts.retries > 0 { gate.twin().ok() } else { None };
    let mut records = Records::new(gate, end);
    if let Some(twin) = twin {
        records = records.waited_for_at(twin);
    }
    Ok((Box::new(records), None, Some(1)))
}

fn check_lists(args: &RunArgs) -> Result<(), Refusal> {
    let clash =
        [(args.csv, "--csv"), (args.list.null, "--null"), (args.list.arg_file.is_some(), "--arg-file")];
    match clash.iter().find(|(given, _)| *given) {
        Some((_, flag)) => Err(Refusal::new(
            format!("{flag} reads inputs from a file, and ::: gives them here"),
            format!("leave out {flag}, or put the inputs into the file"),
        )),
        None => Ok(()),
    }
}

/// Says what would happen, as far as that can be known without reading anything.
fn explain(
    args: &RunArgs,
    policy: Policy,
    words: &[OsString],
    lists: Option<Lists>,
) -> Result<Ending, Refusal> {
    let template = Template::compile(words, None, args.shell);
    match &args.across.engine {
        // It is looked for where it runs.
        Some(_) => across::check(args)?,
        None => drop(template.program().map(look_up).transpose()?),
    }
    let mut listed = None;
    if let Some(lists) = lists {
        check_lists(args)?;
        let count = lists.len();
        let product = Product::new(lists);
        check_columns(&template, Some(product.columns()))?;
        check_quorum(policy, product.total())?;
        listed = product.total().map(|total| (total, count));
    }
    Ok(show(&explain::explain(args, &Known { template: &template, words, policy, listed })))
}

pub(super) fn check_columns(template: &Template, columns: Option<usize>) -> Result<(), Refusal> {
    match columns {
        Some(there) if template.columns() > there => {
            let asked = template.columns();
            let is = if there == 1 { "is 1 column" } else { &format!("are {there} columns") };
            Err(Refusal::new(
                format!("the command asks for column {asked} ({{{asked}}}), and there {is} of input"),
                "give one more ::: list, or rows with --csv",
            ))
        }
        _ => Ok(()),
    }
}

/// With named columns a name that is none would be handed on as it stands, which nobody means.
pub(super) fn check_names(template: &Template, header: Option<&[Vec<u8>]>) -> Result<(), Refusal> {
    let (Some(header), Some(stranger)) = (header, template.stranger()) else { return Ok(()) };
    let name = legible::one_line(stranger);
    let names: Vec<_> = header.iter().map(|name| legible::one_line(name)).collect();
    Err(Refusal::new(
        format!("the command asks for {{{name}}}, and the columns are {}", names.join(", ")),
        format!("for the text itself write it with a blank: {{ {name} }}"),
    ))
}

/// How many run at once, when files can be had for so many; and for how many there are seats, should that be changed.
fn jobs(args: &RunArgs, total: Option<u64>, room: &mut Room) -> Result<(usize, usize), Refusal> {
    let control = args.pace.control.as_deref();
    let asked = control::ordered(control)?.unwrap_or(args.jobs).here();
    let inputs =
        |jobs: usize| total.map_or(jobs, |total| jobs.min(usize::try_from(total).unwrap_or(jobs))).max(1);
    let jobs = inputs(asked);
    room.make(u64::try_from(jobs).unwrap_or(u64::MAX));
    let room = room.jobs().map(|room| usize::try_from(room).unwrap_or(usize::MAX));
    match room {
        Some(room) if jobs > room => Err(Refusal::new(
            format!(
                "{jobs} jobs at once need more open files than this shell allows; there is room for {room}"
            ),
            "raise the limit with ulimit -n, or ask for fewer jobs with -j",
        )),
        _ if control.is_none() => Ok((jobs, jobs)),
        _ => Ok((jobs, jobs.max(inputs(room.map_or(control::MOST, |room| room.min(control::MOST)))))),
    }
}

/// Prints what would be run.
pub(super) fn dry_run(template: &Template, mut source: Box<dyn Source>, printer: &Printer) -> Ending {
    let mut text = Vec::new();
    let mut number = 0;
    let mut ending = Ending::Code(exit::OK);
    loop {
        match source.next() {
            Ok(Some(columns)) => {
                number += 1;
                match template.fill(Values { columns: &columns, number, slot: 1 }) {
                    Ok(words) => {
                        text.extend(legible::shell_line(&words));
                        text.push(b'\n');
                    }
                    Err(error) => {
                        complain(&format!("input {number}: {error}"), "this member would fail");
                        ending = Ending::Code(exit::FAILED);
                    }
                }
            }
            Ok(None) => break,
            Err(error) => {
                complain(&format!("input {}: {error}", number + 1), "the rest of the input cannot be had");
                ending = Ending::Code(exit::LOST);
                break;
            }
        }
        if text.len() >= 1 << 16 {
            if let Err(error) = printer.print(Stream::Out, &text) {
                return unprinted(&error);
            }
            text.clear();
        }
    }
    printer.print(Stream::Out, &text).map_or_else(|error| unprinted(&error), |()| ending)
}

/// Accounts for everyone and finds the ending.
fn finish(batch: &Batch, signals: &Signals, strays: &Strays) -> Ending {
    // Empty, unless a member's thread broke down; its child must not outlive us.
    batch.seats.iter().for_each(process::Seat::kill);
    batch.launcher.guard.dismiss();
    if batch.books.stop.strength() >= Strength::Terminate {
        strays.kill();
    } else if !batch.books.quiet {
        for (pid, name) in strays.list() {
            batch.books.note(&format!(
                "headcount: left running in a session of its own, out of our reach: {name} (pid {pid})\n"
            ));
        }
    }
    batch.books.conclude(signals, batch.input_ran(), || batch.unread(), None)
}
