//! Which types may cross threads, be pinned loosely, and be used after a panic: the table.

use std::panic::{RefUnwindSafe, UnwindSafe};

use headcount::{
    Cancelled, Canceller, Context, ContextWait, DrivenClock, Missing, Name, OnCancel, RollCall, RunAsync,
    Token, Tokens, Wait, WaitCancelledError, WaitGroup, WaitTimeoutError, raw,
};

const fn thread_safe<T: Send + Sync>() {}
const fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
const fn unpin<T: Unpin>() {}

macro_rules! table {
    ($($type:ty: $($trait:ident)*;)*) => { $($($trait::<$type>();)*)* };
}

#[test]
fn the_table_of_auto_traits_holds() {
    table! {
        WaitGroup: thread_safe unwind_safe unpin;
        raw::WaitGroup: thread_safe unwind_safe unpin;
        Token: thread_safe unwind_safe unpin;
        Tokens: thread_safe unwind_safe unpin;
        // Not `Unpin`: its place in the list of waiters is inside it.
        Wait<'static>: thread_safe unwind_safe;
        RollCall: thread_safe unwind_safe unpin;
        Missing: thread_safe unwind_safe unpin;
        Name: thread_safe unwind_safe unpin;
        Context: thread_safe unpin;
        Canceller: thread_safe unpin;
        Cancelled: thread_safe unpin;
        OnCancel: thread_safe unpin;
        DrivenClock: thread_safe unwind_safe unpin;
        ContextWait<'static>: thread_safe;
        RunAsync<'static, std::future::Ready<()>>: thread_safe;
        WaitCancelledError: thread_safe unpin;
        WaitTimeoutError: thread_safe unwind_safe unpin;
    }
}

#[test]
fn a_token_is_two_words() {
    assert_eq!(size_of::<Token>(), 2 * size_of::<usize>());
    assert_eq!(size_of::<Option<Token>>(), size_of::<Token>());
    assert_eq!(size_of::<WaitGroup>(), size_of::<usize>());
}

/// Futures lie around in great numbers, and each is touched when it is released.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_wait_is_one_cache_line() {
    assert!(size_of::<Wait<'static>>() <= 64);
}
