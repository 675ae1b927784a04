//! `headcount tree PID`: who is out in a process, as a tree.

use headcount::inspect::{self, Ask};

use super::{ANSWER_WITHIN, no_answer, print, show};
use crate::args::TreeArgs;
use crate::census;
use crate::exit::Ending;
use crate::live;
use crate::refusal::Refusal;

pub(crate) fn run(args: &TreeArgs) -> Result<Ending, Refusal> {
    let ask = || inspect::ask(args.pid, &Ask::members(args.members), ANSWER_WITHIN);
    if args.watch {
        return live::watch(|| {
            Ok(match ask() {
                Ok(census) => census::tree(&census),
                Err(error) => format!("{error}: {}\n", error.hint()),
            })
        });
    }
    Ok(match ask() {
        Ok(census) if args.json => print(&census::json(&census)),
        Ok(census) => show(&census::tree(&census)),
        Err(error) => no_answer(&error),
    })
}
