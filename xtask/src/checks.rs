//! The checks that are a few commands each.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::thread::JoinHandle;

use crate::run::{
    Verdict, all, cargo, cargo_with_flags, command, has_cargo, output, passes, root, target, verdict,
};

/// The library's choices of features: none, each alone with what it needs, all.
const FEATURES: [&[&str]; 14] = [
    &["--no-default-features"],
    &["--no-default-features", "--features", "std"],
    &["--no-default-features", "--features", "tokio"],
    &["--no-default-features", "--features", "signals"],
    &["--no-default-features", "--features", "stream"],
    &["--no-default-features", "--features", "testing"],
    &["--no-default-features", "--features", "tokio-util"],
    &["--no-default-features", "--features", "retry"],
    &["--no-default-features", "--features", "rate"],
    &["--no-default-features", "--features", "serde"],
    &["--no-default-features", "--features", "tracing"],
    &["--no-default-features", "--features", "metrics"],
    &["--no-default-features", "--features", "inspect"],
    &["--all-features"],
];

/// What is on the path where groups in an engine can be tried out.
const ENGINE: &str = "redis-server";

fn for_each_features(choices: &[&[&str]], before: &[&str], after: &[&str]) -> Vec<Command> {
    let one = |features: &&[&str]| cargo(&[before, &["-p", "headcount"], *features, after].concat());
    choices.iter().map(one).collect()
}

pub(crate) fn format() -> Verdict {
    if !has_cargo("fmt") {
        return Verdict::Skipped("no rustfmt on this machine".into());
    }
    all([cargo(&["fmt", "--all", "--check"])])
}

pub(crate) fn clippy() -> Verdict {
    if !has_cargo("clippy") {
        return Verdict::Skipped("no clippy on this machine".into());
    }
    let workspace = cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]);
    // Tests ask for few features by name; those that do are linted with nothing, with std, and with everything.
    let alone = for_each_features(&FEATURES[2..13], &["clippy", "--quiet"], &["--", "-D", "warnings"]);
    let tested = [&FEATURES[..2], &FEATURES[13..]].concat();
    let tested =
        for_each_features(&tested, &["clippy", "--all-targets", "--quiet"], &["--", "-D", "warnings"]);
    let checkers = ["loom", "shuttle"].map(|checker| {
        let mut clippy =
            cargo_with_flags(checker, &format!("--cfg {checker} -Dwarnings"), &["clippy", "-p", "headcount"]);
        clippy.args(["--no-default-features", "--features", "std", "--test", checker, "--quiet"]);
        clippy
    });
    all(std::iter::once(workspace).chain(alone).chain(tested).chain(checkers))
}

pub(crate) fn docs() -> Verdict {
    let mut docs = cargo(&["doc", "--workspace", "--all-features", "--no-deps", "--quiet"]);
    docs.env("RUSTDOCFLAGS", "-D warnings");
    let mut private = cargo(&["doc", "-p", "headcount", "--all-features", "--no-deps"]);
    private.args(["--document-private-items", "--quiet"]);
    // The private rooms link to each other and to public items; their docs must hold together as well.
    private.env("RUSTDOCFLAGS", "-D warnings").env("CARGO_TARGET_DIR", target("private-docs"));
    all([docs, private])
}

/// The tests of the other crates (but for the engines'), then the library's with nothing and with everything. (With std alone
/// they run below the sanitizers; with the default features optimized, by `release`.)
pub(crate) fn tests() -> Verdict {
    let mut workspace =
        cargo(&["test", "--workspace", "--exclude", "headcount", "--exclude", "headcount-cluster"]);
    if !is_on_path(ENGINE) {
        // Some of the command's tests need one. They end at once then, and `engines` is not passed but skipped.
        workspace.env("HEADCOUNT_WITHOUT_ENGINES", "1");
    }
    // Examples in the documentation need the default features at least; they run at the end.
    let nothing = cargo(&[&["test", "-p", "headcount"], FEATURES[0], &["--lib", "--tests"]].concat());
    let all_features = cargo(&["test", "-p", "headcount", "--all-features"]);
    all([workspace, nothing, all_features])
}

