//! Maps on the caller's own task: a member is woken while its map polls, goes to sleep, or is dropped.

use std::pin::pin;
use std::task::Waker;

use headcount::{ok, task};
use loom::future::block_on;
use loom::sync::Mutex;
use loom::thread;
use std::sync::Arc;

use crate::{CountedWaker, Slot, check};

/// A member's waker on its way to another thread, and whether it is to end.
#[derive(Clone)]
struct Post(Arc<Mutex<(Option<Waker>, bool)>>);

impl Post {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((None, false))))
    }

    /// Ends the member: by its waker if it has left one.
    fn send(&self) {
        let mut post = self.0.lock().unwrap();
        post.1 = true;
        let waker = post.0.take();
        drop(post);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Until it was sent.
    async fn arrive(&self) {
        std::future::poll_fn(|cx| {
            let mut post = self.0.lock().unwrap();
            if post.1 {
                return std::task::Poll::Ready(());
            }
            post.0 = Some(cx.waker().clone());
            std::task::Poll::Pending
        })
        .await;
    }
}

models! {
    /// M2: whoever wakes a member finds the map asleep, or the map finds the bit.
    a_member_is_woken_while_its_map_goes_to_sleep, 3 => {
        let post = Post::new();
        let sender = post.clone();
        let thread = thread::spawn(move || sender.send());
        let values = block_on(task::map(0..1).run(|_, n| {
            let post = &post;
            async move {
                post.arrive().await;
                ok(n)
            }
        }));
        assert_eq!(values.unwrap(), [0]);
        thread.join().unwrap();
    }

    /// M1: two on one word, woken from two threads; each has its poll.
    two_members_are_woken_at_once, 2 => {
        let posts = [Post::new(), Post::new()];
        let threads = posts.clone().map(|post| thread::spawn(move || post.send()));
        let values = block_on(task::map(&posts).run(|_, post| async move {
            post.arrive().await;
            ok(1)
        }));
        assert_eq!(values.unwrap(), [1, 1]);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    /// M3: nothing but the waker tells the member what was done before.
    what_was_done_before_a_wake_up_is_seen_by_the_poll, 3 => {
        let slot = Slot::new();
        let (sender, written) = (Post::new(), Arc::clone(&slot));
        let post = sender.clone();
        let waker = CountedWaker::new();
        let mut map = pin!(task::map(0..1).run(|_, _| {
            let (post, slot, mut first) = (&post, Arc::clone(&slot), true);
            std::future::poll_fn(move |cx| {
                if std::mem::take(&mut first) {
                    post.0.lock().unwrap().0 = Some(cx.waker().clone());
                    return std::task::Poll::Pending;
                }
                // Nobody wakes it but the thread that has written.
                std::task::Poll::Ready(ok(slot.read()))
            })
        }));
        assert!(!waker.poll_ready(&mut map));
        let waker = sender.0.lock().unwrap().0.take().expect("it was polled");
        let thread = thread::spawn(move || {
            written.fill();
            waker.wake();
        });
        assert_eq!(block_on(map).unwrap(), [1]);
        thread.join().unwrap();
    }

    /// W2: the map goes while its wakers are used; who is last frees the row.
    a_map_is_dropped_while_its_member_is_woken, 3 => {
        let post = Post::new();
        let waker = CountedWaker::new();
        let mut map = Box::pin(task::map(0..1).run(|_, n| {
            let post = post.clone();
            async move {
                post.arrive().await;
                ok(n)
            }
        }));
        assert!(!waker.poll_ready(&mut map));
        let sender = post.clone();
        let thread = thread::spawn(move || sender.send());
        drop(map);
        thread.join().unwrap();
        assert!(waker.wakes() <= 1);
    }

    /// A waker of who was in the slot before is used while another is in it: one poll too many, and no harm.
    a_late_waker_meets_who_has_the_slot_now, 2 => {
        let (first, second) = (Post::new(), Post::new());
        let posts = [&first, &second];
        let kept = Arc::new(Mutex::new(None));
        let mut map = pin!(task::map(0..2).limit(1).run(|_, n| {
            let (post, kept) = (posts[n], Arc::clone(&kept));
            async move {
                std::future::poll_fn(|cx| {
                    kept.lock().unwrap().get_or_insert_with(|| cx.waker().clone());
                    std::task::Poll::Ready(())
                })
                .await;
                post.arrive().await;
                ok(n)
            }
        }));
        let waker = CountedWaker::new();
        assert!(!waker.poll_ready(&mut map));
        let late = kept.lock().unwrap().clone().expect("it was polled");
        first.send();
        let sender = second.clone();
        let thread = thread::spawn(move || {
            late.wake();
            sender.send();
        });
        assert_eq!(block_on(map).unwrap(), [0, 1]);
        thread.join().unwrap();
    }
}
