//! A carrier, as its executor polls it. What it does when is decided at the desk; see `carriers`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::carriers::{Carriers, Then};
use super::desk::Tray;

pub(super) struct Carrier {
    carriers: Arc<Carriers>,
    tray: Arc<Tray>,
    /// How often it comes again before it goes home.
    linger: u32,
    has_ended: bool,
}

impl Carrier {
    pub(super) fn new(carriers: Arc<Carriers>, tray: Arc<Tray>) -> Self {
        Self { carriers, tray, linger: 0, has_ended: false }
    }
}

impl Future for Carrier {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.has_ended {
            return Poll::Ready(());
        }
        this.carriers.arrive(&this.tray);
        let carried = this.carriers.carry_all(&this.tray);
        match this.carriers.depart(&this.tray, cx.waker(), &carried, &mut this.linger) {
            Then::Yield => cx.waker().wake_by_ref(),
            Then::Home => {}
            Then::End => {
                this.has_ended = true;
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        if !self.has_ended {
            self.carriers.is_dropped(&self.tray);
        }
    }
}
