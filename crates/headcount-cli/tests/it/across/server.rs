//! A Redis server of a test's own, on a socket in a folder of its own, which is gone with the test however that ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::stage::{LIMIT, Playing, Stage};

/// Set where there is no server and those who see to all the checks say so themselves.
const WITHOUT: &str = "HEADCOUNT_WITHOUT_ENGINES";

/// A shell that owns the server: it carries out an order a line, and where nobody gives any more (we are gone) it ends the server.
const GUARD: &str = r#"
begin() { redis-server --port 0 --unixsocket "$PWD/engine.sock" --save '' --appendonly no --dir "$PWD" "$@" >>log 2>&1 & server=$!; }
begin "$@"
while read -r order; do
  case "$order" in begin) begin "$@" ;; *) kill -"$order" $server; wait $server 2>>log ;; esac
  echo done
done
kill -9 $server 2>>log; wait 2>>log
"#;

/// A server that runs.
pub(super) struct Engine {
    guard: Child,
    orders: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
    folder: tempfile::TempDir,
}

impl Engine {
    /// Begins one. Nothing where there is no such program, and whoever runs all the checks says so.
    pub(super) fn start() -> Option<Self> {
        Self::with(&[])
    }

    /// The same with these options, each of these names the option of a free port, and those ports.
    pub(super) fn on_ports(names: &[&str], options: &[&str]) -> Option<(Self, Vec<u16>)> {
        for _ in 0..10 {
            // Held until all are known, so that they differ.
            let held: Vec<_> =
                names.iter().map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
            let ports: Vec<_> =
                held.iter().map(|held| held.local_addr().expect("its address").port()).collect();
            drop(held);
            let given = ports.iter().map(u16::to_string).collect::<Vec<_>>();
            let of_ports = names.iter().zip(&given).flat_map(|(name, port)| [*name, port.as_str()]);
            let options: Vec<_> =
                ["--bind", "127.0.0.1"].into_iter().chain(of_ports).chain(options.iter().copied()).collect();
            let engine = Self::begin(&options)?;
            if engine.has_begun() {
                return Some((engine, ports));
            }
        }
        panic!("others take every free port before it does");
    }

    /// The same with these options.
    pub(super) fn with(options: &[&str]) -> Option<Self> {
        let engine = Self::begin(options)?;
        engine.wait_for_begin();
        Some(engine)
    }

    fn begin(options: &[&str]) -> Option<Self> {
        let there = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            assert!(
                std::env::var_os(WITHOUT).is_some(),
                "skipped: no redis-server on this machine (Debian's package of that name has it); what was not tried has not passed"
            );
            // Past the test's own capture: this is to be read.
            let _ = std::io::stderr().write_all(b"skipped: no redis-server\n");
            return None;
        }
        let folder = crate::stage::folder();
        let mut guard = Command::new("bash")
            .args(["-c", GUARD, "guard"])
            .args(options)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let orders = Mutex::new(guard.stdin.take().zip(guard.stdout.take().map(BufReader::new)));
        Some(Self { guard, orders, folder })
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    pub(super) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Kills it.
    pub(super) fn kill(&self) {
        self.order("KILL");
    }

    /// Starts it again where it was killed, with what it has on its disk.
    pub(super) fn begin_again(&self) {
        self.order("begin");
        self.wait_for_begin();
    }

    fn order(&self, order: &str) {
        let mut orders = self.orders.lock().expect("no order fails");
        let (to, from) = orders.as_mut().expect("it has a guard");
        writeln!(to, "{order}").expect("the guard listens");
        let mut answer = String::new();
        from.read_line(&mut answer).expect("the guard answers");
        assert_eq!(answer, "done\n", "{order}");
    }

    /// Has it write all it has to its disk, as it is now.
    pub(super) fn save(&self) {
        assert_eq!(self.ask("SAVE"), "+OK");
    }

    /// Its answer to an order in words: the line, or where that only says how long it is what follows.
    pub(super) fn ask(&self, order: &str) -> String {
        let mut line = UnixStream::connect(self.socket()).expect("it listens");
        line.set_read_timeout(Some(LIMIT)).expect("a limit");
        write!(line, "{order}\r\n").expect("it hears");
        let (mut line, mut answer) = (BufReader::new(line), String::new());
        line.read_line(&mut answer).expect("it answers");
        let Some(length) = answer.trim_end().strip_prefix('$') else { return answer.trim_end().to_owned() };
        let mut text = vec![0; length.parse().expect("a length")];
        line.read_exact(&mut text).expect("all of it");
        String::from_utf8(text).expect("text")
    }

    fn wait_for_begin(&self) {
        assert!(self.has_begun(), "somebody else has its port");
    }

    /// Waits for it. Not if somebody else has its port.
    fn has_begun(&self) -> bool {
        let since = Instant::now();
        while UnixStream::connect(self.socket()).is_err() {
            let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
            if log.contains("Address already in use") {
                return false;
            }
            assert!(since.elapsed() < LIMIT, "the server does not begin: {log}");
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// A subcommand that finds the engine where it is not in any command line.
    pub(super) fn call(&self, subcommand: &str) -> Stage {
        let mut command = Command::new(crate::binary::headcount());
        command.arg(subcommand).env("HEADCOUNT_ENGINE", self.url()).current_dir(self.folder.path());
        Stage::new(command)
    }

    /// `headcount run`, on this engine.
    pub(super) fn run(&self) -> Stage {
        self.call("run").args(["--engine", "env"])
    }

    /// A worker of this name that is ready, one member at a time.
    pub(super) fn worker(&self, name: &str) -> Playing {
        let mut worker = self.call("work").args(["-j1", "--name", name]).start();
        let said = worker.err_line();
        assert!(said.starts_with(&format!("headcount: worker {name} on ")), "{said}");
        worker
    }

    /// The folder in which everything of this test is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until a member has made this file or folder.
    pub(super) fn until_there(&self, name: &str) {
        let since = Instant::now();
        while !self.path(name).exists() {
            assert!(since.elapsed() < LIMIT, "waited in vain for {name}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How a group stands, in JSON.
    pub(super) fn status(&self, group: &str) -> serde_json::Value {
        let seen = self.call("status").args(["--json", group]).run();
        serde_json::from_str(seen.ended(0).out()).expect("JSON")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The guard hears that nobody gives orders any more.
        self.orders.get_mut().expect("no order fails").take();
        let _ = self.guard.wait();
    }
}

/// The group's id, out of the first line of a run.
pub(super) fn group_of(line: &str) -> String {
    let id = line.strip_prefix("headcount: group ").and_then(|rest| rest.split(' ').next());
    id.unwrap_or_else(|| panic!("no group in {line}")).to_owned()
}
