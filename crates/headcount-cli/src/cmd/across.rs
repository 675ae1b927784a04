//! `headcount run --engine`: the same batch, its members run by workers on other machines.
//!
//! What is refused here could not be kept there: that would be worse than to say so.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headcount::Context;
use headcount_cluster::{GroupId, GroupState, Settings, Store, Summary};
use tokio::sync::Notify;

use super::opening::{Asked, Inspected, check_quorum, no_start, open_books, stop_and_bell};
use super::run::{Lists, check_columns, check_names, dry_run, open_source};
use super::show;
use crate::account::Unread;
use crate::args::{Jobs, Order, RunArgs, WorkDir};
use crate::books::Ran;
use crate::engine::{
    self, Address, Contexts, Desk, Engine, Form, Gather, HEADROOM, Kept, Registrar, Trouble, Word,
};
use crate::exit::Ending;
use crate::ledger::Policy;
use crate::legible;
use crate::output::{Printer, Sheet};
use crate::progress::Progress;
use crate::record::{Happening, Plan};
use crate::refusal::Refusal;
use crate::signal::Signals;
use crate::template::Template;
use crate::tries::Backoff;

/// Runs a batch to its end, elsewhere.
pub(super) fn run(
    args: &RunArgs,
    address: &Address,
    policy: Policy,
    words: &[OsString],
    lists: Option<Lists>,
) -> Result<Ending, Refusal> {
    check(args)?;
    let (stop, bell, rope) = stop_and_bell()?;
    let (mut source, header, columns) = open_source(args, lists, &stop.draining)?;
    let template = Template::compile(words, header.as_deref(), args.shell);
    check_columns(&template, columns)?;
    check_names(&template, header.as_deref())?;
    let printer = Printer::new(args.order, args.tag, Sheet::new(Arc::clone(&stop.abandoned)));
    if args.dry_run {
        return Ok(dry_run(&template, source, &printer));
    }
    let total = source.total();
    check_quorum(policy, total)?;
    let form = form(args, words, header)?;
    let settings = settings(args, policy, words)?;
    let place = address.resolve(&args.across.trust)?;
    let runtime = engine::runtime()?;
    let asked = Asked {
        journal: &args.journal,
        work: Vec::new(),
        policy,
        record: &args.record,
        inputs: args.list.arg_file.as_deref(),
        deadline: args.deadline,
        quiet: args.quiet,
    };
    let mut engine = match runtime.block_on(Engine::connect(place, Duration::ZERO)) {
        Ok(engine) => engine,
        Err(trouble) => return Ok(trouble.end()),
    };
    engine.wait_for(args.across.patience);
    let (books, _) = open_books(asked, &mut source, printer, stop)?;
    let group = GroupId::new();
    if let Err(trouble) = runtime.block_on(engine.ask_quietly(|| engine.store.open(group, &settings))) {
        return Ok(trouble.end());
    }
    // At once, so that somebody else can ask for it whatever becomes of us. Quiet means the notes, and this is what was asked for.
    announce(&format!("headcount: group {group} on {}\n", engine.shown()), args.quiet && !args.across.detach);
    let jobs = usize::try_from(settings.limit).ok().filter(|&jobs| jobs > 0);
    let id = group.to_string();
    books.record.tell(&Happening::Begun(Plan { what: "run", words, jobs, policy, total, group: Some(&id) }));
    let desk = Arc::new(Desk {
        engine,
        group,
        books,
        template,
        form,
        kept: Mutex::new(Kept::new()),
        out: Mutex::default(),
        roll_call: Notify::new(),
    });
    let inspected = Inspected::begin();
    let signals = Arc::new(Signals::catch(&rope).map_err(|error| no_start("signals", &error))?);
    let background = Context::background();
    let (kill, end_kill) = background.with_cancel();
    let (end, end_all) = kill.with_cancel();
    let watch = engine::Watch::new(Arc::clone(&desk), Arc::clone(&signals), [end_all, end_kill]);
    watch.start(bell).map_err(|error| no_start("a thread", &error))?;
    let inputs = engine::read(source).map_err(|error| no_start("a thread", &error))?;
    let contexts = Contexts { end, kill };
    let detach = args.across.detach;
    let mut progress = Progress::new(args.quiet || detach, total, 0);
    let (ran, unread, ended) =
        runtime.block_on(carry(&desk, inputs, &contexts, (!detach).then_some(&mut progress)));
    drop(inspected);
    Ok(match ended {
        Ok(_) if detach && ran == Ran::Out && !desk.books.stop.is_asked() => show(&format!("{group}\n")),
        ended => conclude(&desk, &signals, ran, unread, ended),
    })
}

