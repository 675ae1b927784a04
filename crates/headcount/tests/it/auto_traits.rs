//! Which types may cross threads, be pinned loosely, and be used after a panic: the table.

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};

use headcount::{
    BoxError, Cancelled, Canceller, CollectAll, Context, ContextWait, Crew, CrewStopError, Discard,
    DrivenClock, Ended, ErrorBudget, FailFast, FirstOk, GroupError, GroupWait, HowEnded, Member, MemberError,
    Missing, Name, OnCancel, Outcome, PanicReport, Panics, PostError, Quorum, RollCall, RunAsync, State,
    Tally, Timeline, TimelineMember, TimelineSummary, Token, Tokens, Trial, Verdict, Wait,
    WaitCancelledError, WaitGroup, WaitTimeoutError, WouldDeadlock, raw, task, thread,
};

const fn thread_safe<T: Send + Sync>() {}
const fn sendable<T: Send>() {}
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
        GroupWait<'static>: thread_safe unwind_safe;
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
        Member: thread_safe unwind_safe unpin;
        PanicReport: thread_safe unwind_safe unpin;
        Panics: thread_safe unwind_safe unpin;
        Tally: thread_safe unwind_safe unpin;
        Timeline: thread_safe unwind_safe unpin;
        TimelineMember: thread_safe unwind_safe unpin;
        TimelineSummary: thread_safe unwind_safe unpin;
        HowEnded: thread_safe unwind_safe unpin;
        Verdict: thread_safe unwind_safe unpin;
        // Errors of others are inside, and a `Cancelled`, which has one too.
        BoxError: thread_safe unpin;
        MemberError: thread_safe unpin;
        MemberError<std::fmt::Error>: thread_safe unpin;
        GroupError: thread_safe unpin;
        GroupError<std::fmt::Error>: thread_safe unpin;
        Ended<u8>: thread_safe unpin;
        Outcome<'static, u8>: thread_safe unpin;
        Trial<u8>: thread_safe unpin;
        Crew<Cell<u8>, Cell<u8>>: thread_safe unpin;
        CrewStopError<std::fmt::Error>: thread_safe unpin;
        PostError<u8>: thread_safe unpin;
        FailFast: thread_safe unwind_safe unpin;
        CollectAll: thread_safe unwind_safe unpin;
        FirstOk: thread_safe unwind_safe unpin;
        Quorum: thread_safe unwind_safe unpin;
        ErrorBudget: thread_safe unwind_safe unpin;
        Discard: thread_safe unwind_safe unpin;
        WouldDeadlock: thread_safe unwind_safe unpin;
        State: thread_safe unwind_safe unpin;
        task::Group<Cell<u8>>: thread_safe unpin;
        task::Group<u8, std::fmt::Error, CollectAll>: thread_safe unpin;
        task::Spawner<Cell<u8>>: thread_safe unpin;
        task::Results<Cell<u8>>: thread_safe unpin;
        // A value that may not be shared may be handed over.
        task::Fork<Cell<u8>>: thread_safe unpin;
        task::GroupTimeoutError<task::Group<u8>>: thread_safe unpin;
        task::Scope<'static, Cell<u8>>: thread_safe unpin;
        task::Map<task::Iter<std::ops::Range<u8>>>: thread_safe unpin;
        task::Spawned<task::Iter<std::ops::Range<u8>>>: thread_safe unpin;
        // What waits for its members is a future of any kind, which need not be shareable.
        task::MapResults<Cell<u8>>: sendable unpin;
        thread::Scope<Cell<u8>>: thread_safe unpin;
        thread::Group<'static, 'static, Cell<u8>>: thread_safe unpin;
        thread::Map<std::vec::IntoIter<u8>>: thread_safe unpin;
        thread::Spawner<'static, 'static, Cell<u8>>: thread_safe unpin;
        task::SubmitError<fn()>: thread_safe unpin;
        task::TrySpawnError<fn()>: thread_safe unpin;
    }
}

#[test]
fn a_token_is_two_words() {
    assert_eq!(size_of::<Token>(), 2 * size_of::<usize>());
    assert_eq!(size_of::<Option<Token>>(), size_of::<Token>());
    assert_eq!(size_of::<WaitGroup>(), size_of::<usize>());
}

#[test]
fn a_group_error_is_one_word() {
    assert_eq!(size_of::<Result<(), GroupError>>(), size_of::<usize>());
    assert_eq!(size_of::<BoxError>(), size_of::<Box<dyn std::error::Error>>());
}

/// Futures lie around in great numbers, and each is touched when it is released.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_wait_is_one_cache_line() {
    assert!(size_of::<Wait<'static>>() <= 64);
}

/// The futures of a group may be awaited by tasks, which move from thread to thread.
#[test]
fn the_futures_of_a_group_may_be_sent() {
    fn sent<F: Future + Send>(_: F) {}
    let group = || task::Group::<Cell<u8>>::new(&Context::background()).on(drop);
    sent(group().wait());
    sent(group().wait_timeout(std::time::Duration::ZERO));
    sent(group().wait_deadline(std::time::Instant::now()));
    sent(group().wait_idle());
    sent(group().wait_idle_timeout(std::time::Duration::ZERO));
    sent(group().stream().next());
    sent(group().submit(|_| async { headcount::ok(Cell::new(1)) }));
}

/// So may those of maps, if what they are made of may.
#[test]
fn the_futures_of_a_map_may_be_sent() {
    fn sent<F: Future + Send>(_: F) {}
    let work = |_, n: u8| async move { headcount::ok(Cell::new(n)) };
    sent(task::map(0..3).run(work));
    sent(task::map(0..3).fold(0, work, |sum, n| sum + n.get()));
    sent(task::map(0..3).spawned().run(work));
    sent(task::map(0..3).spawned().fold(0, work, |sum, n| sum + n.get()));
    sent(task::map(0..3).spawned().for_each(|_, _| async { headcount::ok(()) }));
}
