//! What a member's output comes to: a value for its slot, or one that it left elsewhere, or an error.

use super::FromMember;
use super::ending::Ending;
use crate::context::Context;

/// What a member's output comes to.
pub(crate) trait Settle<T, E, O> {
    fn settle(&mut self, output: O) -> Ending<T, E>;
}

/// A member's own context, if it has one that can be cancelled by hand. It goes with what settles, so that it is nothing in
/// most members.
pub(crate) trait Hand {
    fn hand(&self) -> Option<&Context> {
        None
    }

    /// The same, to be let go before the member ends (G1): values of a context are foreign, and so are their destructors.
    fn take_hand(&mut self) -> Option<Context> {
        None
    }
}

/// The output is the group's own kind of result.
#[derive(Debug)]
pub(crate) struct Plain;

impl Hand for Plain {}

/// As [`Plain`], of a member that has a context of its own.
pub(crate) struct WithHand(Option<Context>);

impl WithHand {
    pub(crate) fn new(hand: Context) -> Self {
        Self(Some(hand))
    }
}

impl Hand for WithHand {
    fn hand(&self) -> Option<&Context> {
        self.0.as_ref()
    }

    fn take_hand(&mut self) -> Option<Context> {
        self.0.take()
    }
}

/// Takes a member's value.
pub(crate) trait Receive<T, E, U> {
    fn receive(&mut self, value: U) -> Ending<T, E>;
}

impl<T, E> Receive<T, E, T> for Plain {
    fn receive(&mut self, value: T) -> Ending<T, E> {
        Ending::Value(value)
    }
}

impl<T, E> Receive<T, E, T> for WithHand {
    fn receive(&mut self, value: T) -> Ending<T, E> {
        Ending::Value(value)
    }
}

impl<T, E, X> Settle<T, E, Result<T, X>> for Plain
where
    E: FromMember<X>,
{
    fn settle(&mut self, output: Result<T, X>) -> Ending<T, E> {
        settle_with(self, output)
    }
}

impl<T, E, X> Settle<T, E, Result<T, X>> for WithHand
where
    E: FromMember<X>,
{
    fn settle(&mut self, output: Result<T, X>) -> Ending<T, E> {
        settle_with(self, output)
    }
}

/// A value for `receive`, or an error of the group's kind.
pub(super) fn settle_with<T, E, U, X>(
    receive: &mut impl Receive<T, E, U>,
    output: Result<U, X>,
) -> Ending<T, E>
where
    E: FromMember<X>,
{
    match output {
        Ok(value) => receive.receive(value),
        Err(error) => Ending::Error(E::from_member(error)),
    }
}
