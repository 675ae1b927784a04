//! The stage for the tests: starts the command, feeds it, and never waits for it without a limit.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// No run may take longer than this, on a machine that has ten times as much to do as it can.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// The environment variable by which everything a run started can be found.
const MARK: &str = "HEADCOUNT_TEST_MARK";

static RUNS: AtomicUsize = AtomicUsize::new(0);

/// `headcount run` with these arguments, nothing on stdin.
pub(crate) fn headcount<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Stage {
    let mut command = Command::new(crate::binary::headcount());
    command.arg("run").args(args);
    Stage::new(command)
}

/// `headcount fetch` with these arguments, nothing on stdin, and no proxy.
pub(crate) fn fetch<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Stage {
    let mut command = Command::new(crate::binary::headcount());
    command.arg("fetch").args(args).env("NO_PROXY", "*");
    Stage::new(command)
}

/// A POSIX shell script in which `$HEADCOUNT` is the command.
pub(crate) fn script(text: &str) -> Stage {
    let mut command = Command::new("sh");
    command.arg("-c").arg(text).env("HEADCOUNT", crate::binary::headcount());
    Stage::new(command)
}

/// A command that is about to run.
pub(crate) struct Stage {
    pub(crate) command: Command,
    input: Vec<u8>,
    mark: String,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
    pub(crate) status: ExitStatus,
    pub(crate) survivors: Vec<String>,
}

