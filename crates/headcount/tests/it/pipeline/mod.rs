//! Pipelines: each file one kind of promise, kept on threads and on tasks.

mod ending;
mod hand_off;
mod oracle;
mod order;
mod reports;
mod stopping;
#[cfg(all(feature = "stream", feature = "tokio"))]
mod streams;
#[cfg(feature = "tokio")]
mod tasks;

use std::sync::Arc;

use headcount::{Context, GroupError, OnThreads, Pipeline};

use crate::Count;

/// What counts how many of its clones are alive.
#[derive(Clone, Debug, Default)]
struct Census(Arc<()>);

impl Census {
    /// One more, to be dropped.
    fn one(&self) -> Arc<()> {
        Arc::clone(&self.0)
    }

    fn alive(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

/// Runs on threads or on a Tokio runtime of several threads, and collects.
fn collect<C>(pipeline: Pipeline<C>, ctx: &Context, on_tasks: bool) -> Result<Vec<C::Item>, GroupError>
where
    C: OnThreads + 'static,
{
    if on_tasks { tasks_collect(pipeline, ctx) } else { pipeline.run_collect(ctx) }
}

#[cfg(feature = "tokio")]
fn tasks_collect<C>(pipeline: Pipeline<C>, ctx: &Context) -> Result<Vec<C::Item>, GroupError>
where
    C: OnThreads + 'static,
{
    let mut builder = ::tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(pipeline.run_collect_async(ctx))
}

/// Without Tokio, on the executor of somebody else.
#[cfg(not(feature = "tokio"))]
fn tasks_collect<C>(pipeline: Pipeline<C>, ctx: &Context) -> Result<Vec<C::Item>, GroupError>
where
    C: OnThreads + 'static,
{
    smol::block_on(pipeline.on(|task| smol::spawn(task).detach()).run_collect_async(ctx))
}
