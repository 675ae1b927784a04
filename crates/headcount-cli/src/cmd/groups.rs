//! `headcount groups`: the groups of an engine, the newest first.

use headcount_cluster::{Store, StoreError};
use serde_json::Value;

use super::{asked, print, show};
use crate::args::GroupsArgs;
use crate::engine::told;
use crate::exit::Ending;
use crate::refusal::Refusal;

/// So many are asked for at once.
const PAGE: usize = 100;

pub(crate) fn run(args: &GroupsArgs) -> Result<Ending, Refusal> {
    let most = match args.groups {
        0 => usize::MAX,
        most => usize::try_from(most).unwrap_or(usize::MAX),
    };
    asked(&args.engine, async |engine| {
        let mut groups = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = most.saturating_sub(groups.len()).min(PAGE);
            let ids = engine.ask_quietly(|| engine.store.groups(after.as_deref(), page)).await?;
            for id in ids.items {
                let summary = engine.ask_quietly(|| async move {
                    match engine.store.summary(id).await {
                        // Forgotten since, or of another version: others are listed all the same.
                        Err(StoreError::Vanished(_) | StoreError::Schema(..)) => Ok(None),
                        answer => answer.map(Some),
                    }
                });
                groups.extend(summary.await?.map(|summary| (id, summary)));
            }
            after = ids.next;
            if after.is_none() || groups.len() >= most {
                break;
            }
        }
        Ok(if args.json {
            print(&Value::Array(groups.iter().map(|(id, group)| told::status_json(*id, group)).collect()))
        } else {
            show(&told::groups(&groups))
        })
    })
}
