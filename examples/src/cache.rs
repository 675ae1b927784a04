//! A cache that several threads fill before the first question is asked.

use std::collections::BTreeMap;
use std::sync::RwLock;

use headcount::{Context, GroupError, thread};

/// Squares, looked up instead of being computed.
#[derive(Debug, Default)]
pub struct Cache {
    squares: RwLock<BTreeMap<u64, u64>>,
}

impl Cache {
    /// Fills the cache for all of `keys`, on a few threads, and returns when it is full; how many entries there are.
    ///
    /// # Errors
    ///
    /// If a square does not fit in 64 bits; its key is named. Or if `ctx` is cancelled.
    pub fn warm_up(&self, ctx: &Context, keys: &[u64]) -> Result<usize, GroupError> {
        thread::map(keys).limit(4).context(ctx).named("warm up").for_each(|_ctx, key| {
            let square = key.checked_mul(*key).ok_or_else(|| format!("the square of {key} does not fit"))?;
            self.lock().insert(*key, square);
            Ok::<_, String>(())
        })?;
        Ok(self.lock().len())
    }

    /// The square of `key`, if it is there.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<u64> {
        self.squares.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(&key).copied()
    }

    fn lock(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<u64, u64>> {
        self.squares.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
