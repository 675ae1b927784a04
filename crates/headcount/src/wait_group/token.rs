//! The members' side of a wait group: proof of being counted out.

use core::fmt;
use core::panic::Location;

use super::too_many;
use crate::raw::shared::{Member, Members};
use crate::roll::Name;
use crate::roll::roster::{End, Key, Roster};

/// Proof that one member is counted out; dropping it counts the member back in.
///
/// Only [`WaitGroup::add`](crate::WaitGroup::add) and its kin make one, so a member that holds a token was registered
/// before it began. Move it into the thread, task or closure that is the member. It comes back on every way out:
/// return, panic, an aborted task, a future that is dropped. The one way to lose it is [`core::mem::forget`], and then
/// waits do not end.
///
/// A token holds the group's counter alive but is no handle to the group: a member cannot wait for its own end.
///
/// # Examples
///
/// A clone registers one more member, so members can launch members:
///
/// ```
/// use headcount::WaitGroup;
///
/// let group = WaitGroup::new();
/// let token = group.add();
/// std::thread::spawn(move || {
///     let child = token.clone(); // counted before it is launched
///     std::thread::spawn(move || drop(child));
/// });
/// group.wait(); // for both
/// ```
///
/// Keep it by name. `let _ = group.add()` drops it at once:
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// let group = headcount::WaitGroup::new();
/// group.add(); // error: unused `Token` that must be used
/// ```
///
/// # Memory ordering
///
/// Dropping a token synchronizes with every wait that it releases or that finds nobody out.
#[must_use = "dropping a token counts its member back in; move it into the member"]
pub struct Token {
    /// Where the roster lists it, if it does.
    entry: Option<Key>,
    member: Member<Roster>,
}

impl Token {
    #[inline(always)]
    pub(super) fn unlisted(member: Member<Roster>) -> Self {
        Self { entry: None, member }
    }

    #[cold]
    pub(super) fn listed(
        member: Member<Roster>,
        name: Option<Name>,
        place: &'static Location<'static>,
    ) -> Self {
        let entry = member.shared().extra.enter(name, place, 1);
        Self { entry: Some(entry), member }
    }

    /// Counts the member back in: the same as dropping the token, said aloud.
    #[inline]
    pub fn done(self) {}

    #[cold]
    fn strike(&self, entry: Key) {
        self.member.shared().extra.leave(entry);
    }
}

/// Registers one more member. It has the same name, if any, and its own launch place: that of the call to `clone`.
impl Clone for Token {
    /// # Panics
    ///
    /// If 2^31 members are out.
    #[track_caller]
    fn clone(&self) -> Self {
        let member = match self.member.another() {
            Ok(member) => member,
            Err(error) => too_many(error),
        };
        let roster = &self.member.shared().extra;
        match self.entry {
            Some(entry) => Self { entry: Some(roster.enter_like(entry, Location::caller())), member },
            None => Self::unlisted(member),
        }
    }
}

impl Drop for Token {
    #[inline]
    fn drop(&mut self) {
        // Struck off the roster first: when a wait returns, its members are in no roll call any more. Then `member` is
        // dropped, which counts it back in.
        if let Some(entry) = self.entry {
            self.strike(entry);
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("outstanding", &self.member.shared().counter.members()).finish()
    }
}

/// Many tokens, counted out in one step by [`WaitGroup::add_many`](crate::WaitGroup::add_many).
///
/// An iterator of [`Token`]s. What is not taken out of it counts back in when it is dropped, in one step too.
///
/// # Examples
///
/// ```
/// use headcount::WaitGroup;
///
/// let group = WaitGroup::new();
/// let mut left = group.add_many(10);
/// let right = left.split_off(4); // for another thread to launch
/// assert_eq!((left.len(), right.len()), (6, 4));
///
/// drop(right);
/// assert_eq!(group.outstanding(), 6);
/// left.done();
/// group.wait();
/// ```
#[must_use = "dropping tokens counts their members back in; move them into the members"]
pub struct Tokens {
    entry: Option<Key>,
    members: Members<Roster>,
}

impl Tokens {
    pub(super) fn new(members: Members<Roster>, place: &'static Location<'static>) -> Self {
        let tracked = members.shared().map(|shared| &shared.extra).filter(|roster| roster.is_tracked());
        let entry = tracked.map(|roster| roster.enter(None, place, members.len()));
        Self { entry, members }
    }

    /// Takes the last `n` tokens out, or all if there are fewer.
    pub fn split_off(&mut self, n: usize) -> Self {
        let n = (n as u64).min(self.members.len());
        let entry = self.split_entry(n, End::Last);
        Self { entry, members: self.members.take(n) }
    }

    /// Counts all members that are left back in: the same as dropping the tokens, said aloud.
    pub fn done(self) {}

    /// The entry for `n` of the tokens that are left.
    fn split_entry(&mut self, n: u64, end: End) -> Option<Key> {
        let entry = self.entry?;
        let part = self.members.shared().filter(|_| n > 0)?.extra.split(entry, n, end);
        if part == entry {
            // They are all that was left, and take the entry with them.
            self.entry = None;
        }
        Some(part)
    }
}

impl Iterator for Tokens {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let entry = self.split_entry(1, End::First);
        let member = self.members.take_one()?;
        Some(Token { entry, member })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.members.len()).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Tokens {}
impl core::iter::FusedIterator for Tokens {}

impl Drop for Tokens {
    fn drop(&mut self) {
        // As for `Token`: struck off first, counted back in by the drop of `members`.
        if let (Some(entry), Some(shared)) = (self.entry, self.members.shared()) {
            shared.extra.leave(entry);
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("len", &self.members.len()).finish()
    }
}
