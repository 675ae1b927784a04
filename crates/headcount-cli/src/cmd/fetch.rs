//! `headcount fetch`: from its arguments to a batch of downloads, and from the batch's end to the command's.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use headcount::Context;

use super::opening::{
    Asked, Inspected, check_quorum, detach_stdin, no_start, open_books, open_file, own_stdin, stop_and_bell,
};
use super::{show, unprinted};
use crate::args::{FetchArgs, Order};
use crate::exit::{self, Ending};
use crate::explain::{Fetched, explain_fetch};
use crate::fetch::{self, Address, Contexts, Desk, Folder, Inputs, Listing, Parts, Rules, Sums, View, Watch};
use crate::input::{Gate, Product, Records, Source};
use crate::latch::Latch;
use crate::ledger::Policy;
use crate::legible;
use crate::output::{Printer, Sheet, Stream, complain};
use crate::pace::Pace;
use crate::pace::control::{self, Control};
use crate::record::{Happening, Plan};
use crate::refusal::Refusal;
use crate::signal::Signals;

/// Open files that are not connections or files of transfers.
const SPARE: u64 = 32;

/// Runs a batch to its end.
pub(crate) fn run(mut args: FetchArgs) -> Result<Ending, Refusal> {
    let policy = args.policies.policy()?;
    if args.explain {
        return explain(&mut args, policy);
    }
    let (stop, bell, rope) = stop_and_bell()?;
    let (listing, secrets) = Listing::new(open_source(&mut args, &stop.draining)?);
    let mut source: Box<dyn Source> = Box::new(listing);
    let printer = Printer::new(Order::Done, false, Sheet::new(Arc::clone(&stop.abandoned)));
    let sums = args.sha256.as_deref().map(read_sums).transpose()?;
    if args.dry_run {
        return Ok(dry_run(&args, source, &printer));
    }
    let total = source.total();
    check_quorum(policy, total)?;
    let (jobs, most) = jobs(&args)?;
    let pace = Pace::new(&args.pace, None, Arc::clone(&stop.draining))?;
    let folder = Folder::open(args.output.as_deref())?;
    let client = fetch::client(args.connect_timeout, most).map_err(|error| {
        Refusal::new(
            format!("could not set up HTTP: {error}"),
            "are HTTPS_PROXY, and the certificates of SSL_CERT_FILE, in order?",
        )
    })?;
    let asked = Asked {
        journal: &args.journal,
        work: work(&args)?,
        policy,
        record: &args.record,
        inputs: args.list.arg_file.as_deref(),
        deadline: args.deadline,
        quiet: args.quiet,
    };
    let (books, backlog) = open_books(asked, &mut source, printer, stop)?;
    let (rules, per_host) = (rules(&args, jobs, most), args.per_host);
    let control = args.pace.control.take().map(Control::new);
    let parts = Parts { books, client, folder, sums, per_host, pace, control, rules };
    let desk = Arc::new(Desk::new(parts));
    desk.books.record.tell(&Happening::Begun(Plan {
        what: "fetch",
        words: &[],
        jobs: Some(jobs),
        policy,
        total,
        group: None,
    }));
    let inspected = Inspected::begin();
    let signals = Arc::new(Signals::catch(&rope).map_err(|error| no_start("signals", &error))?);
    let background = Context::background();
    let (work, end_work) = background.with_cancel();
    let (begin, end_begin) = work.with_cancel();
    let (kill, end_kill) = background.with_cancel();
    desk.books.stop.cancels(end_begin);
    let watch = Watch::new(Arc::clone(&desk), Arc::clone(&signals), end_work, end_kill);
    watch.start(bell).map_err(|error| no_start("a thread", &error))?;
    let late = Arc::clone(&desk);
    let alarm = desk.books.alarm(move || late.books.tell_late(|| late.roll_call()));
    let contexts = Contexts { begin, work, kill };
    let inputs = Inputs { backlog, source, secrets };
    let taken = fetch::run(&desk, inputs, &contexts, &mut View::new(args.quiet, total));
    // What is left to do is not held to it.
    drop(alarm);
    drop(inspected);
    let (ran, unread) = taken.map_err(|error| no_start("the network's threads", &error))?;
    Ok(desk.books.conclude(&signals, ran, || unread, were_there(&desk)))
}

/// What a journal is of: into another folder the same addresses are another work.
fn work(args: &FetchArgs) -> Result<Vec<Vec<u8>>, Refusal> {
    let folder = args.output.as_deref().unwrap_or(Path::new("."));
    let whole = folder.canonicalize().map_err(|error| no_start("the folder", &error))?;
    Ok(vec![b"fetch".to_vec(), whole.into_os_string().into_vec()])
}

fn rules(args: &FetchArgs, jobs: usize, most: usize) -> Rules {
    Rules {
        jobs,
        most,
        exists: args.exists,
        max_body: args.max_body,
        tries: args.tries(),
        stall: args.stall_timeout,
        connect: args.connect_timeout,
        timeout: args.timeout,
        grace: args.grace,
        tag: args.tag,
    }
}

