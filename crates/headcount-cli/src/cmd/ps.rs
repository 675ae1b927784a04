//! `headcount ps`: the processes of this user that can be asked who is out in them.

use headcount::inspect::{self, Ask, AskError, Census};
use headcount::thread;

use super::{ANSWER_WITHIN, print, show};
use crate::args::PsArgs;
use crate::census;
use crate::exit::{self, Ending};
use crate::live;
use crate::output::complain;
use crate::refusal::Refusal;

/// As many processes are asked at once: one that does not answer holds nobody up for long.
const AT_ONCE: usize = 16;

pub(crate) fn run(args: &PsArgs) -> Result<Ending, Refusal> {
    if args.watch {
        return live::watch(|| {
            let (answers, silent) = ask_all()?;
            let mut text = census::processes(&answers);
            for error in silent {
                text.push_str(&format!("{error}: {}\n", error.hint()));
            }
            Ok(text)
        });
    }
    let (answers, silent) = ask_all()?;
    let ending =
        if args.json { print(&census::processes_json(&answers)) } else { show(&census::processes(&answers)) };
    for error in &silent {
        complain(error, error.hint());
    }
    Ok(if silent.is_empty() { ending } else { Ending::Code(exit::FAILED) })
}

/// The answers, and why others did not answer who are there.
fn ask_all() -> Result<(Vec<Census>, Vec<AskError>), Refusal> {
    let unread = |error| {
        Refusal::new(
            format!("the sockets cannot be listed: {error}"),
            "look at the directory's owner and permissions",
        )
    };
    let pids = inspect::processes().map_err(unread)?;
    let ask = |pid: u32| inspect::ask(pid, &Ask::summary(), ANSWER_WITHIN);
    let answers = thread::map(pids).limit(AT_ONCE).run(|_, pid| headcount::ok(ask(pid)));
    let answers = answers.map_err(|error| {
        Refusal::new(error.to_string(), "is the system short of resources? see ulimit -a")
    })?;
    let (mut told, mut silent) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Ok(census) => told.push(census),
            // That is no process any more.
            Err(error) if error.is_gone() => {}
            Err(error) => silent.push(error),
        }
    }
    Ok((told, silent))
}