impl Stage {
    pub(crate) fn new(mut command: Command) -> Self {
        let mark = format!("{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
        command.env(MARK, &mark);
        Self { command, input: Vec::new(), mark }
    }

    pub(crate) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// A SIGHUP is heard also where the tests were started with nohup.
    pub(crate) fn hearing_hang_ups(mut self) -> Self {
        let mut env = Command::new("env");
        env.arg("--default-signal=HUP").arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            env.env(name, value.expect("a value"));
        }
        self.command = env;
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Starts it with all three streams in our hands.
    pub(crate) fn start(mut self) -> Playing {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.command.spawn().expect("the command starts");
        Playing { child, mark: self.mark, since: Instant::now() }
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Seen {
        let input = std::mem::take(&mut self.input);
        let mut playing = self.start();
        let mut stdin = playing.child.stdin.take().expect("stdin is a pipe");
        // It may end without reading all of it.
        let feeder = thread::spawn(move || drop(stdin.write_all(&input)));
        let seen = playing.end();
        feeder.join().expect("the feeder does not panic");
        seen
    }
}

/// Plays with so many seconds as a limit that has to be kept by somebody, and with more of them until it was: `play` says
/// whether the machine let everyone be in time. A limit that is never missed would have to be waited for in every run.
pub(crate) fn until_in_time(play: impl FnMut(u32) -> bool) {
    assert!([2, 15, 40].into_iter().any(play), "nobody was in time, however long that was");
}

/// A run that is under way. Whatever becomes of the test, it is ended.
pub(crate) struct Playing {
    pub(crate) child: Child,
    mark: String,
    since: Instant,
}

impl Playing {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the command is still there");
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("a pid")
    }

    /// Reads stdout until so many lines came.
    pub(crate) fn lines(&mut self, wanted: usize) -> Vec<String> {
        let out = self.child.stdout.take().expect("stdout was not taken");
        let (lines, out) = within(LIMIT, "lines on stdout", move || read_lines(out, wanted));
        self.child.stdout = Some(out);
        lines
    }

    /// Reads one line of stderr that does not tell how far it is.
    pub(crate) fn err_line(&mut self) -> String {
        let mut err = self.child.stderr.take().expect("stderr was not taken");
        let (line, err) = within(LIMIT, "a line on stderr", move || {
            loop {
                let (line, rest) = read_lines(err, 1);
                if !tells_progress(&line[0]) {
                    return (line, rest);
                }
                err = rest;
            }
        });
        self.child.stderr = Some(err);
        line.concat()
    }

    /// Reads stdout until at least so many lines went by, in large pieces.
    pub(crate) fn skip_lines(&mut self, wanted: usize) {
        let mut out = self.child.stdout.take().expect("stdout was not taken");
        let out = within(LIMIT, "many lines on stdout", move || {
            let mut piece = vec![0; 1 << 16];
            let mut lines = 0;
            while lines < wanted {
                let read = out.read(&mut piece).expect("stdout can be read");
                assert!(read > 0, "stdout ended after {lines} lines");
                lines += piece[..read].iter().filter(|&&byte| byte == b'\n').count();
            }
            out
        });
        self.child.stdout = Some(out);
    }

    /// Waits until something is true of the run.
    pub(crate) fn until(&mut self, what: &str, mut is: impl FnMut(&Self) -> bool) {
        while !is(self) {
            assert!(self.since.elapsed() < LIMIT, "waited in vain for {what}");
            assert!(self.child.try_wait().expect("a child").is_none(), "it ended before {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end and looks at once who is left.
    pub(crate) fn end(&mut self) -> Seen {
        let out = self.child.stdout.take().map(|out| thread::spawn(move || read(out)));
        let err = self.child.stderr.take().map(|err| thread::spawn(move || read(err)));
        let status = self.status();
        let survivors = self.survivors();
        let gather = |reader: Option<thread::JoinHandle<Vec<u8>>>| {
            reader.map_or_else(Vec::new, |reader| {
                within(LIMIT, "the end of a stream", move || reader.join().expect("a reader"))
            })
        };
        let (out, err) = (gather(out), gather(err));
        let err = String::from_utf8_lossy(&err);
        let err = err.split_inclusive('\n').filter(|line| !tells_progress(line)).collect();
        Seen { out, err, status, survivors }
    }

    pub(crate) fn status(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(self.since.elapsed() < LIMIT, "the command did not end within {LIMIT:?}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until nobody is left whom this run started.
    pub(crate) fn until_nobody_is_left(&self) {
        self.until_left("nobody", 0);
    }

    /// Waits until so many are left.
    pub(crate) fn until_left(&self, who: &str, wanted: usize) {
        let since = Instant::now();
        loop {
            let survivors = self.survivors();
            if survivors.len() == wanted {
                return;
            }
            assert!(since.elapsed() < LIMIT, "waited for {who} to be left, and there are {survivors:?}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until one of those that this run started is called so.
    pub(crate) fn until_there_is(&mut self, name: &str) {
        let ends = format!(" {name}\n");
        self.until(name, |playing| playing.survivors().iter().any(|who| who.ends_with(&ends)));
    }

    /// Everything alive that this run started, itself left out. Who was killed does nothing any more, and is gone when a core is
    /// free for that; who is in the middle of an exec is not seen.
    pub(crate) fn survivors(&self) -> Vec<String> {
        let mark = format!("{MARK}={}", self.mark);
        let own = self.child.id().to_string();
        let processes = std::fs::read_dir("/proc").expect("a /proc");
        let ids = processes.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        ids.filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()) && *id != own)
            .filter(|id| {
                let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
                environment.split(|&byte| byte == 0).any(|variable| variable == mark.as_bytes())
            })
            .filter(|id| !was_killed(id))
            .map(|id| {
                format!("{id} {}", std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default())
            })
            .collect()
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Only a failed test leaves any: do not let it trouble the others.
        for survivor in self.survivors() {
            let pid = survivor.split(' ').next().and_then(|pid| Pid::from_raw(pid.parse().ok()?));
            let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
        }
    }
}

/// Whether a KILL was sent to a process.
fn was_killed(id: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let pending = status.lines().filter_map(|line| {
        let set = line.strip_prefix("SigPnd:").or_else(|| line.strip_prefix("ShdPnd:"))?;
        u64::from_str_radix(set.trim(), 16).ok()
    });
    pending.fold(0, |all, set| all | set) & 1 << (Signal::KILL.as_raw() - 1) != 0
}

/// Whether a line says how far the batch is, which it does every ten seconds: on a busy machine that may be in any test.
fn tells_progress(line: &str) -> bool {
    line.starts_with("headcount: ") && line.contains(" ended, ") && line.contains(" running, ")
}

/// Reads lines, and nothing beyond them.
fn read_lines<R: Read>(from: R, wanted: usize) -> (Vec<String>, R) {
    let mut reader = BufReader::with_capacity(1, from);
    let mut lines = Vec::new();
    for _ in 0..wanted {
        let mut line = String::new();
        reader.read_line(&mut line).expect("the stream can be read");
        lines.push(line);
    }
    (lines, reader.into_inner())
}

fn read(mut from: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).expect("a stream can be read");
    bytes
}

/// Does something that may block, but not for longer than this.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    what: &str,
    f: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (done, result) = std::sync::mpsc::channel();
    thread::spawn(move || done.send(f()));
    result.recv_timeout(limit).unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

impl Seen {
    pub(crate) fn out(&self) -> &str {
        std::str::from_utf8(&self.out).expect("stdout is UTF-8 in this test")
    }

    /// The lines of stdout, sorted: for runs whose members end in any order.
    pub(crate) fn sorted(&self) -> Vec<&str> {
        let mut lines: Vec<&str> = self.out().lines().collect();
        lines.sort_unstable();
        lines
    }

    #[track_caller]
    pub(crate) fn ended(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "stderr: {}", self.err);
        self.nobody_left()
    }

    #[track_caller]
    pub(crate) fn died_by(&self, signal: Signal) -> &Self {
        assert_eq!(self.status.signal(), Some(signal.as_raw()), "{:?}, stderr: {}", self.status, self.err);
        self.nobody_left()
    }

    #[track_caller]
    pub(crate) fn nobody_left(&self) -> &Self {
        assert!(self.survivors.is_empty(), "left behind: {:?}", self.survivors);
        self
    }
}

/// A folder of its own, removed at the end.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A named pipe in a folder.
pub(crate) fn fifo(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
    assert!(made.success(), "mkfifo made {}", path.display());
    path
}

/// Writes a line into a named pipe that somebody reads.
pub(crate) fn tell(gate: &std::path::Path, line: &str) {
    let (gate, line) = (gate.to_owned(), line.to_owned());
    within(LIMIT, "somebody to read a named pipe", move || {
        std::fs::write(gate, line).expect("it can be written")
    });
}
