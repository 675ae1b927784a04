//! Whatever bytes come, both sides of the protocol read or refuse them; and what was read can be said and read again.
#![no_main]

use headcount::inspect::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzzing::reads_or_refuses(bytes));