/// Puts members in and hears of their ends, both at once; or only the one.
async fn carry(
    desk: &Arc<Desk>,
    inputs: tokio::sync::mpsc::Receiver<engine::Read>,
    contexts: &Contexts,
    progress: Option<&mut Progress>,
) -> (Ran, Unread, Result<Option<Summary>, Trouble>) {
    let (whose, end) = (Arc::clone(desk), contexts.end.clone());
    // On its own: whoever prints may have to wait for a reader, and the engine for nobody.
    let registering = tokio::spawn(async move {
        let registered = Registrar::new(&whose, inputs).run(&end).await;
        if registered.2.is_err() {
            whose.books.stop_for_trouble("the engine, which takes no more members");
        }
        registered
    });
    let ended = match progress {
        Some(progress) => Gather::new(Arc::clone(desk)).run(contexts, progress).await,
        None => Ok(None),
    };
    let (ran, unread, registered) = registering.await.unwrap_or((Ran::Dry, Unread::Perhaps, Ok(())));
    // Nobody gathers who would have told the engine.
    let detached = ended.as_ref().is_ok_and(Option::is_none);
    if detached && (desk.books.stop.is_asked() || registered.is_err()) {
        let why = format!("headcount run on {} did not register everybody", engine::host());
        let _ = desk.engine.end(desk.group, &why).await;
    }
    (ran, unread, ended.and_then(|group| registered.map(|()| group)))
}

fn conclude(
    desk: &Desk,
    signals: &Signals,
    ran: Ran,
    unread: Unread,
    ended: Result<Option<Summary>, Trouble>,
) -> Ending {
    let books = &desk.books;
    let mut ran = ran;
    match ended {
        Ok(Some(group)) => {
            // What ended it from elsewhere is known to the engine alone.
            let (ours, reason) =
                (books.stop.is_asked(), group.reason.as_deref().unwrap_or("no reason was given"));
            match group.state {
                GroupState::Cancelled if !ours => {
                    let reason = legible::one_line(reason.as_bytes());
                    books.stop_for_trouble(format!("headcount cancel ({reason})"));
                }
                GroupState::Abandoned => {
                    books.stop_for_trouble("the engine, which had heard nothing of us for too long");
                    ran = Ran::Dry;
                }
                _ => {}
            }
        }
        Ok(None) => {}
        Err(trouble) => {
            let group = desk.group;
            let again =
                if trouble.passes { format!(": headcount wait {group} asks again") } else { String::new() };
            books.printer.note(&format!(
                "headcount: {}\nhint: {}; what became of the members is not known here{again}\n",
                trouble.what, trouble.hint
            ));
            ran = Ran::Dry;
        }
    }
    let remark = format!("group {} on {}", desk.group, desk.engine.shown());
    books.conclude(signals, ran, || unread, Some(remark))
}

