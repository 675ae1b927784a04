//! Where items come from: an iterator, or a stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

/// Where the items of a map come from. Not to be implemented elsewhere.
pub trait Source: sealed::Sealed {
    /// One item.
    type Item;

    /// The next item, nothing at the end. Not asked again after that.
    #[doc(hidden)]
    fn poll_item(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>>;

    /// How many items there are at least, or can be had without waiting.
    #[doc(hidden)]
    fn at_hand(&self) -> usize;

    /// Whether it is known, without asking, that there is no further item.
    #[doc(hidden)]
    fn is_over(&self) -> bool;
}

/// The items of an iterator: the source of [`map`](super::map()).
pub struct Iter<I>(pub(super) I);

/// The iterator is never pinned: it is only reached by `get_mut`.
impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Source for Iter<I> {
    type Item = I::Item;

    #[inline]
    fn poll_item(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.get_mut().0.next())
    }

    fn at_hand(&self) -> usize {
        self.0.size_hint().0
    }

    fn is_over(&self) -> bool {
        self.0.size_hint().1 == Some(0)
    }
}

impl<I> fmt::Debug for Iter<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Iter")
    }
}

#[cfg(feature = "stream")]
pin_project_lite::pin_project! {
    /// The items of a stream: the source of [`map_stream`](super::map_stream).
    pub struct Streamed<S> {
        #[pin]
        pub(super) stream: S,
    }
}

#[cfg(feature = "stream")]
impl<S: futures_core::Stream> Source for Streamed<S> {
    type Item = S::Item;

    fn poll_item(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<S::Item>> {
        self.project().stream.poll_next(cx)
    }

    /// It says when it has none.
    fn at_hand(&self) -> usize {
        usize::MAX
    }

    fn is_over(&self) -> bool {
        self.stream.size_hint().1 == Some(0)
    }
}

#[cfg(feature = "stream")]
impl<S> fmt::Debug for Streamed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streamed")
    }
}

mod sealed {
    pub trait Sealed {}
    impl<I: Iterator> Sealed for super::Iter<I> {}
    #[cfg(feature = "stream")]
    impl<S: futures_core::Stream> Sealed for super::Streamed<S> {}
}
