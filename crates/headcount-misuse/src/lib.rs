//! Mistakes that Go programs make with wait groups and that the types of headcount do not let through.
//!
//! The programs are in `tests/ui`, one a mistake, each beside the message that the compiler gives. They are part of the
//! contract: a mistake that begins to compile, or whose message no longer helps, is a defect.
