//! Which binary is tried out: the one that cargo built for the tests, or another that `HEADCOUNT_UNDER_TEST` names, as the one that
//! is shipped.

use std::path::PathBuf;

/// The command's file.
pub(crate) fn headcount() -> PathBuf {
    std::env::var_os("HEADCOUNT_UNDER_TEST")
        .map_or_else(|| env!("CARGO_BIN_EXE_headcount").into(), PathBuf::from)
}
