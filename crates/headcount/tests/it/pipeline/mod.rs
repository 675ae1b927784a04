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
    let mut all = Vec::new();
    for_each(pipeline, ctx, on_tasks, |item| all.push(item))?;
    Ok(all)
}

/// Runs as well, with this sink.
fn for_each<C>(
    pipeline: Pipeline<C>,
    ctx: &Context,
    on_tasks: bool,
    sink: impl FnMut(C::Item),
) -> Result<(), GroupError>
where
    C: OnThreads + 'static,
{
    if on_tasks { tasks_for_each(pipeline, ctx, sink) } else { pipeline.run_for_each(ctx, sink) }
}

#[cfg(feature = "tokio")]
fn tasks_for_each<C>(
    pipeline: Pipeline<C>,
    ctx: &Context,
    sink: impl FnMut(C::Item),
) -> Result<(), GroupError>
where
    C: OnThreads + 'static,
{
    let mut builder = ::tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(pipeline.run_for_each_async(ctx, sink))
}

/// Without Tokio, on the executor of somebody else.
#[cfg(not(feature = "tokio"))]
fn tasks_for_each<C>(
    pipeline: Pipeline<C>,
    ctx: &Context,
    sink: impl FnMut(C::Item),
) -> Result<(), GroupError>
where
    C: OnThreads + 'static,
{
    smol::block_on(pipeline.on(|task| smol::spawn(task).detach()).run_for_each_async(ctx, sink))
}
