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

/// Addresses with credentials, by the names of their files.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Mutex<HashMap<Vec<u8>, Vec<u8>>>);

impl Secrets {
    /// The address and the name of its file in these columns.
    pub(super) fn read(&self, columns: &Columns) -> (Address, String) {
        let column = |at: usize| columns.get(at).map_or(&[][..], Vec::as_slice);
        let secret = locked(&self.0).remove(column(1));
        let address = Address::read(secret.as_deref().unwrap_or(column(0)));
        (address, String::from_utf8_lossy(column(1)).into_owned())
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
            locked(&self.secrets.0).insert(name.clone(), input);
        }
        Ok(Some(vec![address.kept, name]))
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
