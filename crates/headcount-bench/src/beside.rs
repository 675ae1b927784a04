//! Programs of this repository that are run beside this one.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::bounded;

/// The program `name` of `package`, as fresh as cargo can make it.
pub(crate) fn built(package: &str, name: &str) -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--release", "--package", package, "--bin", name]);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    bounded::output(&mut build, Stdio::null(), Duration::from_secs(600))?;
    let path = path(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{name} is not beside this program; hint: build with --release"))
    }
}

/// Where it is, if it has been built.
pub(crate) fn path(name: &str) -> PathBuf {
    env::current_exe().unwrap_or_default().with_file_name(name)
}
