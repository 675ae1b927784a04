//! What `spans` is without the feature `tracing`.

use std::marker::PhantomData;
use std::panic::Location;

use crate::context::Context;
use crate::group::{self, MemberError};
use crate::roll::Title;

#[derive(Debug)]
pub(super) struct Group;

impl Group {
    #[inline]
    pub(super) fn new(_: &Context, _: &'static Location<'static>) -> Self {
        Self
    }

    #[inline]
    pub(super) fn counted_out(&self, _: impl FnOnce() -> group::Member, _: impl Fn() -> Title) -> Member {
        Member
    }
}

#[derive(Debug)]
pub(crate) struct Member;

/// As with the feature: bound to the member, so that what compiles does not depend on it.
#[derive(Debug)]
pub(crate) struct Entered<'m>(PhantomData<&'m Member>);

impl Member {
    #[inline]
    pub(crate) const fn unwatched() -> Self {
        Self
    }

    #[inline]
    pub(crate) fn here() -> Self {
        Self
    }

    /// As with the feature: it is dropped here.
    #[inline]
    pub(crate) fn gone(self) {}

    #[inline]
    pub(crate) fn enter(&self) -> Entered<'_> {
        Entered(PhantomData)
    }
}

/// So that dropping one says when, as with the feature.
impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {}
}

#[inline]
pub(crate) fn failed<E>(_: &group::Member, _: &MemberError<E>) {}
