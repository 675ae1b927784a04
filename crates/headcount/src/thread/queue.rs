//! What waits for a slot, in the order in which it came: pages of jobs and turns.
//!
//! Pages, because a page changes hands as one: from the pusher's desk to the queue, and from the queue to a worker's
//! tray. One long ring would have to be copied whenever it grows, while everybody waits.

use std::collections::VecDeque;
use std::sync::Arc;

use super::turn::Seat;

/// A job, boxed, and after it has run what is left of it: an empty allocation.
///
/// Why not a boxed `FnOnce`, which is gone when it has run: freeing what another thread has allocated makes the two fight
/// over the allocator, which costs more than all that is done here. What is left goes back to the pushers with the page
/// that it came on, and is freed where the next one is allocated.
pub(crate) struct Job<'scope>(Box<dyn FnMut() + Send + 'scope>);

impl<'scope> Job<'scope> {
    /// `run` must not unwind.
    #[inline]
    pub(crate) fn new(run: impl FnOnce() + Send + 'scope) -> Self {
        let mut run = Some(run);
        Self(Box::new(move || {
            if let Some(run) = run.take() {
                run();
            }
        }))
    }

    /// Runs it, the first time. Nothing but memory is left of it afterwards.
    #[inline]
    pub(super) fn run(&mut self) {
        (self.0)();
    }
}

/// How many entries a page holds: so few that a page is not large to an allocator. Glibc's tidies up before it gives 1024
/// bytes or more, which would cost more than running a page of tiny jobs.
pub(super) const PAGE: usize = 40;
const _: () = assert!(PAGE * size_of::<Entry<'_>>() < 1000);

/// Larger ones are freed at once, so that what is kept stays small.
const LARGEST_SPENT: usize = 256;

/// Emptied pages kept for the pushers, with what is left of the jobs that were on them.
const SPARE: usize = 16;

/// One place in the queue.
pub(super) enum Entry<'scope> {
    /// A job, and how many slots it takes.
    Job(Job<'scope>, usize),
    /// Somebody waits for a slot without leaving a job.
    Turn(Arc<Seat>),
}

/// Up to [`PAGE`] entries, the oldest at the front.
#[derive(Default)]
pub(super) struct Page<'scope> {
    entries: VecDeque<Entry<'scope>>,
    /// How many entries are not jobs of weight 1.
    others: usize,
    /// Jobs that have run, for the pushers to free.
    spent: Vec<Job<'scope>>,
}

impl<'scope> Page<'scope> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many jobs are here; turns are none.
    pub(super) fn jobs(&self) -> usize {
        if self.others == 0 {
            return self.entries.len();
        }
        self.entries.iter().filter(|entry| matches!(entry, Entry::Job(..))).count()
    }

    #[inline]
    pub(super) fn push(&mut self, entry: Entry<'scope>) {
        self.others += usize::from(!is_light(&entry));
        self.entries.push_back(entry);
    }

    /// A job that was on this page, or on one before it, has run. Not more than a page of them is kept.
    #[inline]
    pub(super) fn keep_spent(&mut self, job: Job<'scope>) -> Option<Job<'scope>> {
        if self.spent.len() >= PAGE || size_of_val(&*job.0) > LARGEST_SPENT {
            return Some(job);
        }
        if self.spent.capacity() == 0 {
            self.spent.reserve_exact(PAGE);
        }
        self.spent.push(job);
        None
    }

    #[inline]
    pub(super) fn pop_spent(&mut self) -> Option<Job<'scope>> {
        self.spent.pop()
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Entry<'scope>> {
        let entry = self.entries.pop_front()?;
        self.others -= usize::from(!is_light(&entry));
        Some(entry)
    }
}

fn is_light(entry: &Entry<'_>) -> bool {
    matches!(entry, Entry::Job(_, 1))
}

/// All pages that wait. No page in it is empty.
#[derive(Default)]
pub(super) struct Queue<'scope> {
    pages: VecDeque<Page<'scope>>,
    spare: Vec<Page<'scope>>,
    /// Pages too many, to be freed outside the lock.
    pub(super) trash: Vec<Page<'scope>>,
    /// How many jobs the pages hold.
    jobs: usize,
}

impl<'scope> Queue<'scope> {
    pub(super) fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    pub(super) fn jobs(&self) -> usize {
        self.jobs
    }

    pub(super) fn front(&self) -> Option<&Entry<'scope>> {
        self.pages.front()?.entries.front()
    }

    pub(super) fn pop(&mut self) -> Option<Entry<'scope>> {
        let page = self.pages.front_mut()?;
        let entry = page.pop()?;
        if page.is_empty() {
            self.drop_front();
        }
        self.jobs -= usize::from(matches!(entry, Entry::Job(..)));
        Some(entry)
    }

    /// Appends what is in `page` and leaves an empty one with room in its place.
    pub(super) fn append(&mut self, page: &mut Page<'scope>) {
        if page.is_empty() {
            return;
        }
        self.jobs += page.jobs();
        // A page that was handed over when it had just begun may be filled up by the next one.
        if let Some(last) = self.pages.back_mut() {
            if last.len() + page.len() <= PAGE {
                last.others += std::mem::take(&mut page.others);
                last.entries.append(&mut page.entries);
                return;
            }
        }
        let fresh = self
            .spare
            .pop()
            .unwrap_or_else(|| Page { entries: VecDeque::with_capacity(PAGE), ..Page::default() });
        self.pages.push_back(std::mem::replace(page, fresh));
    }

    /// Puts back what was taken by [`take_light`](Self::take_light), before everything else.
    pub(super) fn put_back(&mut self, page: Page<'scope>) {
        if !page.is_empty() {
            self.jobs += page.jobs();
            self.pages.push_front(page);
        }
    }

    /// Moves up to `most` jobs of weight 1 from the front into `tray`, which is empty; not beyond the first page.
    pub(super) fn take_light(&mut self, most: usize, tray: &mut Page<'scope>) {
        let Some(page) = self.pages.front_mut() else { return };
        if page.others == 0 && page.len() <= most {
            self.jobs -= page.len();
            std::mem::swap(page, tray);
            self.drop_front();
            return;
        }
        while tray.len() < most && page.entries.front().is_some_and(is_light) {
            tray.entries.extend(page.entries.pop_front());
            self.jobs -= 1;
        }
        if page.is_empty() {
            self.drop_front();
        }
    }

    fn drop_front(&mut self) {
        if let Some(page) = self.pages.pop_front() {
            if self.spare.len() < SPARE && page.entries.capacity() >= PAGE {
                self.spare.push(page);
            } else {
                self.trash.push(page);
            }
        }
    }
}
