//! Members by number and name, as on one machine, and as engines know them: by one text.

use std::cmp::Ordering;
use std::fmt;

/// A member of a group: its number, from 1 in the order of spawning, and its name, if it was given one.
///
/// Engines know it by one text, its [`id`](Self::id): the number, and behind a space the name.
///
/// ```
/// use headcount_cluster::Member;
///
/// let cat = Member::of("3 cat.png");
/// assert_eq!((cat.number(), cat.name()), (Some(3), Some("cat.png")));
/// assert_eq!(cat.to_string(), "#3 \"cat.png\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member {
    id: Box<str>,
    /// 0 if it was registered by somebody who does not number members.
    number: u64,
}

/// Engines take 512 bytes, of which a number takes 20 and the space one.
const LONGEST: usize = 480;

impl Member {
    /// The member that an engine knows by this text.
    #[must_use]
    pub fn of(id: &str) -> Self {
        let number = id.split(' ').next().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        Self { number: number.and_then(|text| text.parse().ok()).unwrap_or(0), id: id.into() }
    }

    /// The one with this number, called so. A name is for people: of a long one the beginning is kept.
    pub(crate) fn new(number: u64, name: Option<&str>) -> Self {
        let id = match name {
            None => number.to_string(),
            Some(name) if name.len() <= LONGEST => format!("{number} {name}"),
            Some(name) => {
                let end = (0..=LONGEST).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
                format!("{number} {}…", &name[..end])
            }
        };
        Self { id: id.into(), number }
    }

    /// As engines know it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The how-manieth that was spawned, from 1. None for who was registered in the engine by hand.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        (self.number > 0).then_some(self.number)
    }

    /// Its name, if it was given one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self.number() {
            Some(_) => self.id.split_once(' ').map(|(_, name)| name),
            None => Some(&self.id),
        }
    }
}

/// In the order of spawning; those without a number come last.
impl Ord for Member {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |member: &Self| member.number().unwrap_or(u64::MAX);
        place(self).cmp(&place(other)).then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for Member {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number(), self.name()) {
            (Some(number), Some(name)) => write!(f, "#{number} {name:?}"),
            (Some(number), None) => write!(f, "#{number}"),
            (None, name) => write!(f, "{:?}", name.unwrap_or_default()),
        }
    }
}
