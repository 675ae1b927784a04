//! The list of addresses with the names of their files: what a batch takes in, and what a journal keeps.
//!
//! Names are given here, before anything else sees an address, because they depend on all addresses before: also on those that a
//! batch which is resumed has finished. What is handed on, and so written into a journal, has no credentials in it; they
//! are remembered beside it for as long as the process lives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::address::Address;
use super::name::Names;
use crate::input::{Columns, InputError, Source};
use crate::locked;

/// What is not in the columns: addresses with credentials, by the names of their files.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    told: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
    /// The last address that was listed, as it was read, with its file's name: whoever takes it in does so at once, and
    /// need not read it again.
    last: Mutex<Option<(Vec<u8>, Address)>>,
}

impl Secrets {
    /// The address and the name of its file in these columns.
    pub(super) fn read(&self, columns: &Columns) -> (Address, String) {
        let column = |at: usize| columns.get(at).map_or(&[][..], Vec::as_slice);
        let (kept, name) = (column(0), column(1));
        let secret = locked(&self.told).remove(name);
        let last = locked(&self.last).take().filter(|(of, last)| of == name && last.kept == kept);
        let address = match (last, &secret) {
            (Some((_, last)), _) => last,
            (None, Some(secret)) => Address::read(secret),
            (None, None) => Address::read(kept),
        };
        (address, String::from_utf8_lossy(name).into_owned())
    }
}

/// See the room's text.
pub(crate) struct Listing {
    source: Box<dyn Source>,
    names: Names,
    secrets: Arc<Secrets>,
}

impl Listing {
    pub(crate) fn new(source: Box<dyn Source>) -> (Self, Arc<Secrets>) {
        let secrets = Arc::new(Secrets::default());
        (Self { source, names: Names::default(), secrets: Arc::clone(&secrets) }, secrets)
    }
}

impl Source for Listing {
    fn next(&mut self) -> Result<Option<Columns>, InputError> {
        let Some(columns) = self.source.next()? else { return Ok(None) };
        let input = columns.concat();
        let address = Address::read(&input);
        let name = address.url.as_ref().map(|url| self.names.give(url)).unwrap_or_default().into_bytes();
        if address.is_secret {
            locked(&self.secrets.told).insert(name.clone(), input);
        }
        let columns = vec![address.kept.clone(), name.clone()];
        *locked(&self.secrets.last) = Some((name, address));
        Ok(Some(columns))
    }

    fn is_ready(&self) -> bool {
        self.source.is_ready()
    }

    fn wait(&self, until: Instant) -> bool {
        self.source.wait(until)
    }

    fn total(&self) -> Option<u64> {
        self.source.total()
    }
}
