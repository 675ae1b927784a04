//! Downloads as members of a batch: `headcount fetch`.
//!
//! A *transfer* is a member: from its address being read to its file being complete, or not. It is made of *attempts*, each
//! one request and its answer. An attempt that holds one of the batch's slots is a member of one group of tasks; a
//! transfer that waits for its host or for its next attempt holds no slot, and is a member of another. A wait group
//! counts the transfers themselves, whichever of the two they are in.
//!
//! | file | idea |
//! |---|---|
//! | `address` | URLs as they are asked for, and as they are shown |
//! | `name`, `listing` | what a file is called: pure, from the addresses alone; the list of both |
//! | `sums` | the checksums that were published |
//! | `answer` | what a server's answer means: pure |
//! | `trouble` | why an attempt failed, and whether another one would help |
//! | `folder`, `part` | where files are stored, and what is there of one that is not complete |
//! | `client`, `exchange` | the HTTP client; one attempt |
//! | `host` | how many at once from one host, and when it wants to be left alone |
//! | `transfer`, `desk` | one member; what all of them share |
//! | `crew` | taking addresses in, attempts, waits: the groups |
//! | `view`, `watch` | how far it is; who stops it |

mod address;
mod answer;
mod client;
mod crew;
mod desk;
mod exchange;
mod folder;
mod host;
mod listing;
mod name;
mod part;
mod sums;
mod transfer;
mod trouble;
mod view;
mod watch;

pub(crate) use address::Address;
pub(crate) use client::client;
pub(crate) use crew::{Contexts, Inputs, run};
pub(crate) use desk::{Desk, Parts, Rules};
pub(crate) use folder::Folder;
pub(crate) use listing::Listing;
pub(crate) use sums::Sums;
pub(crate) use view::View;
pub(crate) use watch::Watch;
