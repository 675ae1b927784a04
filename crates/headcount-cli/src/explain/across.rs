//! What is said of a batch that runs on other machines.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::args::{AcrossArgs, RunArgs, WorkDir};
use crate::legible;

use super::span;

/// The flags that have a sentence here, or in place of one of a single machine's.
pub(super) const TOLD: &[&str] = &[
    "engine",
    "engine_ca",
    "engine_cert",
    "engine_key",
    "name",
    "detach",
    "workdir",
    "env",
    "max_output",
    "lease",
    "patience",
];

/// Where members run, and what becomes of the group.
pub(super) fn machines(across: &AcrossArgs) -> String {
    let Some(engine) = &across.engine else { return String::new() };
    let name = across.name.as_deref().map_or_else(
        || "named after the command".into(),
        |name| format!("named {} (--name)", legible::one_line(name.as_bytes())),
    );
    let shown = |path: &PathBuf| legible::one_line(path.as_os_str().as_bytes());
    let trusted = across.trust.engine_ca.as_ref().map_or_else(String::new, |path| {
        format!(
            ", which has to show a certificate that an authority in {} has signed (--engine-ca)",
            shown(path)
        )
    });
    let known = across.trust.engine_cert.as_ref().zip(across.trust.engine_key.as_ref());
    let known = known.map_or_else(String::new, |(certificate, key)| {
        let (certificate, key) = (shown(certificate), shown(key));
        format!(", and is shown ours, {certificate} (--engine-cert, and --engine-key {key})")
    });
    let folder = match &across.workdir {
        WorkDir::Same => "in the folder that is called there as this one is here (--workdir same)".into(),
        WorkDir::Worker => "in the folder its worker was started in (--workdir worker)".into(),
        WorkDir::Path(path) => {
            format!("in {} (--workdir)", legible::one_line(path.as_os_str().as_bytes()))
        }
    };
    let env = match across.env.len() {
        0 => String::new(),
        1 => ", with one variable of ours (--env)".into(),
        more => format!(", with {more} variables of ours (--env)"),
    };
    let end = if across.detach {
        "When all are registered the group's id is printed, and nobody is waited for (--detach)."
    } else {
        "The group's id is said at once, so that others can ask for it."
    };
    format!(
        "The members are registered as a group, {name}, with {engine} (--engine){trusted}{known}, and run by whoever works for it (headcount work), {folder}{env}. A worker that is silent for {} has lost its members to others (--lease). An engine that is out of reach is asked again for {} (--patience). {end}",
        span(across.lease),
        span(across.patience),
    )
}

pub(super) fn at_once(args: &RunArgs) -> String {
    if args.given.iter().any(|given| given.id == "jobs") {
        format!("At most {} members run at the same time, on all machines together (--jobs).", args.jobs)
    } else {
        "As many members run at the same time as the workers have room for: each has a -j of its own.".into()
    }
}

/// What the way back means for what is printed.
pub(super) fn output(across: &AcrossArgs) -> String {
    format!(
        " It comes back when the member has ended, up to {} bytes of it (--max-output); one that prints more has failed, and its worker keeps what it printed.",
        across.max_output
    )
}

pub(super) fn stopping(args: &RunArgs) -> String {
    format!(
        "Who is terminated gets TERM, and KILL after {} (--grace), and so does all it has started. The first Ctrl-C, TERM or HUP cancels the group, of which workers hear with their next heartbeat at the latest, and waits for those that run; the second does not wait. SIGUSR1 prints who is running.",
        span(args.grace)
    )
}
