//! `headcount fetch`, against a server that misbehaves in every way we could think of.

mod explained;
mod names;
mod pace;
mod parts;
mod paused;
mod secure;
mod server;
mod stopping;
mod trouble;
mod well;

use std::path::Path;

use crate::stage::{Stage, fetch};

/// `headcount fetch` into this folder.
fn into<'a>(folder: &'a tempfile::TempDir, args: impl IntoIterator<Item = &'a str>) -> Stage {
    let folder = folder.path().to_str().expect("a UTF-8 path");
    fetch(["-o", folder].into_iter().chain(args))
}

fn read(folder: &tempfile::TempDir, name: &str) -> Vec<u8> {
    let path = folder.path().join(name);
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; there is {:?}", path.display(), list(folder.path())))
}

/// The names in a folder, sorted.
fn list(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// Bytes that differ everywhere, so that a piece in the wrong place is seen.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 7) as u8).collect()
}
