//! `headcount cancel`: ends a group, wherever it runs.

use super::{asked, print, show};
use crate::args::CancelArgs;
use crate::engine::{self, group_id, told};
use crate::exit::Ending;
use crate::refusal::Refusal;

pub(crate) fn run(args: &CancelArgs) -> Result<Ending, Refusal> {
    let group = group_id(&args.group)?;
    let reason = args.reason.clone().unwrap_or_else(|| format!("headcount cancel on {}", engine::host()));
    asked(&args.engine, async |engine| {
        let summary = engine.end(group, &reason).await?;
        Ok(if args.json {
            print(&told::status_json(group, &summary))
        } else {
            show(&told::status(group, &summary))
        })
    })
}