/// Groups in every engine, by the same tests. They fail where there is no server: what was not tried has not passed.
pub(crate) fn engines() -> Verdict {
    if !is_on_path(ENGINE) {
        return Verdict::Skipped(format!(
            "no {ENGINE} on this machine; groups in Redis, and the command across machines, were not tried out"
        ));
    }
    all([cargo(&["test", "-p", "headcount-cluster", "-p", "headcount-ledger"])])
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

pub(crate) fn release() -> Verdict {
    all([cargo(&["test", "--profile", "optimized", "-p", "headcount", "--lib", "--tests"])])
}

const SHIP: [&str; 5] = ["build", "--release", "--quiet", "-p", "headcount-cli"];

/// Builds what `shipped` tests, beside the checks before it: a linker that sees everything is busy for minutes, on one core, and tests
/// mostly wait. As little in the way of others as can be; if it comes to nothing the check does it all itself, and says why.
pub(crate) fn build_beforehand() -> JoinHandle<()> {
    std::thread::spawn(|| {
        let mut build = Command::new("nice");
        build.args(["-n", "19"]).arg(cargo(&[]).get_program()).args(SHIP).current_dir(root());
        let _built = build.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    })
}

/// The command's tests once more, against the binary that is shipped: built as a release, with everything that the linker may do.
pub(crate) fn shipped() -> Verdict {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let build = cargo(&SHIP);
    let mut tests = cargo(&["test", "-p", "headcount-cli", "--test", "it"]);
    tests.env("HEADCOUNT_UNDER_TEST", folder.join("release/headcount"));
    if !is_on_path(ENGINE) {
        tests.env("HEADCOUNT_WITHOUT_ENGINES", "1");
    }
    all([build, tests])
}

pub(crate) fn no_std() -> Verdict {
    verdict((|| {
        let manifest = "crates/headcount/tests/no_std/Cargo.toml";
        let mut build = cargo(&["build", "--release", "--quiet", "--manifest-path", manifest]);
        build.env("CARGO_TARGET_DIR", target("no_std"));
        passes(build)?;
        let library = target("no_std").join("release/libheadcount_no_std.a");
        let program = target("no_std").join("counts");
        let (library, program) = (library.to_string_lossy(), program.to_string_lossy());
        passes(command("gcc", &["crates/headcount/tests/no_std/src/main.c", &library, "-o", &program]))?;
        passes(command(&program, &[]))?;

        // The check can fail: with std linked in, the program's own panic handler is one too many.
        let mut planted = cargo(&["check", "--manifest-path", manifest, "--features", "std"]);
        planted.env("CARGO_TARGET_DIR", target("no_std"));
        let (result, text) = output(planted)?;
        if result.status.success() || !text.contains("panic_impl") {
            return Err(format!("linking std was not objected to:\n{text}"));
        }
        Ok(())
    })())
}

pub(crate) fn loom() -> Verdict {
    let mut loom =
        cargo_with_flags("loom", "--cfg loom", &["test", "--profile", "optimized", "-p", "headcount"]);
    loom.args(["--no-default-features", "--features", "std", "--test", "loom"]);
    all([loom])
}

pub(crate) fn shuttle() -> Verdict {
    let mut shuttle =
        cargo_with_flags("shuttle", "--cfg shuttle", &["test", "--profile", "optimized", "-p", "headcount"]);
    shuttle.args(["--no-default-features", "--features", "std", "--test", "shuttle"]);
    all([shuttle])
}

/// The page of a timeline, by mouse and keyboard. The tests find the browser themselves, under the same names.
pub(crate) fn browser() -> Verdict {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    if !names.iter().any(|name| is_on_path(name)) {
        return Verdict::Skipped("no chromium on this machine; the timeline's page was not tried out".into());
    }
    // With the features of `tests`, so that it is not built again.
    all([cargo(&["test", "-p", "headcount", "--all-features", "--test", "browser"])])
}

/// Runs every example; each asserts what it prints.
pub(crate) fn examples() -> Verdict {
    let folder = root().join("crates/headcount/examples");
    let names = || -> std::io::Result<Vec<String>> {
        let files = std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path()));
        let mut names: Vec<_> = files
            .filter(|path| {
                path.as_ref().map_or(true, |path| path.extension().is_some_and(|kind| kind == "rs"))
            })
            .map(|path| path.map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned()))
            .collect::<std::io::Result<_>>()?;
        names.sort();
        Ok(names)
    };
    match names() {
        Ok(names) if names.is_empty() => Verdict::Failed(format!("{}: no examples", folder.display())),
        Ok(names) => {
            let run = ["run", "--quiet", "-p", "headcount", "--all-features", "--example"];
            all(names.iter().map(|name| cargo(&[&run[..], &[name.as_str()]].concat())))
        }
        Err(error) => Verdict::Failed(format!("{}: {error}", folder.display())),
    }
}

/// Runs the README's main job and wants to see what the README says is seen.
pub(crate) fn readme() -> Verdict {
    verdict((|| {
        let readme = std::fs::read_to_string(root().join("README.md"))
            .map_err(|error| format!("README.md: {error}"))?;
        let job = readme
            .lines()
            .find(|line| line.contains("cargo run --release") && line.contains("headcount -- run"));
        let job = job.ok_or("README.md shows no main job")?;
        let (result, text) = output(command("sh", &["-c", job]))?;
        // A line for each file: the first and the last tell enough of a run that went well.
        let lines: Vec<_> = text.lines().collect();
        if result.status.success() && lines.len() > 10 {
            println!("{}\n[{} lines]\n{}", lines[0], lines.len() - 4, lines[lines.len() - 3..].join("\n"));
        } else {
            println!("{text}");
        }
        if !result.status.success() || !text.contains(" 0 failed") {
            return Err(format!("the README's main job ended with {}", result.status));
        }
        Ok(())
    })())
}

/// The benchmark, with the rest of the command line.
/// In full size: the small one is among the tests.
pub(crate) fn chaos(arguments: &[String]) -> ExitCode {
    let mut chaos = cargo(&[
        "test",
        "--release",
        "--quiet",
        "-p",
        "headcount-cluster",
        "--test",
        "chaos",
        "--",
        "--full",
    ]);
    chaos.args(arguments);
    exit_code("the chaos", &mut chaos)
}

pub(crate) fn bench(arguments: &[String]) -> ExitCode {
    let mut bench = cargo(&["run", "--release", "--quiet", "-p", "headcount-bench", "--"]);
    bench.args(arguments);
    exit_code("the benchmark", &mut bench)
}

/// Runs it, and says how it ended as it did itself.
fn exit_code(what: &str, command: &mut Command) -> ExitCode {
    match command.status() {
        Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)),
        Err(error) => {
            eprintln!("xtask: {what} cannot be run: {error}");
            ExitCode::FAILURE
        }
    }
}
