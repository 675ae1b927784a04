//! `raw::WaitGroup` and `WaitGroup` without std: counting, async waits, names and the roll call.
#![no_std]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Waker};

use headcount::{WaitGroup, raw};

static IN_FLIGHT: raw::WaitGroup = raw::WaitGroup::new();

/// Uses everything that is there without std; true if all went well.
#[unsafe(no_mangle)]
pub extern "C" fn headcount_without_std() -> bool {
    let mut cx = Context::from_waker(Waker::noop());

    IN_FLIGHT.add(1);
    let mut wait = pin!(IN_FLIGHT.wait_async());
    let pending = wait.as_mut().poll(&mut cx).is_pending();
    IN_FLIGHT.done();
    let ready = wait.poll(&mut cx).is_ready();

    let group = WaitGroup::tracked();
    let token = group.add_named("interrupt");
    let listed = group.roll_call().iter().any(|member| member.name() == Some("interrupt") && member.age().is_none());
    drop(token);
    let empty = pin!(group.wait_async()).poll(&mut cx).is_ready();

    pending && ready && listed && empty
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// As little memory as the program needs, given out once and never taken back.
struct Bump {
    memory: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

const SIZE: usize = 64 * 1024;

// SAFETY: B1, no two allocations overlap: each takes its bytes by one atomic addition.
unsafe impl Sync for Bump {}

// SAFETY: B1, and the bytes are inside the array, which is checked, and aligned, which is rounded up to.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let room = layout.size() + layout.align();
        let start = self.used.fetch_add(room, Ordering::Relaxed);
        if start + room > SIZE {
            return core::ptr::null_mut();
        }
        let first = self.memory.get().cast::<u8>().wrapping_add(start);
        first.wrapping_add(first.align_offset(layout.align()))
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static MEMORY: Bump = Bump { memory: UnsafeCell::new([0; SIZE]), used: AtomicUsize::new(0) };
