//! How a worker's thread is started: on a scope of std's, which joins it.
//!
//! A seam, because the model checker brings threads of its own and no scopes.

use std::fmt;
use std::io;
use std::thread::{Builder, Scope};

use crate::roll::Name;

/// What can start threads that end before `'scope` does.
pub(crate) trait Launch<'scope>: Send + Sync + 'scope {
    /// Starts a thread that runs `body`.
    fn launch(&self, body: impl FnOnce() + Send + 'scope) -> io::Result<()>;
}

/// Threads on a scope of std's.
#[derive(Clone)]
pub(crate) struct Threads<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    /// What the threads are called, for debuggers and panic messages; without the zero bytes that no name may have.
    name: Option<Name>,
    /// How large their stacks are; `None` for std's default.
    stack: Option<usize>,
}

impl<'scope, 'env> Threads<'scope, 'env> {
    pub(crate) fn new(scope: &'scope Scope<'scope, 'env>, name: Option<Name>) -> Self {
        Self { scope, name, stack: None }
    }

    /// The same with stacks of so many bytes.
    pub(crate) fn stack_size(self, stack: Option<usize>) -> Self {
        Self { stack, ..self }
    }
}

impl fmt::Debug for Threads<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'scope> Launch<'scope> for Threads<'scope, '_> {
    fn launch(&self, body: impl FnOnce() + Send + 'scope) -> io::Result<()> {
        let mut builder = Builder::new();
        if let Some(name) = &self.name {
            builder = builder.name(name.as_str().replace('\0', ""));
        }
        if let Some(stack) = self.stack {
            builder = builder.stack_size(stack);
        }
        builder.spawn_scoped(self.scope, body).map(drop)
    }
}
