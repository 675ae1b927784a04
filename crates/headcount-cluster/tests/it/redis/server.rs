//! A Redis server of our own, in a folder of its own: it can be killed, stopped and started again, and is gone with us.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;

/// How long anything is waited for.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// A shell in between takes orders on its standard input and answers each when it is carried out. Where that ends (we drop this, or
/// are gone, however that came) the server ends too, and with it all that it has written.
const GUARD: &str = r#"
exec 2>>log
begin() { "$PROGRAM" config >>log 2>&1 & server=$!; }
begin
while read -r order; do
  case "$order" in
    begin) begin ;;
    TERM | KILL) kill -"$order" $server; wait $server ;;
    *) kill -"$order" $server ;;
  esac
  echo done
done
kill -9 $server; wait; cd /; rm -r -- "$FOLDER"
"#;

/// A server that runs.
pub(crate) struct Server {
    guard: Child,
    orders: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
    folder: PathBuf,
    /// On the loopback, if it was asked for ports.
    ports: Vec<u16>,
}

impl Server {
    /// The one that all tests share. It lives as long as the process that runs the tests.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// One with these options, on a socket.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::with_ports(&[], options, |_| ())
    }

    /// One with these options, which listens also on free ports: for each of these options one.
    pub(crate) fn on_ports(ports: &[&str], options: &[&str]) -> Self {
        Self::with_ports(ports, options, |_| ())
    }

    /// The same, with files in its folder. Where there is no such program the test fails and says why: what was not tried has not
    /// passed.
    pub(crate) fn with_ports(ports: &[&str], options: &[&str], files: impl Fn(&Path)) -> Self {
        let there = Command::new(program()).arg("--version").stdout(Stdio::null()).status();
        let there = there.is_ok_and(|status| status.success());
        let name = program();
        assert!(there, "skipped: no {name} on this machine (Debian's package redis-server has that one)");
        let mut said = String::new();
        for _ in 0..10 {
            match Self::try_start(ports, options, &files) {
                Ok(server) => return server,
                Err(log) if log.contains("Address already in use") => said = log,
                Err(log) => panic!("it does not begin: {log}"),
            }
        }
        panic!("others take every free port before it does: {said}")
    }

    fn try_start(names: &[&str], options: &[&str], files: &impl Fn(&Path)) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a folder for it").keep();
        files(&folder);
        // Held until all are known, so that they differ.
        let held: Vec<_> =
            names.iter().map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
        let ports: Vec<_> = held.iter().map(|held| held.local_addr().expect("its address").port()).collect();
        drop(held);
        let mut config =
            format!("unixsocket {}\nsave \"\"\ndir {}\n", socket(&folder).display(), folder.display());
        if !names.contains(&"port") {
            config += "port 0\n";
        }
        for (name, port) in names.iter().zip(&ports) {
            config += &format!("{name} {port}\nbind 127.0.0.1\n");
        }
        for option in options {
            config += &format!("{option}\n");
        }
        std::fs::write(folder.join("config"), config).expect("its settings");
        let mut guard = Command::new("bash")
            .args(["-c", GUARD])
            .current_dir(&folder)
            .env("FOLDER", &folder)
            .env("PROGRAM", program())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let orders = guard.stdin.take().zip(guard.stdout.take().map(BufReader::new));
        let server = Self { guard, orders: Mutex::new(orders), folder, ports };
        server.wait_for_begin()?;
        Ok(server)
    }

    fn wait_for_begin(&self) -> Result<(), String> {
        let end = Instant::now() + LIMIT;
        loop {
            if std::os::unix::net::UnixStream::connect(self.socket()).is_ok() {
                return Ok(());
            }
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            if Instant::now() > end || log.contains("Address already in use") || log.contains("FATAL CONFIG")
            {
                return Err(log);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn order(&self, order: &str) {
        let mut orders = self.orders.lock().expect("no order fails");
        let (to, from) = orders.as_mut().expect("it has a guard");
        writeln!(to, "{order}").expect("the guard listens");
        let mut answer = String::new();
        from.read_line(&mut answer).expect("the guard answers");
        assert_eq!(answer, "done\n", "{order}");
    }

    /// Sends a signal: TERM and KILL are waited for.
    pub(crate) fn signal(&self, signal: &str) {
        self.order(signal);
    }

    /// Starts it again where it was killed, with what it has on its disk.
    pub(crate) fn begin_again(&self) {
        self.order("begin");
        self.wait_for_begin().expect("it begins again");
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn port(&self, which: usize) -> u16 {
        self.ports[which]
    }

    fn socket(&self) -> PathBuf {
        socket(&self.folder)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// For what tests ask beside the engine.
    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("an address");
        let config = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(LIMIT))
            .set_response_timeout(Some(LIMIT));
        client.get_multiplexed_async_connection_with_config(&config).await.expect("it runs")
    }

    /// Asks for something beside the engine: words with spaces between them.
    pub(crate) async fn ask<T: redis::FromRedisValue>(&self, words: &str) -> T {
        let mut words_of = words.split(' ');
        let mut command = redis::cmd(words_of.next().expect("a command"));
        command.arg(words_of.collect::<Vec<_>>());
        command.query_async(&mut self.connection().await).await.unwrap_or_else(|e| panic!("{words}: {e}"))
    }

    /// A field of what `INFO` says.
    pub(crate) async fn info(&self, section: &str, field: &str) -> String {
        let info: String = self.ask(&format!("INFO {section}")).await;
        let field = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        field.expect("it says so").trim().to_owned()
    }
}

/// What is tried: `redis-server`, or another one that speaks the same, such as `valkey-server`.
fn program() -> String {
    std::env::var("HEADCOUNT_REDIS_SERVER").unwrap_or_else(|_| "redis-server".into())
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("redis.sock")
}

impl Drop for Server {
    fn drop(&mut self) {
        // The guard hears that nobody gives orders any more.
        self.orders.get_mut().expect("no order fails").take();
        let _ = self.guard.wait();
    }
}
