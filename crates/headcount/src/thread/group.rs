//! A group of threads, as the body of its scope holds it; and its members' results as they come.

use std::fmt;
use std::ops::Deref;

use super::Spawner;
use super::stream::Stream;
use crate::group::{BoxError, FailFast, Member, MemberError, Policy, Root};

/// The group of a [`Scope`](super::Scope), as the scope's body holds it.
///
/// Launching, asking and waiting are methods of [`Spawner`], which it dereferences to; members that are to spawn siblings
/// take a [`spawner`](Spawner::spawner) with them. It exists only while the body of its scope runs.
pub struct Group<'scope, 'env: 'scope, T, E = BoxError, P = FailFast>
where
    T: Send + 'env,
    E: Root + Send + 'env,
    P: Policy<T, E> + 'env,
{
    spawner: Spawner<'scope, 'env, T, E, P>,
}

impl<'scope, 'env: 'scope, T, E, P> Group<'scope, 'env, T, E, P>
where
    T: Send + 'env,
    E: Root + Send + 'env,
    P: Policy<T, E> + 'env,
{
    pub(super) fn new(spawner: Spawner<'scope, 'env, T, E, P>) -> Self {
        Self { spawner }
    }

    /// The members' results as they finish: an iterator that blocks until the next one is there, and ends when nobody is
    /// out.
    ///
    /// What is taken here does not appear in what the scope returns; what is left does. The policy still decides when the
    /// group is over. Members that were [forked](Spawner::fork) do not appear, unless they fail. A panic that is to be
    /// resumed is, at the end of the scope.
    ///
    /// # Panics
    ///
    /// If there is such an iterator already: they would take each other's results.
    ///
    /// # Cost
    ///
    /// Memory is that of the members that are out, and of the results that have not been taken: a group that is fed for ever
    /// may be taken from for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use headcount::{CollectAll, Context, thread};
    ///
    /// let scope = thread::Scope::with_policy(&Context::background(), CollectAll);
    /// let left = scope.run(|group| {
    ///     for n in 0..3 {
    ///         group.spawn(move |_| if n == 1 { Err("odd") } else { Ok(n) });
    ///     }
    ///     let (mut even, mut failed) = (0, 0);
    ///     for (member, result) in group.stream() {
    ///         match result {
    ///             Ok(n) => even += n,
    ///             Err(error) => {
    ///                 assert_eq!(error.to_string(), "odd");
    ///                 assert_eq!(member.index(), 1);
    ///                 failed += 1;
    ///             }
    ///         }
    ///     }
    ///     assert_eq!((even, failed), (2, 1));
    /// });
    /// assert!(left.is_empty());
    /// ```
    #[track_caller]
    pub fn stream(&self) -> Results<'_, 'scope, 'env, T, E, P> {
        let core = &self.team().core;
        let Some(stream) = Stream::open(core) else {
            panic!("{} has an iterator over its results already", core.title());
        };
        Results { stream, group: self }
    }
}

impl<'scope, 'env: 'scope, T, E, P> Deref for Group<'scope, 'env, T, E, P>
where
    T: Send + 'env,
    E: Root + Send + 'env,
    P: Policy<T, E> + 'env,
{
    type Target = Spawner<'scope, 'env, T, E, P>;

    fn deref(&self) -> &Self::Target {
        &self.spawner
    }
}

impl<'scope, 'env: 'scope, T, E, P> fmt::Debug for Group<'scope, 'env, T, E, P>
where
    T: Send + 'env,
    E: Root + Send + 'env,
    P: Policy<T, E> + 'env,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spawner.describe(f, "thread::Group")
    }
}

/// The results of a group's members, as they finish; from [`Group::stream`].
///
/// It gives nothing when nobody is out; after that it may be asked again, when more have been spawned. A wait for the next result
/// ends with any of them, so it is no part of the circles of which [`wait_idle`](Spawner::wait_idle) tells.
#[must_use = "results are taken by iterating"]
pub struct Results<'g, 'scope, 'env: 'scope, T, E = BoxError, P = FailFast>
where
    T: Send + 'env,
    E: Root + Send + 'env,
    P: Policy<T, E> + 'env,
{
    stream: Stream<'g, T, E, P>,
    group: &'g Group<'scope, 'env, T, E, P>,
}

impl<'scope, 'env: 'scope, T, E, P> Iterator for Results<'_, 'scope, 'env, T, E, P>
where
    T: Send + 'env,
    E: Root + Send + 'env,
    P: Policy<T, E> + 'env,
{
    type Item = (Member, Result<T, MemberError<E>>);

    fn next(&mut self) -> Option<Self::Item> {
        crate::blocking::assert_allowed("thread::Group::stream", "task::Results::next()");
        self.stream.next(&self.group.team().workers)
    }
}

impl<'scope, 'env: 'scope, T, E, P> fmt::Debug for Results<'_, 'scope, 'env, T, E, P>
where
    T: Send + 'env,
    E: Root + Send + 'env,
    P: Policy<T, E> + 'env,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.describe(f, "thread::Results")
    }
}
