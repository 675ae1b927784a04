//! The house: how long files may be, what must not stand in them.

use std::path::{Path, PathBuf};

use crate::run::{Verdict, command, output, root};

/// A file that is longer does not pass. Four hundred is what we aim at.
const HARD_LIMIT: usize = 600;
const SOFT_LIMIT: usize = 400;
const ARCHITECTURE_LIMIT: usize = 200;

/// Folders whose names in a file mean that somebody's machine got into the project.
const MACHINE_PATHS: [&str; 3] = ["/home/", "/root/", "/Users/"];

pub(crate) fn check() -> Verdict {
    match complaints() {
        Err(why) => Verdict::Failed(why),
        Ok(complaints) if complaints.is_empty() => Verdict::Passed,
        Ok(complaints) => {
            complaints.iter().for_each(|complaint| println!("{complaint}"));
            Verdict::Failed(format!("{} complaints", complaints.len()))
        }
    }
}

fn complaints() -> Result<Vec<String>, String> {
    let mut complaints = Vec::new();
    for path in files()? {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        let lines = text.lines().count();
        let name = path.display();
        if path.extension().is_some_and(|extension| extension == "rs") {
            if lines > HARD_LIMIT {
                complaints.push(format!("{name}: {lines} lines; the hard limit is {HARD_LIMIT}"));
            } else if lines > SOFT_LIMIT {
                println!("note: {name} has {lines} lines; the soft limit is {SOFT_LIMIT}");
            }
        }
        if path == Path::new("ARCHITECTURE.md") && lines > ARCHITECTURE_LIMIT {
            complaints.push(format!("{name}: {lines} lines; the limit is {ARCHITECTURE_LIMIT}"));
        }
        // This file names them to find them.
        if path != Path::new("xtask/src/house.rs") {
            let found = text
                .lines()
                .enumerate()
                .filter(|(_, line)| MACHINE_PATHS.iter().any(|path| line.contains(path)));
            complaints.extend(
                found.map(|(at, line)| format!("{name}:{}: a machine's path: {}", at + 1, line.trim())),
            );
        }
    }
    for required in
        ["README.md", "ARCHITECTURE.md", "DESIGN.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"]
    {
        if !root().join(required).exists() {
            complaints.push(format!("{required} is missing"));
        }
    }
    Ok(complaints)
}

/// The files that git tracks, or without git, all outside `target`.
fn files() -> Result<Vec<PathBuf>, String> {
    let listed = output(command("git", &["ls-files", "-z"]));
    if let Ok((_, text)) = listed.as_ref().map(|(result, text)| (result, text)) {
        let files: Vec<_> = text.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
        if listed.as_ref().is_ok_and(|(result, _)| result.status.success()) && !files.is_empty() {
            return Ok(files);
        }
    }
    let mut files = Vec::new();
    walk(root(), &mut files).map_err(|error| format!("the project's files cannot be listed: {error}"))?;
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name == "target" || name == ".git");
        if path.is_dir() && !hidden {
            walk(&path, files)?;
        } else if path.is_file() {
            files.extend(path.strip_prefix(root()).map(Path::to_path_buf));
        }
    }
    Ok(())
}
