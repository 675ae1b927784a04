//! The name of a member or group.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

/// What a member or group is called in a roll call.
///
/// Made from a `&'static str` (free), or from a `String`, `Box<str>`, `Cow<'static, str>` or `Arc<str>`; methods take
/// `impl Into<Name>`. Cloning it copies no text.
///
/// ```
/// use headcount::Name;
///
/// let sku = 42;
/// let name = Name::from(format!("sku {sku}"));
/// assert_eq!(name.as_str(), "sku 42");
/// ```
#[derive(Clone)]
pub struct Name(Text);

#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Name {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Static(text) => text,
            Text::Shared(text) => text,
        }
    }

    /// The text as it stands in a list: in quotes, and no longer than a line can hold. A query, say, may be a megabyte long, and
    /// nothing can be padded to more than 65,535 characters.
    pub(crate) fn told(&self) -> String {
        const LONGEST: usize = 100;
        match self.as_str().char_indices().nth(LONGEST) {
            Some((end, _)) => alloc::format!("{:?}…", &self.as_str()[..end]),
            None => alloc::format!("{self:?}"),
        }
    }
}

impl From<&'static str> for Name {
    fn from(text: &'static str) -> Self {
        Self(Text::Static(text))
    }
}

impl From<Arc<str>> for Name {
    fn from(text: Arc<str>) -> Self {
        Self(Text::Shared(text))
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(Text::Shared(text.into()))
    }
}

impl From<Box<str>> for Name {
    fn from(text: Box<str>) -> Self {
        Self(Text::Shared(text.into()))
    }
}

impl From<Cow<'static, str>> for Name {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl core::hash::Hash for Name {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
