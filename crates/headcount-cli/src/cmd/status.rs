//! `headcount status`: how a group stands.

use super::{asked, print, show};
use crate::args::StatusArgs;
use crate::engine::{group_id, told};
use crate::exit::Ending;
use crate::refusal::Refusal;

pub(crate) fn run(args: &StatusArgs) -> Result<Ending, Refusal> {
    let group = group_id(&args.group)?;
    asked(&args.engine, async |engine| {
        let summary = engine.ask_quietly(|| engine.summary(group)).await?;
        Ok(if args.json {
            print(&told::status_json(group, &summary))
        } else {
            show(&told::status(group, &summary))
        })
    })
}
