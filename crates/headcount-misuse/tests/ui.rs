//! Runs the compiler on every program of `ui` and compares what it says.
//!
//! The messages are those of the toolchain that CI uses; `TRYBUILD=overwrite` renews them after an update, to be read
//! before they are committed.

#[test]
fn programs_that_must_not_compile_do_not_and_say_why() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
