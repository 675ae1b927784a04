//! The two packed words of a counter, as plain values: what the bits mean, and nothing that touches memory.
//!
//! No other file sees the bits.

/// A value of the *count*: members, whether anybody watches, and who else holds on to the counter.
///
/// ```text
/// 63          34    33      32     31 ............ 0
/// [  holders   |closing|watched|        members     ]
/// ```
///
/// The whole word is zero exactly when nobody has any business with the counter any more: no member is out, nobody
/// watches, no handle is left. Whoever makes it zero is the last, and frees what is to be freed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Count(pub(crate) u64);

impl Count {
    /// One member. The field is the low half of the word, so that "nobody is out" is one comparison with memory.
    pub(crate) const MEMBER: u64 = 1;

    /// Somebody waits, or did in this round: members' ends and beginnings are entered in the tally too.
    ///
    /// Set under the lock when a wait begins while members are out; cleared under the lock at a moment when no member
    /// is out and every end has been entered. As long as it stands the word is not zero: it keeps the counter alive
    /// for members that have given back their unit and are about to enter it in the tally.
    pub(crate) const WATCHED: u64 = 1 << 32;

    /// Watching may be about to stop: no member was out when this was set, under the lock. A member that goes out
    /// meanwhile takes it away before it is entered in the tally, so that its coming and going cannot stay unseen.
    pub(crate) const CLOSING: u64 = 1 << 33;

    /// One holder: a handle of a `WaitGroup`, or a member's end that is waking waiters. 30 bits.
    pub(crate) const HOLDER: u64 = 1 << 34;

    /// As many members may be out at once: 2^31.
    ///
    /// The field could hold twice that. `add` increments first and looks afterwards, so the other half is room for the
    /// threads that may overshoot at the same time before they take their increment back: more than can exist.
    pub(crate) const MAX_MEMBERS: u64 = 1 << 31;

    /// As many handles may exist: 2^29; the other half of the field is room to overshoot, as above.
    pub(crate) const MAX_HOLDERS: u64 = 1 << 29;

    /// What `add` of one member must not find: a full count, or somebody watching. One test for both.
    pub(crate) const ADD_SLOWLY: u64 = Self::WATCHED | Self::MAX_MEMBERS;

    #[inline(always)]
    pub(crate) const fn members(self) -> u64 {
        self.0 as u32 as u64
    }

    #[inline(always)]
    pub(crate) const fn is_watched(self) -> bool {
        self.0 & Self::WATCHED != 0
    }

    pub(crate) const fn is_closing(self) -> bool {
        self.0 & Self::CLOSING != 0
    }

    #[inline(always)]
    pub(crate) const fn holders(self) -> u64 {
        self.0 / Self::HOLDER
    }
}

/// A value of the *tally*: the exact number of members while somebody watches, and whether an "at most" wait is listed.
///
/// ```text
/// 63 ................................ 1      0
/// [ members entered, a signed number  | at most ]
/// ```
///
/// Signed because in `raw`, whose users count by hand, a `done` may be entered before the `add` that it answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tally(pub(crate) u64);

impl Tally {
    /// Somebody waits for "at most n": every end goes through the lock and compares.
    pub(crate) const AT_MOST: u64 = 1;

    /// One member.
    pub(crate) const MEMBER: u64 = 2;

    pub(crate) const fn of(members: u64) -> Self {
        Self(members * Self::MEMBER)
    }

    pub(crate) const fn members(self) -> i64 {
        (self.0 as i64) >> 1
    }

    pub(crate) const fn has_at_most(self) -> bool {
        self.0 & Self::AT_MOST != 0
    }

    pub(crate) const fn plus(self, members: u64) -> Self {
        Self(self.0.wrapping_add(members * Self::MEMBER))
    }

    pub(crate) const fn minus(self, members: u64) -> Self {
        Self(self.0.wrapping_sub(members * Self::MEMBER))
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, Tally};

    #[test]
    fn fields_do_not_overlap_and_fill_the_word() {
        let members = Count::WATCHED - 1;
        let holders = !(Count::CLOSING | Count::WATCHED | members);
        assert_eq!(members ^ Count::WATCHED ^ Count::CLOSING ^ holders, u64::MAX);
        assert_eq!(Count(holders).members(), 0);
        assert_eq!(Count(holders).holders(), (1 << 30) - 1);
        assert!(!Count(holders | members).is_watched());
        assert_eq!(Count(Count::WATCHED | Count::MAX_MEMBERS).members(), Count::MAX_MEMBERS);
    }

    #[test]
    fn the_tally_counts_below_zero_and_keeps_its_flag() {
        let tally = Tally(Tally::of(1).0 | Tally::AT_MOST);
        let below = tally.minus(3);
        assert_eq!(below.members(), -2);
        assert!(below.has_at_most());
        assert_eq!(below.plus(2).members(), 0);
        assert_eq!(Tally::of(Count::MAX_MEMBERS * 2).members(), 1 << 32);
    }
}
