//! Rounds: a group used again and again, by racing threads and by futures. No wake-up is lost, none comes twice.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use headcount::{Token, WaitGroup};

use crate::{Poller, within};

const ROUNDS: usize = 500;
const WORKERS: usize = 3;

/// Workers that drop what tokens they are sent.
fn workers() -> (Vec<mpsc::Sender<Token>>, Vec<thread::JoinHandle<()>>) {
    (0..WORKERS)
        .map(|_| {
            let (sender, receiver) = mpsc::channel::<Token>();
            (sender, thread::spawn(move || receiver.iter().for_each(drop)))
        })
        .unzip()
}

#[test]
fn hundreds_of_rounds_release_a_blocked_waiter_each() {
    within(|| {
        let group = WaitGroup::new();
        let (senders, threads) = workers();
        for _ in 0..ROUNDS {
            senders.iter().for_each(|sender| sender.send(group.add()).unwrap());
            group.wait();
            assert_eq!(group.outstanding(), 0);
        }
        drop(senders);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn hundreds_of_rounds_wake_a_future_once_each() {
    within(|| {
        let group = WaitGroup::new();
        let (senders, threads) = workers();
        for _ in 0..ROUNDS {
            let poller = Poller::new();
            let guard = group.add();
            senders.iter().for_each(|sender| sender.send(group.add()).unwrap());
            let mut wait = pin!(group.wait_async());
            assert!(!poller.poll(wait.as_mut()), "the guard is out");
            drop(guard);
            while poller.wakes() == 0 {
                thread::yield_now();
            }
            assert!(poller.poll(wait.as_mut()));
            // The next round begins at once; the old wake-up must not be given again.
            drop(group.add());
            assert_eq!(poller.wakes(), 1);
        }
        drop(senders);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn many_waiters_of_both_kinds_share_each_round() {
    within(|| {
        let group = WaitGroup::new();
        let (begin, end) = (Arc::new(Barrier::new(WORKERS + 1)), Arc::new(Barrier::new(WORKERS + 1)));
        let returned = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..WORKERS)
            .map(|_| {
                let (group, begin, end, returned) =
                    (group.clone(), begin.clone(), end.clone(), returned.clone());
                thread::spawn(move || {
                    for _ in 0..ROUNDS {
                        begin.wait();
                        group.wait();
                        returned.fetch_add(1, Ordering::SeqCst);
                        end.wait();
                    }
                })
            })
            .collect();
        for round in 1..=ROUNDS {
            let token = group.add();
            let poller = Poller::new();
            let mut wait = pin!(group.wait_async());
            assert!(!poller.poll(wait.as_mut()));
            begin.wait();
            drop(token);
            end.wait();
            assert_eq!(returned.load(Ordering::SeqCst), round * WORKERS);
            assert_eq!(poller.wakes(), 1);
            assert!(poller.poll(wait.as_mut()));
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_round_ends_for_its_waiters_while_the_next_is_held_open() {
    within(|| {
        for _ in 0..ROUNDS {
            let group = WaitGroup::new();
            let (first, poller) = (group.add(), Poller::new());
            let mut wait = pin!(group.wait_async());
            assert!(!poller.poll(wait.as_mut()));
            let blocked = group.clone();
            let waiter = thread::spawn(move || blocked.wait());
            while !format!("{group:?}").contains("waiting: 2") {
                thread::yield_now();
            }
            drop(first);
            let second = group.add();
            waiter.join().unwrap();
            assert!(poller.poll(wait.as_mut()));
            assert_eq!(group.outstanding(), 1);
            drop(second);
        }
    });
}

/// Adders that open rounds while waiters arrive and leave by every door. Whatever happens, at the end nobody is out,
/// nobody is listed, and everyone has returned.
#[test]
fn a_crowd_of_adders_and_waiters_always_comes_home() {
    within(|| {
        let group = WaitGroup::new();
        let adders = (0..2).map(|seed: usize| {
            let group = group.clone();
            thread::spawn(move || {
                for n in 0..20_000_usize {
                    match (n * 7 + seed) % 5 {
                        0 => drop(group.add_many(3)),
                        1 => {
                            let token = group.add();
                            drop((token.clone(), token));
                        }
                        2 => drop(group.add_named("named")),
                        _ => drop(group.add()),
                    }
                }
            })
        });
        let waiters = (0..2).map(|seed: usize| {
            let group = group.clone();
            thread::spawn(move || {
                for n in 0..2000_usize {
                    match (n + seed) % 5 {
                        0 => group.wait(),
                        1 => drop(group.wait_timeout(std::time::Duration::from_micros(n as u64 % 7))),
                        2 => group.wait_at_most(1),
                        3 => {
                            let mut wait = pin!(group.wait_async());
                            let _ = Poller::new().poll(wait.as_mut());
                        }
                        _ => {
                            let poller = Poller::new();
                            let mut wait = pin!(group.wait_at_most_async(n % 3));
                            while !poller.poll(wait.as_mut()) {
                                thread::yield_now();
                            }
                        }
                    }
                }
            })
        });
        let threads: Vec<_> = adders.chain(waiters).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        group.wait();
        assert_eq!(format!("{group:?}"), "WaitGroup { outstanding: 0, waiting: 0 }");
    });
}
