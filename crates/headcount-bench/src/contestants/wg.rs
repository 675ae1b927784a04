//! wg: three types of one name. `sync` is a mutex and a condition variable, `spin` never sleeps, `future` can be awaited
//! and blocked on.

use std::hint::black_box;

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::wake::{self, Blocking};
use crate::timing::wake_async::{self, Awaited, Threads};
use crate::timing::{contended, one_thread};

/// The rows that the three types share, spelled once. `$wait` is how a thread blocks on the type.
macro_rules! counting {
    ($group:ty, $wait:ident, [$($more:expr),* $(,)?]) => {
        &[
            (Row::FromZero, |effort| {
                let group = <$group>::new();
                one_thread::alone(effort, || { black_box(group.add(1)).done(); })
            }),
            (Row::Beside, |effort| {
                let group = <$group>::from(1);
                one_thread::alone(effort, || { black_box(group.add(1)).done(); })
            }),
            (Row::Waited, |effort| {
                let group = <$group>::new();
                let kept = Ends(group.add(1));
                one_thread::while_waited(effort, kept, || group.$wait(), |kept| { black_box(kept.0.add(1)).done(); })
            }),
            (Row::TwoThreads, |effort| {
                let group = <$group>::from(1);
                contended::threads(effort, 2, |_| { black_box(group.add(1)).done(); })
            }),
            (Row::FourThreads, |effort| {
                let group = <$group>::from(1);
                contended::threads(effort, 4, |_| { black_box(group.add(1)).done(); })
            }),
            (Row::AtZero, |effort| {
                let group = <$group>::new();
                one_thread::alone(effort, || group.$wait())
            }),
            (Row::WakeSoon, |effort| wake::there_and_back::<$group>(effort, wake::SOON)),
            $($more),*
        ]
    };
}

/// A handle that counts itself back in when dropped, as the rows that wake ask for. The crate leaves that to its user.
pub(crate) struct Ends<G: Done>(G);

pub(crate) trait Done {
    fn back(&self);
}

impl<G: Done> Drop for Ends<G> {
    fn drop(&mut self) {
        self.0.back();
    }
}

macro_rules! blocking {
    ($group:ty, $wait:ident) => {
        impl Done for $group {
            fn back(&self) {
                self.done();
            }
        }
        impl Blocking for $group {
            type Member = Ends<$group>;
            fn new() -> Self {
                <$group>::new()
            }
            fn add(&mut self) -> Self::Member {
                Ends(<$group>::add(self, 1))
            }
            fn wait(&mut self) {
                <$group>::$wait(self);
            }
        }
    };
}

blocking!(::wg::WaitGroup, wait);
blocking!(::wg::spin::WaitGroup, wait);
blocking!(::wg::future::WaitGroup, wait_blocking);

impl Awaited for ::wg::future::WaitGroup {
    type Member = Ends<::wg::future::WaitGroup>;
    fn new() -> Self {
        ::wg::future::WaitGroup::new()
    }
    fn add(&mut self) -> Self::Member {
        Ends(::wg::future::WaitGroup::add(self, 1))
    }
    fn wait(&mut self) -> impl Future<Output = ()> + Send {
        ::wg::future::WaitGroup::wait(self)
    }
}

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "wg sync",
        role: Role::Peer,
        timings: counting!(
            ::wg::WaitGroup,
            wait,
            [
                (Row::WakeTwoCores, |effort| wake::there_and_back::<::wg::WaitGroup>(effort, wake::ASLEEP)),
                (Row::WakeOneCore, |effort| wake::there_and_back::<::wg::WaitGroup>(effort, wake::ONE_CORE))
            ]
        ),
    },
    // Not in row 4: it yields in a loop and is never asleep.
    Contestant { name: "wg spin", role: Role::Peer, timings: counting!(::wg::spin::WaitGroup, wait, []) },
    Contestant {
        name: "wg future",
        role: Role::Peer,
        timings: counting!(
            ::wg::future::WaitGroup,
            wait_blocking,
            [
                (Row::WakeTwoCores, |effort| wake::there_and_back::<::wg::future::WaitGroup>(
                    effort,
                    wake::ASLEEP
                )),
                (Row::WakeOneCore, |effort| wake::there_and_back::<::wg::future::WaitGroup>(
                    effort,
                    wake::ONE_CORE
                )),
                (Row::AsyncOne, |effort| wake_async::there_and_back::<::wg::future::WaitGroup>(
                    effort,
                    Threads::One
                )),
                (Row::AsyncMany, |effort| {
                    wake_async::there_and_back::<::wg::future::WaitGroup>(effort, Threads::Many)
                }),
            ]
        ),
    },
];
