//! The flags of groups on many machines: where the engine is, and what a group there is like.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::fetch::parse_size;
use super::span::parse_limit;
use crate::engine::Address;

/// Whom to believe that it is the engine, and who we are.
#[derive(Debug, Clone, Default, Args)]
pub struct TrustArgs {
    /// With rediss://: the authorities that may have signed the engine's certificate (PEM); if not given, those that the machine trusts
    #[arg(long, value_name = "FILE")]
    pub engine_ca: Option<PathBuf>,

    /// With rediss://: our certificate (PEM), for an engine that wants one
    #[arg(long, value_name = "FILE", requires = "engine_key")]
    pub engine_cert: Option<PathBuf>,

    /// The key of --engine-cert (PEM)
    #[arg(long, value_name = "FILE", requires = "engine_cert")]
    pub engine_key: Option<PathBuf>,
}

/// Where the engine is, for those who ask it.
#[derive(Debug, Clone, Args)]
pub struct EngineArgs {
    /// The engine: redis://USER:PASSWORD@HOST:PORT/DB, of which all but the host may be left out, redis+unix:///PATH, or @FILE with that in it; if not given, HEADCOUNT_ENGINE says it
    #[arg(long, value_name = "URL|@FILE")]
    pub engine: Option<Address>,

    /// Certificates.
    #[command(flatten)]
    pub trust: TrustArgs,

    /// How long the engine may be out of reach before it is given up
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = parse_limit, allow_hyphen_values = true)]
    pub patience: Duration,
}

/// What is said of a batch that runs on many machines.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Many machines")]
pub struct AcrossArgs {
    /// Let the workers of this engine run the members (see headcount work): redis://..., redis+unix:///PATH, @FILE with that in it, or env for HEADCOUNT_ENGINE
    #[arg(long, value_name = "URL|@FILE|env")]
    pub engine: Option<Address>,

    /// Certificates.
    #[command(flatten)]
    pub trust: TrustArgs,

    /// What the group is called where groups are listed; otherwise it is the command's name
    #[arg(long, value_name = "NAME", requires = "engine")]
    pub name: Option<String>,

    /// Register everybody, print the group's id, and end; headcount wait tells what came of it
    #[arg(long, requires = "engine")]
    pub detach: bool,

    /// Where members run: in the folder of the same name as here (same), in the worker's own (worker), or in PATH
    #[arg(long, value_name = "same|worker|PATH", default_value = "same", requires = "engine")]
    pub workdir: WorkDir,

    /// Hand this variable of ours on to the members, or one with this value
    #[arg(long, value_name = "NAME[=VALUE]", requires = "engine")]
    pub env: Vec<OsString>,

    /// The most a member may print; one that prints more has failed, and its worker keeps what it printed
    #[arg(long, value_name = "SIZE", default_value = "64K", value_parser = parse_output, requires = "engine", allow_hyphen_values = true)]
    pub max_output: u64,

    /// How long a worker may be silent before its members are given to others
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_lease, requires = "engine", allow_hyphen_values = true)]
    pub lease: Duration,

    /// How long the engine may be out of reach before it is given up
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = parse_limit, requires = "engine", allow_hyphen_values = true)]
    pub patience: Duration,
}

/// The folder members run in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkDir {
    /// That of the same name as here.
    Same,
    /// The worker's.
    Worker,
    /// This one.
    Path(PathBuf),
}

impl From<OsString> for WorkDir {
    fn from(text: OsString) -> Self {
        match text.to_str() {
            Some("same") => Self::Same,
            Some("worker") => Self::Worker,
            _ => Self::Path(text.into()),
        }
    }
}

/// What is kept of a member's output stays in the engine's memory, so there is an end to it.
fn parse_output(text: &str) -> Result<u64, String> {
    match parse_size(text)? {
        size if size <= 16 << 20 => Ok(size),
        _ => Err("more than an engine should keep of one member (hint: up to 16M; let members write files where all \
                  machines find them)"
            .into()),
    }
}

/// A heartbeat is a third of it, and has to be many times what an answer takes.
fn parse_lease(text: &str) -> Result<Duration, String> {
    match parse_limit(text)? {
        lease if lease < Duration::from_millis(300) => {
            Err("too short to be kept over a network (hint: 30s; at least 300ms)".into())
        }
        lease => Ok(lease),
    }
}
