//! Whatever bytes come over a socket, a process with members out answers with one line of the protocol, or hangs up.
#![no_main]

use std::sync::LazyLock;

use headcount::inspect::fuzzing;
use headcount::{Token, WaitGroup};
use libfuzzer_sys::fuzz_target;

/// Somebody to be told of.
static OUT: LazyLock<(WaitGroup, [Token; 2])> = LazyLock::new(|| {
    let group = WaitGroup::tracked();
    let tokens = [group.add_named("the \"reader\"\n"), group.add()];
    (group, tokens)
});

fuzz_target!(|bytes: &[u8]| {
    LazyLock::force(&OUT);
    fuzzing::is_answered_or_hung_up_on(bytes);
});
