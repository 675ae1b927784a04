//! What waiting and counting cost in memory: counted by an allocator that knows which thread asked.
//!
//! A test binary of its own, because the allocator is a property of the whole process.
#![cfg(all(not(loom), feature = "std"))]
#![expect(unsafe_code, reason = "a global allocator is an unsafe trait; this one counts and passes on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use headcount::{WaitGroup, raw};

thread_local! {
    /// Allocations of this thread, and bytes it has not given back.
    static ASKED: Cell<(usize, isize)> = const { Cell::new((0, 0)) };
}

fn count(allocations: usize, bytes: isize) {
    // A thread that is ending has no place to count any more, and is not measured.
    let _ = ASKED.try_with(|asked| asked.set((asked.get().0 + allocations, asked.get().1 + bytes)));
}

struct Counting;

// SAFETY: A1, every call is passed on to the system's allocator unchanged, whose promises are the ones asked for.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as isize);
        // SAFETY: A1.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, -(layout.size() as isize));
        // SAFETY: A1.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations `f` made on this thread, and how many bytes it kept.
fn cost(f: impl FnOnce()) -> (usize, isize) {
    let before = ASKED.get();
    f();
    let after = ASKED.get();
    (after.0 - before.0, after.1 - before.1)
}

fn poll(wait: std::pin::Pin<&mut impl Future>) -> bool {
    wait.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// A thread's own handle is allocated when it first blocks, by std; that is not the wait's doing.
fn warm_up() {
    drop(std::thread::current());
    std::thread::park_timeout(Duration::ZERO);
}

#[test]
fn raw_never_allocates() {
    warm_up();
    let counted = cost(|| {
        let group = raw::WaitGroup::new();
        group.add(3);
        let mut wait = pin!(group.wait_async());
        assert!(!poll(wait.as_mut()));
        group.add(-2);
        group.done();
        assert!(poll(wait));
        group.wait();
    });
    assert_eq!(counted, (0, 0));
    static GROUP: raw::WaitGroup = raw::WaitGroup::new();
    let counted = cost(|| {
        for _ in 0..1000 {
            GROUP.add(2);
            let mut wait = pin!(GROUP.wait_async());
            assert!(!poll(wait.as_mut()));
            GROUP.add(-2);
            assert!(poll(wait));
        }
    });
    assert_eq!(counted, (0, 0));
}

#[test]
fn a_blocking_wait_does_not_allocate() {
    warm_up();
    let group = raw::WaitGroup::new();
    group.add(1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !format!("{group:?}").contains("waiting: 1") {
                std::thread::yield_now();
            }
            group.done();
        });
        assert_eq!(cost(|| group.wait()), (0, 0));
    });
}

#[test]
fn a_wait_group_is_one_allocation_and_a_token_none() {
    // The list of all groups makes room for the first one of a thread.
    drop(WaitGroup::new());
    let mut group = None;
    assert_eq!(cost(|| group = Some(WaitGroup::new())).0, 1);
    let group = group.unwrap();
    let mut kept = Vec::with_capacity(1000);
    assert_eq!(cost(|| kept.extend((0..1000).map(|_| group.add()))), (0, 0));
    assert_eq!(cost(|| drop((kept[0].clone(), group.clone(), group.add_many(9)))), (0, 0));
    assert_eq!(cost(|| kept.clear()), (0, 0));
    let bytes = cost(|| drop(group)).1;
    assert!((-200..0).contains(&bytes), "a group takes {} bytes", -bytes);
}

#[test]
fn waits_allocate_nothing_and_leave_nothing() {
    warm_up();
    let group = WaitGroup::new();
    let token = group.add();
    let counted = cost(|| {
        for _ in 0..1000 {
            drop(group.wait_async());
            let mut wait = pin!(group.wait_async());
            assert!(!poll(wait.as_mut()));
            assert!(!poll(wait.as_mut()));
            let mut wait = pin!(group.wait_at_most_async(0));
            assert!(!poll(wait.as_mut()));
        }
    });
    assert_eq!(counted, (0, 0));
    // A timed-out wait allocates its error, and that is all: dropped, nothing remains.
    let mut kept = 0;
    for _ in 0..100 {
        kept += cost(|| drop(group.wait_timeout(Duration::ZERO).unwrap_err())).1;
    }
    assert_eq!(kept, 0);
    drop(token);
}

#[test]
fn a_roster_gives_its_memory_back_when_nobody_is_listed() {
    let group = WaitGroup::tracked();
    let kept = cost(|| {
        let crowd: Vec<_> = (0..100_000).map(|_| group.add()).collect();
        drop(crowd);
    });
    assert_eq!(kept.1, 0);
}

mod groups;
mod maps;
