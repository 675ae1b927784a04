//! Planted faults: the negative controls of the model checker and the sanitizers.
//!
//! A checker that never objects proves nothing. Each fault below breaks one step of one protocol on purpose; the
//! checking suites plant it and fail unless the checker objects. In every build that ships, [`planted`] is the
//! constant `false` and nothing of this remains: faults exist only under `cfg(loom)`, `cfg(shuttle)` and `cfg(headcount_fault)`.
#![cfg_attr(
    not(any(loom, shuttle, headcount_fault)),
    expect(unreachable_pub, reason = "public only where faults are planted")
)]
#![cfg_attr(not(feature = "std"), expect(dead_code, reason = "some faults are in what needs std"))]

use core::sync::atomic::Ordering;

/// One deliberate mistake each, named after the step it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Fault {
    /// E1 broken: a member's end no longer publishes its work (quiet mode).
    RelaxedDone = 1,
    /// E2 broken: the same for an end that is entered in the tally (watched mode).
    RelaxedRecord,
    /// A waiter lists itself after looking at the count, without looking again under the lock.
    LookThenList,
    /// A thread goes to sleep without saying so, so that its waker sees no need to wake it.
    SleepUnannounced,
    /// The end of a round does not close it: waits of this round and the next become one.
    RoundNotClosed,
    /// Watching ends although a member has just gone out.
    QuietTooSoon,
    /// Watching ends without a look at the tally: somebody may be on the way back.
    TallyUnlooked,
    /// A member that goes out leaves the mark of closing, so that its coming and going stays unseen.
    ClosingKept,
    /// A wait for "at most n" does not announce itself to the members' ends.
    AtMostUnannounced,
    /// A future polled again with another waker keeps the first one.
    StaleWaker,
    /// A future dropped while listed stays in the list.
    DropStaysListed,
    /// The last member gives up its hold on the group before it wakes the waiters.
    NoHoldWhileWaking,
    /// A child takes its seat without looking whether the parent is cancelled.
    SeatUnlooked,
    /// A second canceller of a node leaves the walk to the first and returns before it is over.
    SecondDoesNotHelp,
    /// A callback is registered without looking whether the context is cancelled.
    CallUnlooked,
    /// A callback is registered without leaving word for the last handle, which then lets it go unrun.
    CallUnannounced,
    /// The last worker that looks for jobs goes to sleep without a word to the pushers.
    IdleUnannounced,
    /// A job's end frees slots, and nobody is told for whom they are enough.
    SlotsUnoffered,
    /// The limit is raised, and nobody looks what may start now.
    LimitUnlooked,
    /// Who waits for its turn looks, and sleeps without looking again after it has left its handle.
    TurnUnheard,
    /// A turn that is given up when it has just been granted keeps its slots.
    TurnKept,
    /// G2 broken: a member's end no longer publishes its value.
    RelaxedEnd,
    /// G3 broken: a member that leaves its page no longer publishes what it did.
    RelaxedPage,
    /// A value is taken without a look at whether its member has ended, and whether it has been taken.
    TakenUnlooked,
    /// A member that leaves its waker does not look whether it has been called off.
    CalledOffUnseen,
    /// Whoever leaves a page to its pen alone does not look whether somebody waits.
    PenKept,
    /// The timer's thread ends after its idle time without looking whether a deadline was set meanwhile.
    IdleUnlooked,
    /// A deadline earlier than all before it does not wake the timer's thread.
    EarlierUnheard,
    /// The timer's thread looks for the first deadline, and only then, under the lock anew, says until when it sleeps.
    LookThenSleep,
    /// The last deadline is taken back, and the timer's thread sleeps on for it.
    LastGoneUnheard,
    /// A wait closes its group without a look at whether somebody has just been registered.
    CloseUnlooked,
    /// The waker of who takes results is taken out before the result is put in.
    WakerThenResult,
    /// Whoever takes results is woken before the group's count has reached zero.
    HintThenDone,
    /// Whoever gives slots back looks at the queue before, and not in the same breath.
    LookThenGiveBack,
    /// Whoever queues does not look afterwards whether the group has been cancelled.
    QueuedUnlooked,
    /// A turn is granted without a look at whether it was given up.
    TurnUnlooked,
    /// A scope looks who was woken before it leaves its waker, and not in the same breath.
    LookThenLeave,
    /// A scope ends although somebody has been counted out who is still on the way to it.
    ScopeUnclosed,
    /// Whoever makes a member ready looks who is coming before it is in the queue, and not in the same breath.
    LookThenReady,
    /// A carrier that is dropped says that it comes no more after it has looked who is ready, and not in the same breath.
    DroppedUnlooked,
    /// A carrier takes several members along and sees to nobody who comes for the others.
    TrayUnseen,
    /// A carrier goes home without a look at whether a member that it polled is ready again.
    HomeUnlooked,
    /// The last carrier that has something to do leaves the others at home.
    LastUntold,
    /// Whoever waits for the results of threads sleeps without looking whether anybody is out still.
    EndUnlooked,
    /// A worker of a pipeline that puts an item out does not look whether anybody sleeps below.
    IdleUnrung,
    /// A worker of a pipeline is listed as asleep and sleeps, without another look into the outboxes.
    ListThenSleep,
    /// Room is made in a full outbox, and whoever waits for it is not told.
    RoomUnheard,
    /// The last worker of a stage closes, and nobody below is told.
    CloseUnheard,
    /// The last worker of a stage leaves, and nobody above is told.
    GoneUnheard,
    /// Who found a map's window closed rests without looking again after it has said so.
    RestUnlooked,
    /// Who takes a map's results looks at the shelves, and only then says that it will rest.
    ShelvesUnlooked,
    /// Who finds a map's source exhausted leaves without a look at what others have taken and not begun.
    TraysUnlooked,
    /// Who takes a spawned map's values leaves its waker without another look.
    ValueUnlooked,
    /// A lane whose member waits starts nobody in its stead.
    LaneUnseen,
    /// Who wakes a member of a map looks whether the map sleeps before saying whom it woke.
    BellUnlooked,
    /// A map that goes to sleep does not look whether a member was woken meanwhile.
    SleepUnlooked,
    /// A second call of a body is counted out after it was seen that the first has not ended, and not in the same breath.
    SecondUncounted,
}

