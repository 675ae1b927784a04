//! Members that nobody runs but themselves: tasks that a wait group has launched.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use pin_project_lite::pin_project;

use super::{Here, enter, gone};

pin_project! {
    /// A member that is nothing but a future, and has no group that runs it.
    pub(crate) struct Attending<F> {
        here: Here,
        left: i32,
        #[pin]
        future: F,
    }

    impl<F> PinnedDrop for Attending<F> {
        fn drop(this: Pin<&mut Self>) {
            if this.left != 0 {
                gone(this.here);
            }
        }
    }
}

impl<F> Attending<F> {
    pub(crate) fn new(here: Here, future: F) -> Self {
        Self { here, left: 0, future }
    }
}

impl<F: Future> Future for Attending<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        let inside = enter(*this.here);
        let polled = this.future.poll(cx);
        *this.left += inside.left();
        polled
    }
}
