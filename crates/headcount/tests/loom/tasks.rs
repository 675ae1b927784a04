//! A group's executor for models: it keeps tasks until the model takes them to its threads.

use std::sync::Arc;

use headcount::task::{BoxTask, Group};
use headcount::{CollectAll, Context};
use loom::future::block_on;
use loom::sync::Mutex;

/// Tasks that were started and that nobody polls yet. Loom's lock, so that a task is seen to come from who started it.
#[derive(Clone)]
pub(crate) struct Tasks(Arc<Mutex<Vec<BoxTask>>>);

impl Tasks {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Vec::new())))
    }

    /// A place to give to [`Group::on`].
    pub(crate) fn executor(&self) -> impl Fn(BoxTask) + Send + Sync + 'static {
        let tasks = self.clone();
        move |task| tasks.0.lock().unwrap().push(task)
    }

    /// The task that was started first.
    pub(crate) fn take(&self) -> BoxTask {
        self.try_take().expect("a task was started")
    }

    fn try_take(&self) -> Option<BoxTask> {
        let mut tasks = self.0.lock().unwrap();
        if tasks.is_empty() { None } else { Some(tasks.remove(0)) }
    }

    /// Polls what was started, and what that starts, to the end.
    pub(crate) fn run_all(&self) {
        while let Some(task) = self.try_take() {
            block_on(task);
        }
    }
}

/// A group that tells what came of each member, and where its members' tasks are.
pub(crate) fn group<T: Send + 'static>() -> (Group<T, headcount::BoxError, CollectAll>, Tasks) {
    let tasks = Tasks::new();
    let group = Group::with_policy(&Context::background(), CollectAll).on(tasks.executor());
    (group, tasks)
}

/// The same under a limit. Its members are never called off by time, of which loom has none.
pub(crate) fn limited<T: Send + 'static>(limit: usize) -> (Group<T, headcount::BoxError, CollectAll>, Tasks) {
    let (group, tasks) = group();
    (group.limit(limit).grace(std::time::Duration::MAX), tasks)
}
