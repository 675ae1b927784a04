//! Values that travel with a context: a chain of links, each with one value, found by its type.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

pub(super) struct Link {
    value: Box<dyn Any + Send + Sync>,
    above: Option<Arc<Link>>,
}

impl Link {
    pub(super) fn new(value: impl Any + Send + Sync, above: Option<Arc<Link>>) -> Arc<Self> {
        Arc::new(Self { value: Box::new(value), above })
    }

    /// The nearest value of this type: one comparison a link.
    pub(super) fn find<T: Any>(self: &Arc<Self>) -> Option<&T> {
        let mut link = Some(self);
        while let Some(here) = link {
            if let Some(value) = here.value.downcast_ref() {
                return Some(value);
            }
            link = here.above.as_ref();
        }
        None
    }
}

/// The last owner of a long chain drops it link by link and not by recursion.
impl Drop for Link {
    fn drop(&mut self) {
        let mut above = self.above.take();
        while let Some(mut last) = above.and_then(Arc::into_inner) {
            above = last.above.take();
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}