/// On stderr, before there is anybody who could be in the way.
fn announce(text: &str, quiet: bool) {
    use std::io::Write as _;
    if !quiet {
        // Nobody is left to tell that it could not be told.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// What cannot be kept across machines is refused, with what can be done instead.
pub(super) fn check(args: &RunArgs) -> Result<(), Refusal> {
    let nobody = "nobody is left to write it: leave out one of them";
    let there = "the workers' own machines say when they may start: give them fewer jobs, headcount work -j";
    let clashes = [
        (
            args.journal.journal.is_some(),
            "--journal",
            "the engine keeps the group: headcount wait goes on where this run was interrupted",
        ),
        (
            args.order == Order::Live,
            "--order live",
            "what a member printed comes when it has ended: --order done or input",
        ),
        (
            args.attempts.wait.jitter,
            "--jitter",
            "leave it out: the engine gives out members one by one, to whoever has room",
        ),
        (args.pace.rate.is_some(), "--rate", there),
        (args.pace.load.is_some(), "--load", there),
        (args.pace.mem_free.is_some(), "--mem-free", there),
        (args.pace.control.is_some(), "--control", there),
        (args.across.detach && args.record.events.is_some(), "--detach with --events", nobody),
        (args.across.detach && args.record.joblog.is_some(), "--detach with --joblog", nobody),
        (args.across.detach && args.record.report.is_some(), "--detach with --report", nobody),
    ];
    match clashes.into_iter().find(|(given, ..)| *given) {
        Some((_, flag, hint)) => {
            Err(Refusal::new(format!("{flag} does not go with --engine, across machines"), hint))
        }
        None => limit(args).map(drop),
    }
}

/// How many run at once on all machines; as many as there are workers for if nobody said. Shares of this machine's cores mean
/// nothing there.
pub(super) fn limit(args: &RunArgs) -> Result<u32, Refusal> {
    if !args.given.iter().any(|given| given.id == "jobs") {
        return Ok(0);
    }
    match args.jobs {
        Jobs::Exactly(jobs) => Ok(u32::try_from(jobs).unwrap_or(u32::MAX)),
        Jobs::Percent(_) | Jobs::More(_) => Err(Refusal::new(
            format!("--jobs {} counts the cores of one machine, and --engine runs on many", args.jobs),
            "write how many run at once on all of them, or leave it out: each worker has a -j of its own",
        )),
    }
}

fn settings(args: &RunArgs, policy: Policy, words: &[OsString]) -> Result<Settings, Refusal> {
    let name = args.across.name.clone().unwrap_or_else(|| {
        let program = words.first().map(|word| Path::new(word).file_name().unwrap_or(word));
        legible::one_line(program.map_or(b"", OsStrExt::as_bytes))
    });
    let backoff = match args.attempts.wait.backoff {
        Backoff::Fixed(time) => headcount_cluster::Backoff::Fixed(time),
        // As the settings have it by themselves, and as on one machine.
        Backoff::Exponential => Settings::new("").backoff,
    };
    Ok(Settings {
        policy,
        limit: limit(args)?,
        retries: args.attempts.retries,
        backoff,
        lease: args.across.lease,
        deadline: args.deadline,
        largest: usize::try_from(args.across.max_output).unwrap_or(usize::MAX).saturating_add(HEADROOM),
        ..Settings::new(name)
    })
}

fn form(args: &RunArgs, words: &[OsString], header: Option<Vec<Vec<u8>>>) -> Result<Form, Refusal> {
    let folder = match &args.across.workdir {
        WorkDir::Worker => None,
        WorkDir::Same => Some(std::env::current_dir().map_err(|error| {
            Refusal::new(
                format!("the folder we are in has no path ({error}), so it cannot be found elsewhere"),
                "--workdir worker runs members where their worker was started",
            )
        })?),
        WorkDir::Path(path) if path.is_absolute() => Some(path.clone()),
        WorkDir::Path(path) => {
            let path = legible::one_line(path.as_os_str().as_bytes());
            return Err(Refusal::new(
                format!("--workdir {path} begins nowhere: workers are in other folders than we are"),
                "write a whole path, from / on; or same, or worker",
            ));
        }
    };
    Ok(Form {
        command: Word::of(words),
        shell: args.shell,
        header: header.as_deref().map(Word::of_bytes),
        folder,
        env: args.across.env.iter().map(variable).collect::<Result<_, _>>()?,
        timeout: args.timeout,
        grace: args.grace,
        retry_on: args.attempts.retry_on.clone(),
        most: usize::try_from(args.across.max_output).unwrap_or(usize::MAX),
    })
}

/// A variable and its value, ours if none is given.
fn variable(given: &OsString) -> Result<(Word, Word), Refusal> {
    let bytes = given.as_bytes();
    if let Some(place) = bytes.iter().position(|&byte| byte == b'=') {
        if place > 0 {
            return Ok((Word(bytes[..place].to_vec()), Word(bytes[place + 1..].to_vec())));
        }
    } else if !bytes.is_empty() {
        let name = legible::one_line(bytes);
        let value = std::env::var_os(given).ok_or_else(|| {
            Refusal::new(
                format!("--env {name}: there is no such variable"),
                format!("give it a value: --env {name}=..."),
            )
        })?;
        return Ok((Word(bytes.to_vec()), Word(value.as_bytes().to_vec())));
    }
    Err(Refusal::new("--env without a name", "write --env NAME, or --env NAME=VALUE"))
}
