//! What the roll of a map is called from: which items are being run, as those say who run them.
//!
//! A map has no members in a book: an item costs less than a line there would. So whoever runs items one after the other, a
//! thread or a lane of tasks, has a spot here, on which it says which item it is at; and whoever runs many at once says how
//! many. Both are one plain store. The tab is told what happens and never steers.

use std::sync::{Arc, Weak};

use crate::context::Context;
use crate::group::Title;
use crate::roll::registry::{self, Listed, Registered};
use crate::roll::{Heading, Missing, RollCall, State};
use crate::sync::{AtomicU8, AtomicU64, Relaxed};
use crate::time::Moment;
use crate::wait::lock::Lock;
use crate::who::threads::{self, Pause, Seen, Thread};
use crate::who::{self, Id};

#[derive(Debug)]
pub(crate) struct Tab {
    id: Id,
    title: Title,
    /// The map's.
    ctx: Context,
    limit: Option<usize>,
    /// A leaf among the locks.
    spots: Lock<Vec<Weak<Spot>>>,
    _registered: Registered,
}

/// Where one says what it runs, as long as it keeps this. On cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Spot {
    /// The item that is being run, from one; zero for none.
    item: AtomicU64,
    /// How many items are out which are only counted.
    counted: AtomicU64,
    /// What the item waits for, a [`Pause`], as far as it has said so.
    pause: AtomicU8,
    /// When it took what it has in hand, in nanoseconds after `opened`.
    since: AtomicU64,
    opened: Moment,
    runner: Runner,
}

/// Who runs the items.
#[derive(Debug)]
enum Runner {
    /// A thread: nobody can end what it runs.
    Thread(Thread),
    /// The lane of tasks that is this member of its group, in one [word](threads::word); zero until it is polled. It can be ended
    /// where it stands.
    Lane(AtomicU64),
}

impl Tab {
    pub(crate) fn open(id: Id, title: Title, ctx: Context, limit: Option<usize>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            id,
            title,
            ctx,
            limit,
            spots: Lock::new(Vec::new()),
            _registered: registry::register(id, this),
        })
    }

    /// A spot for this thread, which is going to run items.
    pub(crate) fn spot_of_thread(&self) -> Arc<Spot> {
        self.spot(Runner::Thread(Thread::current()))
    }

    /// One for tasks.
    pub(crate) fn spot_of_tasks(&self) -> Arc<Spot> {
        self.spot(Runner::Lane(AtomicU64::new(0)))
    }

    fn spot(&self, runner: Runner) -> Arc<Spot> {
        let [item, counted, since] = [(); 3].map(|()| AtomicU64::new(0));
        let spot = Arc::new(Spot {
            item,
            counted,
            since,
            pause: AtomicU8::new(Pause::None as u8),
            opened: Moment::now(),
            runner,
        });
        let mut spots = self.spots.lock();
        // Whoever has gone makes room for who comes, so that there are no more than ever were there at once, twice over.
        if spots.len() == spots.capacity() {
            spots.retain(|spot| spot.strong_count() > 0);
        }
        spots.push(Arc::downgrade(&spot));
        spot
    }
}

impl Spot {
    /// Items have been taken in hand, to be run one after the other from now on.
    pub(crate) fn takes(&self) {
        let after = Moment::now().since(self.opened).unwrap_or_default();
        // Relaxed: a picture of one moment, it orders nothing.
        self.since.store(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// The items are run by the member that runs here, from now on.
    pub(crate) fn is_run_here(&self) {
        if let (Runner::Lane(lane), Some(here)) = (&self.runner, who::here()) {
            // Relaxed: a picture.
            lane.store(threads::word(here.group, here.number), Relaxed);
        }
    }

    /// This item is begun.
    #[inline]
    pub(crate) fn is_at(&self, index: usize) {
        // Relaxed: a picture.
        self.item.store(index as u64 + 1, Relaxed);
    }

    /// The item is pending, and waits for this.
    pub(crate) fn pauses(&self, pause: Pause) {
        // Relaxed: a picture.
        self.pause.store(pause as u8, Relaxed);
    }

    /// No item is being run.
    #[inline]
    pub(crate) fn rests(&self) {
        // Relaxed: a picture.
        self.item.store(0, Relaxed);
    }

    /// So many are out.
    pub(crate) fn counts(&self, out: usize) {
        // Relaxed: a picture.
        self.counted.store(out as u64, Relaxed);
    }
}

impl Listed for Tab {
    fn roll_call(&self, seen: &Seen) -> RollCall {
        let spots: Vec<_> = self.spots.lock().iter().filter_map(Weak::upgrade).collect();
        let (now, place) = (Moment::now(), self.title.place());
        let state = if self.ctx.is_cancelled() { State::Cancelled } else { State::Running };
        let mut counted = 0;
        let mut missing = Vec::new();
        for spot in spots {
            // Relaxed, both: a roll call is a picture of one moment, and orders nothing.
            counted += spot.counted.load(Relaxed) as usize;
            let item = spot.item.load(Relaxed);
            if item > 0 {
                let age = now.since(spot.opened.plus(spot.since.load(Relaxed)));
                let item = Missing::member(item, None, place, age, state);
                let (stoppable, thread) = match &spot.runner {
                    Runner::Thread(thread) => (false, thread.look()),
                    Runner::Lane(lane) => {
                        // Relaxed: of the same picture.
                        let lane = lane.load(Relaxed);
                        (true, seen.thread_of(lane).map(|(name, pause)| (Arc::clone(name), pause)))
                    }
                };
                // Relaxed: of the same picture; who is pending has said so before or says it a moment later.
                let item = item.pausing(Pause::kept_as(spot.pause.load(Relaxed)));
                missing.push(item.stoppable(stoppable).seen_on(thread, self.id, false, seen));
            }
        }
        let name = self.title.name().cloned();
        let heading = Heading { what: "map", name, place: Some(place), total: None, limit: self.limit };
        let out = counted + missing.len();
        RollCall::counted(heading, out, missing)
    }
}
