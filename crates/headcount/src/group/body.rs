//! What the body of a scope may return.

use super::FromMember;

/// What the body of a [`thread::Scope`](crate::thread::Scope) or a [`task::scope`](crate::task::scope) returns: nothing, or
/// a `Result<(), _>` whose error counts as one more failed member, named `body`.
#[diagnostic::on_unimplemented(
    message = "the body of a scope returns `()` or `Result<(), _>`, not `{Self}`",
    note = "results come from members; end the body with `;` to drop this one"
)]
pub trait Body<E>: sealed::Sealed {
    /// The error, if it failed.
    #[doc(hidden)]
    fn failure(self) -> Option<E>;
}

impl<E> Body<E> for () {
    fn failure(self) -> Option<E> {
        None
    }
}

impl<E, X> Body<E> for Result<(), X>
where
    E: FromMember<X>,
{
    fn failure(self) -> Option<E> {
        self.err().map(E::from_member)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<X> Sealed for Result<(), X> {}
}
