//! A Redis server of our own, on a socket in a folder of its own, gone with us.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;

/// A server that runs; killed when this is dropped, and by itself when we vanish.
pub(crate) struct Server {
    process: Child,
    /// Deleted by the shell, so that also the server of all tests leaves nothing behind.
    folder: PathBuf,
}

impl Server {
    /// The one that all tests share. It lives as long as the process that runs the tests.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// One with these options. Where there is no such program the test fails and says why: what was not tried has not passed.
    pub(crate) fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for it").keep();
        // A shell in between ends the server when we are gone, however that comes: its standard input is then at its end.
        let guarded = "redis-server - >log 2>&1 <<< \"$CONFIG\" & server=$!; cat >/dev/null; kill -9 $server; wait; cd /; rm -r -- \"$FOLDER\"";
        let config = format!(
            "port 0\nunixsocket {}\nsave \"\"\ndir {}\n",
            socket(&folder).display(),
            folder.display()
        );
        let options =
            options.chunks(2).map(|pair| format!("{} {}\n", pair[0].trim_start_matches('-'), pair[1]));
        let there = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        let there = there.is_ok_and(|status| status.success());
        assert!(there, "skipped: no redis-server on this machine (Debian's package of that name has it)");
        let process = Command::new("bash")
            .args(["-c", guarded])
            .current_dir(&folder)
            .env("FOLDER", &folder)
            .env("CONFIG", config + &options.collect::<String>())
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let server = Self { process, folder };
        let end = Instant::now() + Duration::from_secs(60);
        while std::os::unix::net::UnixStream::connect(socket(&server.folder)).is_err() {
            let log = std::fs::File::open(server.folder.join("log"));
            let said =
                || log.map(|log| BufReader::new(log).lines().map_while(Result::ok).collect::<Vec<_>>());
            assert!(Instant::now() < end, "it does not begin: {:?}", said());
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", socket(&self.folder).display())
    }

    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("an address");
        client.get_multiplexed_async_connection().await.expect("it runs")
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("redis.sock")
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