#[cfg(any(loom, shuttle, headcount_fault))]
impl Fault {
    /// The faults of counting, waiting and the tree: loom must object to each.
    pub const PROTOCOLS: [Self; 16] = [
        Self::RelaxedDone,
        Self::RelaxedRecord,
        Self::LookThenList,
        Self::SleepUnannounced,
        Self::RoundNotClosed,
        Self::QuietTooSoon,
        Self::TallyUnlooked,
        Self::ClosingKept,
        Self::AtMostUnannounced,
        Self::StaleWaker,
        Self::DropStaysListed,
        Self::NoHoldWhileWaking,
        Self::SeatUnlooked,
        Self::SecondDoesNotHelp,
        Self::CallUnlooked,
        Self::CallUnannounced,
    ];

    /// The faults of groups, and of groups of tasks: loom must object to each.
    pub const GROUPS: [Self; 15] = [
        Self::RelaxedEnd,
        Self::RelaxedPage,
        Self::TakenUnlooked,
        Self::CalledOffUnseen,
        Self::PenKept,
        Self::CloseUnlooked,
        Self::WakerThenResult,
        Self::HintThenDone,
        Self::LookThenGiveBack,
        Self::QueuedUnlooked,
        Self::TurnUnlooked,
        Self::LookThenLeave,
        Self::ScopeUnclosed,
        Self::LookThenReady,
        Self::DroppedUnlooked,
    ];

    /// The faults of the threads of a scope: loom must object to each.
    pub const THREADS: [Self; 10] = [
        Self::IdleUnannounced,
        Self::SlotsUnoffered,
        Self::LimitUnlooked,
        Self::TurnUnheard,
        Self::TurnKept,
        Self::EndUnlooked,
        Self::RestUnlooked,
        Self::ShelvesUnlooked,
        Self::TraysUnlooked,
        Self::SecondUncounted,
    ];

    /// The faults of pipelines' hand-offs: loom must object to each.
    pub const PIPELINES: [Self; 5] =
        [Self::IdleUnrung, Self::ListThenSleep, Self::RoomUnheard, Self::CloseUnheard, Self::GoneUnheard];
    /// The faults of maps on the caller's own task: loom must object to each.
    pub const TASK_MAPS: [Self; 2] = [Self::BellUnlooked, Self::SleepUnlooked];

    /// The faults of the timer: shuttle must object to each.
    pub const TIMER: [Self; 4] =
        [Self::IdleUnlooked, Self::EarlierUnheard, Self::LookThenSleep, Self::LastGoneUnheard];

    /// The faults of spawned maps: shuttle must object to each.
    pub const LANES: [Self; 2] = [Self::ValueUnlooked, Self::LaneUnseen];

    /// The faults of carriers that take too many members for loom: shuttle must object to each.
    pub const CARRIERS: [Self; 3] = [Self::TrayUnseen, Self::HomeUnlooked, Self::LastUntold];

    /// The fault of this name.
    pub fn named(name: &str) -> Option<Self> {
        let groups =
            Self::GROUPS.into_iter().chain(Self::THREADS).chain(Self::TASK_MAPS).chain(Self::PIPELINES);
        let mut all = Self::PROTOCOLS
            .into_iter()
            .chain(groups)
            .chain(Self::TIMER)
            .chain(Self::CARRIERS)
            .chain(Self::LANES);
        all.find(|fault| alloc::format!("{fault:?}") == name)
    }
}

#[cfg(any(loom, shuttle, headcount_fault))]
mod planting {
    use super::Fault;
    use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

    // One process plants one fault before its threads start; no ordering is needed.
    static PLANTED: AtomicU8 = AtomicU8::new(0);

    /// Plants `fault` for the rest of the process.
    pub fn plant(fault: Fault) {
        // Relaxed: see `PLANTED`.
        PLANTED.store(fault as u8, Relaxed);
    }

    pub(crate) fn planted(fault: Fault) -> bool {
        // Relaxed: see `PLANTED`.
        PLANTED.load(Relaxed) == fault as u8
    }
}
#[cfg(any(loom, shuttle, headcount_fault))]
pub use planting::plant;
#[cfg(any(loom, shuttle, headcount_fault))]
pub(crate) use planting::planted;

#[cfg(not(any(loom, shuttle, headcount_fault)))]
#[inline(always)]
pub(crate) const fn planted(_: Fault) -> bool {
    false
}

/// `right`, unless `fault` is planted: then no ordering at all.
#[inline(always)]
pub(crate) fn ordering(fault: Fault, right: Ordering) -> Ordering {
    // Relaxed: the fault that is planted.
    if planted(fault) { Ordering::Relaxed } else { right }
}
