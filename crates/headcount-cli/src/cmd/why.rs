//! `headcount why PID [MEMBER]`: on whom a process waits.

use headcount::inspect::{self, Ask};

use super::{ANSWER_WITHIN, no_answer, print, show};
use crate::args::WhyArgs;
use crate::census;
use crate::exit::{self, Ending};
use crate::output::complain;
use crate::refusal::Refusal;

/// Enough to find the one that is out longest below all others, in any program that a person looks at.
const ENOUGH: u64 = 1000;

pub(crate) fn run(args: &WhyArgs) -> Result<Ending, Refusal> {
    let ask = match &args.member {
        Some(member) => Ask::member(member),
        None => Ask::members(ENOUGH),
    };
    let census = match inspect::ask(args.pid, &ask, ANSWER_WITHIN) {
        Ok(census) => census,
        Err(error) => return Ok(no_answer(&error)),
    };
    let found = census::find(&census, args.member.as_deref());
    if found.is_empty() {
        match &args.member {
            Some(member) => {
                let what = format!("nobody called {member:?} is out in process {}", args.pid);
                complain(&what, &format!("headcount tree {} shows who is", args.pid));
                return Ok(Ending::Code(exit::FAILED));
            }
            None if args.json => {}
            None => return Ok(show(&format!("nobody is out in process {}\n", args.pid))),
        }
    }
    Ok(if args.json {
        print(&census::whys_json(&census, &found))
    } else {
        show(&census::whys(&census, &found))
    })
}