/// Says what would happen, as far as that can be known without reading anything.
fn explain(args: &mut FetchArgs, policy: Policy) -> Result<Ending, Refusal> {
    let listed = listed(args)?.map(|urls| urls.len() as u64);
    check_quorum(policy, listed)?;
    Ok(show(&explain_fetch(args, &Fetched { policy, listed })))
}

/// The addresses that are given as arguments, if they are given there.
fn listed(args: &mut FetchArgs) -> Result<Option<Vec<Vec<u8>>>, Refusal> {
    let mut urls: Vec<_> = std::mem::take(&mut args.urls).into_iter().map(OsStringExt::into_vec).collect();
    // As in `headcount run`, where it tells inputs from the command. Here there is nothing to tell them from.
    let lists = urls.iter().filter(|url| *url == b":::").count();
    urls.retain(|url| url != b":::");
    if urls.is_empty() && lists == 0 {
        return Ok(None);
    }
    let clash = [(args.list.null, "--null"), (args.list.arg_file.is_some(), "--arg-file")];
    if let Some((_, flag)) = clash.iter().find(|(given, _)| *given) {
        return Err(Refusal::new(
            format!("{flag} reads addresses from a file, and some are given here"),
            format!("leave out {flag}, or put the addresses into the file"),
        ));
    }
    if lists > 1 {
        return Err(Refusal::new(
            "two lists of ::: have products, and addresses have none",
            "give all addresses in one list",
        ));
    }
    Ok(Some(urls))
}

fn open_source(args: &mut FetchArgs, draining: &Arc<Latch>) -> Result<Box<dyn Source>, Refusal> {
    if let Some(urls) = listed(args)? {
        return Ok(Box::new(Product::new(vec![urls])));
    }
    let file = match args.list.arg_file.as_deref() {
        Some(path) if path != Path::new("-") => open_file(path)?,
        _ => File::from(own_stdin(args.quiet)?),
    };
    detach_stdin()?;
    let end = if args.list.null { 0 } else { b'\n' };
    Ok(Box::new(Records::new(Gate::new(file, Arc::clone(draining)), end)))
}

fn read_sums(path: &Path) -> Result<Sums, Refusal> {
    let shown = legible::one_line(path.as_os_str().as_bytes());
    let file = File::open(path).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "is the path right? it counts from the current folder",
            _ => "may you read it? see ls -l",
        };
        Refusal::new(format!("cannot read the checksums from {shown}: {error}"), hint)
    })?;
    Sums::read(file).map_err(|why| {
        Refusal::new(
            format!("cannot use the checksums in {shown}: {why}"),
            "a line is 64 digits, two blanks, and a name or an address, as sha256sum writes it",
        )
    })
}

/// How many run at once, when there are open files enough for so many: a connection and a file each; and how many there could
/// be, should that be changed.
fn jobs(args: &FetchArgs) -> Result<(usize, usize), Refusal> {
    let control = args.pace.control.as_deref();
    let jobs = control::ordered(control)?.unwrap_or(args.jobs).here();
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let room = limit.map(|limit| usize::try_from(limit.saturating_sub(SPARE) / 2).unwrap_or(usize::MAX));
    match room {
        Some(room) if jobs > room => Err(Refusal::new(
            format!(
                "{jobs} transfers at once need more open files than this shell allows; there is room for {room}"
            ),
            "raise the limit with ulimit -n, or ask for fewer transfers with -j",
        )),
        _ if control.is_none() => Ok((jobs, jobs)),
        _ => Ok((jobs, jobs.max(room.map_or(control::MOST, |room| room.min(control::MOST))))),
    }
}

/// Prints what would be fetched, and under which names it would be stored.
fn dry_run(args: &FetchArgs, mut source: Box<dyn Source>, printer: &Printer) -> Ending {
    let mut ending = Ending::Code(exit::OK);
    let folder = args.output.as_deref().unwrap_or(Path::new(""));
    for number in 1_u64.. {
        let columns = match source.next() {
            Ok(Some(columns)) => columns,
            Ok(None) => break,
            Err(error) => {
                complain(&format!("input {number}: {error}"), "the rest of the input cannot be had");
                return Ending::Code(exit::LOST);
            }
        };
        let [kept, name] = &columns[..] else { unreachable!("the listing gives an address and a name") };
        let address = Address::read(kept);
        match &address.url {
            Ok(_) => {
                let mut line = format!("{}\t", address.shown).into_bytes();
                line.extend_from_slice(folder.join(OsStr::from_bytes(name)).as_os_str().as_bytes());
                line.push(b'\n');
                if let Err(error) = printer.print(Stream::Out, &line) {
                    return unprinted(&error);
                }
            }
            Err((what, hint)) => {
                complain(&format!("input {number}: {what}: {}", address.shown), hint);
                ending = Ending::Code(exit::FAILED);
            }
        }
    }
    ending
}

/// That files were kept has to be said: they may be old.
fn were_there(desk: &Desk) -> Option<String> {
    // Relaxed: everyone is back.
    match desk.were_there.load(Ordering::Relaxed) {
        0 => None,
        1 => Some("1 file was there already and was kept (--exists replace fetches it anew)".into()),
        files => Some(format!(
            "{files} files were there already and were kept (--exists replace fetches them anew)"
        )),
    }
}
