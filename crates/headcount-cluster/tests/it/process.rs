//! This program again, as processes of their own that can be killed, stopped and continued: a test that needs some calls itself
//! there, in a role.
//!
//! A shell in between takes orders and answers each when it is carried out. Where its input ends (we drop it, or are gone, however
//! that came) all of them are killed, also those that are stopped.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything is waited for.
const LIMIT: Duration = Duration::from_secs(90);

const GUARD: &str = r#"
exec 2>>"$FOLDER/guard"
trap '' XFSZ
declare -A processes
while read -r order role; do
  case "$order" in
    begin)
      HEADCOUNT_ROLE=$role "$PROGRAM" --exact "$TEST" --nocapture >>"$FOLDER/$role" 2>&1 </dev/null &
      processes[$role]=$! ;;
    KILL) kill -9 ${processes[$role]}; wait ${processes[$role]}; unset "processes[$role]" ;;
    *) kill -"$order" ${processes[$role]} ;;
  esac
  echo done
done
for process in "${processes[@]}"; do kill -9 $process; done
wait
"#;

/// Processes of one test.
pub(crate) struct Processes {
    guard: Child,
    orders: Option<(ChildStdin, BufReader<ChildStdout>)>,
    folder: tempfile::TempDir,
}

/// What this process is to do, if it is one of those; and where its test has its folder.
pub(crate) fn role() -> Option<(String, PathBuf)> {
    Some((std::env::var("HEADCOUNT_ROLE").ok()?, std::env::var_os("HEADCOUNT_FOLDER")?.into()))
}

impl Processes {
    /// Those of the test with this name, which have these variables besides.
    pub(crate) fn of(test: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut guard = Command::new("bash")
            .args(["-c", GUARD])
            .env("PROGRAM", std::env::current_exe().expect("this program"))
            .env("TEST", test)
            .env("FOLDER", folder.path())
            .env("HEADCOUNT_FOLDER", folder.path())
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let orders = guard.stdin.take().zip(guard.stdout.take().map(BufReader::new));
        Self { guard, orders, folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `begin`, or the name of a signal: `KILL` is waited for.
    pub(crate) fn order(&mut self, order: &str, role: &str) {
        let (to, from) = self.orders.as_mut().expect("there is a guard");
        writeln!(to, "{order} {role}").expect("the guard listens");
        let mut answer = String::new();
        from.read_line(&mut answer).expect("the guard answers");
        assert_eq!(answer, "done\n", "{order} {role}");
    }

    /// What it has said so far.
    pub(crate) fn said(&self, role: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(role)).unwrap_or_default()
    }

    /// Waits until it has said what was waited for.
    pub(crate) fn until_said(&self, role: &str, so: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            let said = self.said(role);
            if so(&said) {
                return said;
            }
            assert!(Instant::now() < end, "{role} never came to it: {said}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // The guard hears that nobody gives orders any more.
        self.orders.take();
        let _ = self.guard.wait();
    }
}
