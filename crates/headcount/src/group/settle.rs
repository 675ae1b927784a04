//! What a member's output comes to: a value for its slot, or one that it left elsewhere, or an error.

use super::Raise;
use super::ending::Ending;

/// What a member's output comes to.
pub(crate) trait Settle<T, E, O> {
    fn settle(self, output: O) -> Ending<T, E>;
}

/// The output is the group's own kind of result.
#[derive(Debug)]
pub(crate) struct Plain;

impl<T, E, X: Raise<E>> Settle<T, E, Result<T, X>> for Plain {
    fn settle(self, output: Result<T, X>) -> Ending<T, E> {
        match output {
            Ok(value) => Ending::Value(value),
            Err(error) => Ending::Error(error.raise()),
        }
    }
}
