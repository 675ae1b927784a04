//! `headcount missing`: who of a group is not back, who runs them, and since when.

use serde_json::json;

use super::{asked, print, show};
use crate::args::MissingArgs;
use crate::engine::{group_id, told};
use crate::exit::Ending;
use crate::refusal::Refusal;

pub(crate) fn run(args: &MissingArgs) -> Result<Ending, Refusal> {
    let group = group_id(&args.group)?;
    let most = match args.members {
        0 => usize::MAX,
        most => usize::try_from(most).unwrap_or(usize::MAX),
    };
    asked(&args.engine, async |engine| {
        let summary = engine.ask_quietly(|| engine.summary(group)).await?;
        let out = told::missing(engine, group, most).await?;
        Ok(if args.json {
            let members: Vec<_> = out.iter().map(told::Out::json).collect();
            let left = summary.tally.registered - summary.tally.ended();
            print(&json!({ "group": group.to_string(), "out": left, "members": members }))
        } else {
            show(&told::missing_lines(&summary, &out))
        })
    })
}
