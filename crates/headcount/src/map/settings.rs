//! How a map is configured: the words are the same for both kinds.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::context::Context;
use crate::group::court::Recognize;
use crate::group::{BoxError, FailFast, Panics, Title};
use crate::roll::Name;
use crate::timeline::{Recorder, Timeline};

/// What a map was told before it runs.
pub(crate) struct Settings<E, P> {
    pub(crate) ctx: Context,
    pub(crate) policy: P,
    pub(crate) title: Title,
    /// `None` for what the kind does by default.
    pub(crate) limit: Option<usize>,
    pub(crate) panics: Panics,
    pub(crate) recognize: Option<Recognize<E>>,
    /// Whether results are given as their items finish, where they are taken one by one.
    pub(crate) as_finished: bool,
    pub(crate) recorder: Option<Arc<Recorder>>,
}

impl Settings<BoxError, FailFast> {
    /// Those of a map made at `place`.
    pub(crate) fn new(place: &'static Location<'static>) -> Self {
        Self {
            ctx: Context::background(),
            policy: FailFast,
            title: Title::of_map(place),
            limit: None,
            panics: Panics::default(),
            recognize: None,
            as_finished: false,
            recorder: None,
        }
    }
}

impl<E, P> Settings<E, P> {
    #[track_caller]
    pub(crate) fn limit(&mut self, n: usize) {
        assert!(n > 0, "a map with the limit 0 could never run an item");
        self.limit = Some(n);
    }

    pub(crate) fn named(&mut self, name: Name) {
        self.title.set_name(name);
    }

    pub(crate) fn record(&mut self) {
        self.recorder = Some(Recorder::new(self.title.clone()));
    }

    pub(crate) fn timeline(&self) -> Option<Timeline> {
        self.recorder.clone().map(Timeline::new)
    }

    pub(crate) fn cancelled_when(&mut self, f: impl Fn(&E) -> bool + Send + Sync + 'static) {
        self.recognize = Some(Arc::new(f));
    }

    /// The same with another policy.
    pub(crate) fn policy<Q>(self, policy: Q) -> Settings<E, Q> {
        let Self { ctx, policy: _, title, limit, panics, recognize, as_finished, recorder } = self;
        Settings { ctx, policy, title, limit, panics, recognize, as_finished, recorder }
    }

    /// The same for items that fail with another type of error; what was recognized is forgotten with the old one.
    pub(crate) fn typed<X>(self) -> Settings<X, P> {
        let Self { ctx, policy, title, limit, panics, recognize: _, as_finished, recorder } = self;
        Settings { ctx, policy, title, limit, panics, recognize: None, as_finished, recorder }
    }

    pub(crate) fn describe(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        f.debug_struct(what)
            .field("title", &format_args!("{}", self.title))
            .field("limit", &self.limit)
            .field("panics", &self.panics)
            .field("as_finished", &self.as_finished)
            .finish_non_exhaustive()
    }
}

/// Writes the words that leave a map's type as it is; it has a field `settings`. `#[default_limit]` says what holds without
/// a limit.
macro_rules! words {
    (impl[$($param:ident),*] $map:ty, error: $error:ident, without a limit: $default:literal) => {
        impl<$($param),*> $map {
            #[doc = concat!("At most `n` items run at once. Without it ", $default, ".")]
            ///
            /// # Panics
            ///
            /// If `n` is zero: no item could ever run.
            #[track_caller]
            pub fn limit(mut self, n: usize) -> Self {
                self.settings.limit(n);
                self
            }

            /// The context that the map's own is below: when it is cancelled, so are the map and its items, and no more are
            /// begun. Without it, it is [`Context::background`](crate::Context::background).
            pub fn context(mut self, ctx: &$crate::Context) -> Self {
                self.settings.ctx = ctx.clone();
                self
            }

            /// What the map is called in roll calls and errors.
            pub fn named(mut self, name: impl Into<$crate::Name>) -> Self {
                self.settings.named(name.into());
                self
            }

            /// What an item's panic does. The default is [`Panics::Resume`](crate::Panics::Resume): the others are cancelled
            /// and waited for, then it goes on in whoever runs the map.
            ///
            /// A panic of the source goes on in any case.
            pub fn panics(mut self, panics: $crate::Panics) -> Self {
                self.settings.panics = panics;
                self
            }

            /// Errors that mean "I was cancelled", besides those that are or wrap a [`Cancelled`](crate::Cancelled): an item that
            /// ends with one after the map was cancelled has not failed.
            ///
            /// `f` must not panic; if it does the error counts as a failure.
            pub fn cancelled_when(mut self, f: impl Fn(&$error) -> bool + Send + Sync + 'static) -> Self {
                self.settings.cancelled_when(f);
                self
            }

            /// Keeps a [`Timeline`](crate::Timeline) of the map's items, to be taken with [`timeline`](Self::timeline) before it is run.
            ///
            /// An item is taken from the source when it can run, so none queues, and the timeline says nothing of the limit.
            ///
            /// # Cost
            ///
            /// A lock and a look at the clock at each begin and end: much, for tiny items. Bounded memory, see
            /// [`Timeline`](crate::Timeline#memory).
            pub fn record(mut self) -> Self {
                self.settings.record();
                self
            }

            /// What the items did and when, as far as it has come, if the map is [recorded](Self::record).
            #[must_use]
            pub fn timeline(&self) -> Option<$crate::Timeline> {
                self.settings.timeline()
            }

            /// Results that are taken one by one come as their items finish, not in the order of the source: a long item holds
            /// nobody up. What is returned whole is in the order of the source all the same.
            pub fn as_finished(mut self) -> Self {
                self.settings.as_finished = true;
                self
            }
        }
    };
}
pub(crate) use words;
