//! The `headcount` command: a batch of commands at once, and an account of every one of them.
//!
//! The rooms here are the pure ones, which decide and never act.

pub mod args;
pub mod exit;
pub mod ledger;
pub mod legible;
pub mod refusal;
pub mod template;
